package sandbox

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/caps"
	"github.com/seed-d1379373/sandbox/cgroup"
	"github.com/seed-d1379373/sandbox/internal/plan"
	"github.com/seed-d1379373/sandbox/lsm"
)

// devices adds the nodes that options name. A caller that can make nodes makes
// one that belongs to the sandbox's user; an ordinary one binds the host's, with
// the host's permissions.
func (v *view) devices() error {
	for _, d := range v.settings.devices {
		n, err := lookupDevice(d)
		if err != nil {
			return err
		}
		if parent := path.Dir(d.inside); parent != "/dev" {
			v.dir(parent, 0o755)
		}
		v.made[d.inside] = true
		if !v.host.canMount {
			v.file(d.inside, "")
			v.keep(plan.Bind{Source: d.host, Path: d.inside, Flags: plan.NoSuid | plan.NoExec})
			continue
		}
		uid, gid, _ := v.identity.outside()
		v.keep(plan.Node{Path: d.inside, Mode: n.mode, Block: n.block, Major: n.major, Minor: n.minor, UID: uid, GID: gid})
	}
	return nil
}

// hostDev shows all devices of the host, with terminals and queues of the
// sandbox's own.
func (v *view) hostDev() {
	v.dir("/dev", 0o755)
	v.keep(plan.Bind{Source: "/dev", Path: "/dev", Flags: plan.NoSuid})
	for _, p := range []string{"/dev/pts", "/dev/shm", "/dev/mqueue"} {
		_, err := os.Stat(p)
		v.made[p] = err == nil // nothing can be made in the host's /dev
	}
	if v.made["/dev/pts"] {
		v.fresh(devpts)
	}
}

// deviceNode is what stat(2) says of a device.
type deviceNode struct {
	block        bool
	major, minor uint32
	mode         uint32 // permissions for the owner, by the access asked for
}

func lookupDevice(d device) (deviceNode, error) {
	var st unix.Stat_t
	if err := unix.Stat(d.host, &st); err != nil {
		return deviceNode{}, &SetupError{"look at the device", d.host, err}
	}
	n := deviceNode{major: unix.Major(uint64(st.Rdev)), minor: unix.Minor(uint64(st.Rdev))}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFBLK:
		n.block = true
	case unix.S_IFCHR:
	default:
		return n, &OptionError{"WithDevice", d.host, "not a device"}
	}
	if d.reads() {
		n.mode |= 0o400
	}
	if d.writes() {
		n.mode |= 0o200
	}
	return n, nil
}

func (d device) reads() bool  { return strings.Contains(d.access, "r") }
func (d device) writes() bool { return strings.Contains(d.access, "w") }

// rights are those of all that the access gives.
func (d device) rights(all lsm.FileRights) lsm.FileRights {
	if !d.reads() {
		all &^= lsm.FSReadFile
	}
	if !d.writes() {
		all &^= lsm.FSWriteFile | lsm.FSTruncate
	}
	return all
}

// looseDevice is the first device with an access that is less than a command would
// have which may do so much, if no cgroup refused it; empty if there is none. The
// permissions of a node that was made bind a command without capabilities, but the
// host's own node has the host's. Landlock withholds writing, and cannot withhold
// reading, which it allows of everything in the view.
func (p *prepared) looseDevice(s *settings, reach caps.Set) string {
	for _, d := range s.devices {
		switch {
		case d.reads() && d.writes():
		case p.host.canMount && !reach.Has(caps.DACOverride) && (d.reads() || !reach.Has(caps.DACReadSearch)):
		case d.reads() && p.viewIsRepeated && !s.writesBelow(d.inside):
		default:
			return fmt.Sprintf("access %q to %s", d.access, d.inside)
		}
	}
	return ""
}

// writesBelow says whether the view lets the command write where a path is.
func (s *settings) writesBelow(p string) bool {
	return slices.ContainsFunc(writable(s), func(w writablePath) bool { return within(p, w.path) })
}

// deviceRules are the default devices, the sandbox's terminals, and what
// options allow. Everything else is refused.
func deviceRules(s *settings) []cgroup.DeviceRule {
	rules := []cgroup.DeviceRule{{Type: 'a', Major: -1, Minor: -1, Access: "rwm"}}
	for _, d := range devices {
		rules = append(rules, cgroup.DeviceRule{Type: 'c', Major: int64(d.major), Minor: int64(d.minor), Access: "rw", Allow: true})
	}
	rules = append(rules,
		cgroup.DeviceRule{Type: 'c', Major: 136, Minor: -1, Access: "rw", Allow: true}, // pts
		cgroup.DeviceRule{Type: 'c', Major: 5, Minor: 2, Access: "rw", Allow: true})    // ptmx
	for _, d := range s.devices {
		n, err := lookupDevice(d)
		if err != nil {
			continue // resolving the view reports it
		}
		kind := byte('c')
		if n.block {
			kind = 'b'
		}
		rules = append(rules, cgroup.DeviceRule{Type: kind, Major: int64(n.major), Minor: int64(n.minor), Access: d.access, Allow: true})
	}
	return append(rules, s.deviceRules...)
}
