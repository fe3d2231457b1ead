package sandbox

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/seed-d1379373/sandbox/internal/plan"
	"github.com/seed-d1379373/sandbox/namespace"
)

// nobody is the id of the unprivileged user by convention, and of whatever has
// no name in a user namespace.
const nobody = 65534

// identity is who the command is, inside and outside.
type identity struct {
	uid, gid   uint32
	groups     []uint32
	name, home string
	uids, gids namespace.IDMaps // nil: no user namespace
	selfMap    bool             // the launcher may write the maps itself
	tools      *mapTools        // newuidmap and newgidmap, where they write them
	setGroups  bool
	report     Entry // about supplementary groups
}

// mapTools are the programs that write maps for an ordinary caller.
type mapTools struct{ uid, gid string }

// resolveIdentity finds the ids inside, and the maps that lead outside.
func resolveIdentity(s *settings, h *host) (*identity, error) {
	id := &identity{uid: h.uid, gid: h.gid, home: "/tmp"}
	switch {
	case s.named["WithUserRemap"] || s.named["WithIDMap"]:
		id.uid, id.gid = 0, 0
	case h.uid == 0 || h.gid == 0:
		id.uid, id.gid = nobody, nobody
	}
	if s.User != "" {
		found, err := lookupUser(s)
		if err != nil {
			return nil, err
		}
		id.uid, id.gid, id.groups, id.name = found.UID, found.GID, found.Groups, found.Name
		if found.NoGroup {
			id.gid = nobody
			if id.uid != 0 {
				id.gid = id.uid
			}
		}
	}
	if err := resolveGroups(s, id); err != nil {
		return nil, err
	}
	if id.name == "" {
		id.name = defaultName(id.uid)
	}
	switch {
	case s.hostUserNS(h):
		return id, hostIdentity(h, id)
	case s.named["WithUserRemap"] || s.named["WithIDMap"]:
		return id, mapRanges(s, h, id)
	}
	return id, mapIdentity(s, h, id)
}

// hostUserNS says whether there is no user namespace: it was asked for, or the
// caller is root and wants a privileged sandbox.
func (s *settings) hostUserNS(h *host) bool { return s.HostUserNS || s.Privileged && h.canMount }

// mapRanges is for WithUserRemap and WithIDMap.
func mapRanges(s *settings, h *host, id *identity) error {
	id.uids, id.gids = s.UIDMap, s.GIDMap
	if s.named["WithUserRemap"] {
		uids, gids, err := namespace.Remap(s.UserRemap)
		if err != nil {
			return &OptionError{"WithUserRemap", s.UserRemap, oneLine(err)}
		}
		id.uids, id.gids = uids, gids
	}
	for _, m := range []struct {
		what string
		id   uint32
		maps namespace.IDMaps
	}{{"user", id.uid, id.uids}, {"group", id.gid, id.gids}} {
		if _, ok := m.maps.ToOutside(m.id); !ok {
			return &OptionError{"WithUser", fmt.Sprintf("%d:%d", id.uid, id.gid), fmt.Sprintf("%s %d is not among the mapped ids %s", m.what, m.id, m.maps)}
		}
	}
	if err := mappedGroups(id); err != nil {
		return err
	}
	if !h.canMap && id.uids.SelfOnly(h.uid) && id.gids.SelfOnly(h.gid) {
		return mapOwnID(s, h, id)
	}
	id.setGroups = true
	id.report = Entry{FeatureGroups, Enforced, "set by setgroups(2)", ""}
	if h.canMap {
		return nil
	}
	return id.useTools(h)
}

// oneLine is for errors that join others.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// useTools is for an ordinary caller, whom the kernel lets map its own id only.
func (id *identity) useTools(h *host) error {
	if err := namespace.CheckOwner(id.uids, id.gids, h.uid, h.gid); err != nil {
		return &UnsupportedError{"the id map", oneLine(err), "have root add ranges for this user with usermod --add-subuids and --add-subgids", err}
	}
	uid, gid, err := namespace.LookupTools()
	if err != nil {
		var u *namespace.UnsupportedError
		if errors.As(err, &u) {
			return &UnsupportedError{"the id map", u.Reason, u.Fix, err}
		}
		return &UnsupportedError{"the id map", err.Error(), "install newuidmap and newgidmap, Debian's package uidmap", err}
	}
	id.tools = &mapTools{uid, gid}
	return nil
}

func defaultName(uid uint32) string {
	switch uid {
	case 0:
		return "root"
	case nobody:
		return "nobody"
	}
	return "sandbox"
}

// lookupUser resolves a user in the passwd and group files of the root.
func lookupUser(s *settings) (namespace.Identity, error) {
	passwd, err := openDatabase(s.RootFS, "passwd")
	if err != nil {
		return namespace.Identity{}, err
	}
	defer closeDatabase(passwd)
	group, err := openDatabase(s.RootFS, "group")
	if err != nil {
		return namespace.Identity{}, err
	}
	defer closeDatabase(group)
	found, err := namespace.LookupUser(s.User, passwd, group)
	if err != nil {
		return found, &OptionError{"WithUser", s.User, err.Error()}
	}
	return found, nil
}

// openDatabase opens /etc/NAME of a root without following a link out of it.
// A missing file is a nil reader.
func openDatabase(rootFS, name string) (io.Reader, error) {
	if rootFS == "" {
		rootFS = "/"
	}
	root, err := os.OpenRoot(rootFS)
	if err != nil {
		return nil, &SetupError{"open the root", rootFS, underlying(err)}
	}
	defer root.Close()
	f, err := root.Open(filepath.Join("etc", name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &SetupError{"read the user database", filepath.Join(rootFS, "etc", name), underlying(err)}
	}
	return f, nil
}

func closeDatabase(r io.Reader) {
	if c, ok := r.(io.Closer); ok {
		c.Close()
	}
}

// underlying takes the errno out of a path error.
func underlying(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// resolveGroups turns the names of WithGroups into ids.
func resolveGroups(s *settings, id *identity) error {
	if !s.named["WithGroups"] {
		return nil
	}
	id.groups = nil
	for _, g := range s.Groups {
		file, err := openDatabase(s.RootFS, "group")
		if err != nil {
			return err
		}
		found, err := namespace.LookupUser("0:"+g, nil, file)
		closeDatabase(file)
		if err != nil {
			return &OptionError{"WithGroups", g, err.Error()}
		}
		id.groups = append(id.groups, found.GID)
	}
	return nil
}

// hostIdentity is for WithHostUserNS.
func hostIdentity(h *host, id *identity) error {
	if !h.canMount {
		return &UnsupportedError{
			Feature: "the host's user namespace",
			Reason:  "this process has no CAP_SYS_ADMIN, so it needs a user namespace of its own",
			Fix:     "leave WithHostUserNS out or run as root",
		}
	}
	id.setGroups = true
	id.report = Entry{FeatureGroups, Enforced, "set by setgroups(2)", ""}
	return nil
}

// mapIdentity lays the id maps out.
func mapIdentity(s *settings, h *host, id *identity) error {
	if !h.canMap {
		return mapOwnID(s, h, id)
	}
	id.setGroups = true
	id.report = Entry{FeatureGroups, Enforced, "set by setgroups(2)", ""}
	if id.uid == 0 {
		uids, gids, err := namespace.Remap("root")
		if err == nil {
			id.uids, id.gids = uids, gids
			return mappedGroups(id)
		}
		// Without an entry in /etc/subuid root inside is nobody outside.
	}
	id.uids = namespace.IDMaps{{Inside: id.uid, Outside: unprivileged(id.uid), Count: 1}}
	for _, gid := range append([]uint32{id.gid}, id.groups...) {
		if _, ok := id.gids.ToOutside(gid); ok {
			continue
		}
		if _, taken := id.gids.ToInside(unprivileged(gid)); taken {
			return &OptionError{"WithGroups", fmt.Sprint(gid), "group 0 and group 65534 are the same group outside"}
		}
		id.gids = append(id.gids, namespace.IDMap{Inside: gid, Outside: unprivileged(gid), Count: 1})
	}
	return nil
}

// unprivileged is the id outside: never that of root.
func unprivileged(inside uint32) uint32 {
	if inside == 0 {
		return nobody
	}
	return inside
}

func mappedGroups(id *identity) error {
	for _, gid := range append([]uint32{id.gid}, id.groups...) {
		if _, ok := id.gids.ToOutside(gid); !ok {
			return &OptionError{"WithGroups", fmt.Sprint(gid), "not among the mapped ids " + id.gids.String()}
		}
	}
	return nil
}

// mapOwnID maps the caller's one id. The kernel lets a process do that itself
// if it gives up setgroups(2), so the supplementary groups stay.
func mapOwnID(s *settings, h *host, id *identity) error {
	id.uids = namespace.IDMaps{{Inside: id.uid, Outside: h.uid, Count: 1}}
	id.gids = namespace.IDMaps{{Inside: id.gid, Outside: h.gid, Count: 1}}
	id.selfMap = true
	held, err := os.Getgroups()
	if err != nil {
		return fmt.Errorf("sandbox: getgroups: %w", err)
	}
	if len(id.groups) > 0 && s.named["WithGroups"] {
		err := &UnsupportedError{
			Feature: string(FeatureGroups),
			Reason:  "an ordinary caller may not set supplementary groups",
			Fix:     "run as root, or leave WithGroups out",
		}
		if !s.bestEffort(FeatureGroups) {
			return err
		}
		id.report = Entry{FeatureGroups, Missing, err.Reason, err.Fix}
	}
	id.groups = nil
	extra := 0
	for _, g := range held {
		if uint32(g) != h.gid {
			extra++
		}
	}
	switch {
	case id.report.Feature != "":
	case extra > 0:
		id.report = Entry{FeatureGroups, Missing, fmt.Sprintf("%d supplementary groups of the caller stay: the kernel does not let an ordinary caller drop them", extra), "start the host program without them"}
	default:
		id.report = Entry{FeatureGroups, Enforced, "the caller has none", ""}
	}
	return nil
}

// outside are the command's ids in the host's user namespace.
func (id *identity) outside() (uid, gid uint32, ok bool) {
	if id.uids == nil {
		return id.uid, id.gid, true
	}
	uid, user := id.uids.ToOutside(id.uid)
	gid, group := id.gids.ToOutside(id.gid)
	return uid, gid, user && group
}

// excludesRoot says whether the host's root user and group do not exist inside.
func (id *identity) excludesRoot() bool {
	if id.uids == nil {
		return false
	}
	_, user := id.uids.ToInside(0)
	_, group := id.gids.ToInside(0)
	return !user && !group
}

// single says whether the user namespace has one user, whom the command cannot
// but be.
func (id *identity) single() bool { return len(id.uids) == 1 && id.uids[0].Count == 1 }

// userNS lowers the maps. Capabilities call for a lock on the mounts, and the
// right to mount for mounts of one's own.
func (id *identity) userNS(lock, mounts bool) *plan.UserNS {
	if id.uids == nil {
		return nil
	}
	u := &plan.UserNS{Mounts: mounts}
	if id.selfMap {
		u.SelfMap = &plan.IDMapText{UID: id.uids.Text(), GID: id.gids.Text()}
		if lock {
			u.Lock = &plan.IDMapText{UID: sameID(id.uid), GID: sameID(id.gid)}
		}
		return u
	}
	uid, gid := id.uid, id.gid
	u.BuildUID, u.BuildGID = &uid, &gid
	return u
}

func sameID(id uint32) string { return fmt.Sprintf("%d %d 1\n", id, id) }

// passwd and group are the files of the default view: root, nobody and the
// user, and nobody else of the host.
func (id *identity) passwd() string {
	var b strings.Builder
	line := func(name string, uid, gid uint32, home string) {
		fmt.Fprintf(&b, "%s:x:%d:%d:%s:%s:/bin/sh\n", name, uid, gid, name, home)
	}
	line("root", 0, 0, "/tmp")
	if id.uid != 0 && id.uid != nobody {
		line(id.name, id.uid, id.gid, id.home)
	}
	line("nobody", nobody, nobody, "/tmp")
	return b.String()
}

func (id *identity) group() string {
	var b strings.Builder
	fmt.Fprintf(&b, "root:x:0:\n")
	if id.gid != 0 && id.gid != nobody {
		fmt.Fprintf(&b, "%s:x:%d:\n", id.name, id.gid)
	}
	fmt.Fprintf(&b, "nogroup:x:%d:\n", nobody)
	return b.String()
}

// write writes the maps of a launcher that waits for them.
func (id *identity) write(pid int) error {
	if id.tools != nil {
		return id.runTools(pid)
	}
	for _, f := range []struct {
		name string
		maps namespace.IDMaps
	}{{"uid_map", id.uids}, {"gid_map", id.gids}} {
		p := fmt.Sprintf("/proc/%d/%s", pid, f.name)
		if err := os.WriteFile(p, []byte(f.maps.Text()), 0); err != nil {
			return &SetupError{"map user and group ids", p, fmt.Errorf("%q: %w", f.maps.String(), underlying(err))}
		}
	}
	return nil
}

// runTools has newuidmap and newgidmap write the maps.
func (id *identity) runTools(pid int) error {
	for _, argv := range [][]string{
		append([]string{id.tools.uid}, namespace.Newuidmap(pid, id.uids)[1:]...),
		append([]string{id.tools.gid}, namespace.Newgidmap(pid, id.gids)[1:]...),
	} {
		out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
		if err != nil {
			return &SetupError{"map user and group ids", argv[0], fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))}
		}
	}
	return nil
}
