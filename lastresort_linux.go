package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/caps"
	"github.com/seed-d1379373/sandbox/internal/plan"
	"github.com/seed-d1379373/sandbox/lsm"
	"github.com/seed-d1379373/sandbox/namespace"
)

// lastResortFeatures are those whose want the last resort makes up for. A caller
// who can do without some of them only gets an error.
var lastResortFeatures = []Feature{FeatureUserNamespace, FeatureNamespaces, FeatureMounts}

// acceptsLastResort says whether the caller has listed all of them.
func (s *settings) acceptsLastResort() bool {
	return !slices.ContainsFunc(lastResortFeatures, func(f Feature) bool { return !s.bestEffort(f) })
}

// orLastResort keeps a sandbox that can be built, and replaces one that the kernel
// refuses by the last resort. Only a start tells the two apart, and no later one:
// a command of os/exec can be started once.
func (s *Sandbox) orLastResort(p *prepared) (*prepared, error) {
	refused := s.refusal(p)
	if refused == nil {
		return p, nil
	}
	closed := p.closeCaches()
	last, err := resolveLastResort(s.settings, p.host, refused)
	if err != nil {
		return nil, err
	}
	return last, closed
}

// refusal builds the sandbox with no program in it and says what of the last
// resort's features the kernel refuses, if it does.
func (s *Sandbox) refusal(p *prepared) *UnsupportedError {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	st := &start{settings: s.settings, prepared: p, cmd: &exec.Cmd{Path: "/", Args: []string{"nothing"}}, began: time.Now(), nothing: true}
	err := st.run(ctx)
	if err == nil {
		st.p.Wait()
		return nil
	}
	st.abandon()
	var u *UnsupportedError
	if !errors.As(err, &u) || !slices.Contains(lastResortFeatures, Feature(u.Feature)) {
		return nil // the start itself will say so
	}
	if errors.Is(err, unix.ENOSPC) && sysctl("user/max_user_namespaces") != "0" {
		return nil // too many at the moment, which must not make a sandbox weaker
	}
	return u
}

// resolveLastResort lowers the settings for a host that gives neither namespaces
// nor mounts. What Landlock and the filter cannot make up for is in the report's
// losses where the program can do less for it, and an error where it could do more.
func resolveLastResort(s *settings, h *host, refused *UnsupportedError) (*prepared, error) {
	r := &lastResort{settings: s, host: h, refused: refused}
	if err := r.impossible(); err != nil {
		return nil, err
	}
	id, err := r.identity()
	if err != nil {
		return nil, err
	}
	view, err := resolveView(s, h, id)
	if err != nil {
		return nil, err
	}
	p := &prepared{host: h, identity: id, report: &Report{Kernel: kernelRelease()}}
	p.spec = plan.Spec{
		LastResort: r.spec(), NoNewPrivs: true, OOMScoreAdj: s.OOMScoreAdj, Terminal: s.Terminal,
		Identity: plan.Identity{UID: id.uid, GID: id.gid, Groups: id.groups, SetGroups: id.setGroups},
		Caps:     plan.Caps{Last: uint8(h.lastCap)},
	}
	r.report(p)
	sweepScratch()
	if err := p.labels(s); err != nil {
		return nil, err
	}
	if err := p.filters(s, caps.State{}); err != nil {
		return nil, err
	}
	if e, _ := p.report.Entry(FeatureSeccomp); e.State == Enforced {
		p.report.set(FeatureSeccomp, Enforced, e.Detail+", and refusals in place of namespaces", "")
	}
	if err := r.landlock(p, view); err != nil {
		return nil, err
	}
	if p.group, err = planGroup(s, h, id, p.report, ""); err != nil {
		return nil, err
	}
	r.brake(p)
	p.hasScratch = r.scratch
	p.report.Losses = r.losses(view)
	return p, p.limits(s)
}

// lastResort works out what a policy means without namespaces and mounts.
type lastResort struct {
	*settings
	host    *host
	refused *UnsupportedError
	id      *identity
	drop    bool     // the caller can give the command an id of its own
	scratch bool     // there is a directory in place of /tmp
	lost    []string // about what options asked for
}

// impossible is about what would let the command do more than was asked for, or
// nothing of use.
func (r *lastResort) impossible() error {
	h := r.host
	switch {
	case h.landlock == 0:
		return r.without("Landlock is needed in their place: "+h.landlockErr.Error(), landlockFix)
	case h.landlock < 6:
		return r.without(fmt.Sprintf("Landlock, which is needed in their place, does not keep signals inside (version %d)", h.landlock), "boot Linux 6.12 or later")
	}
	_, networkFrom := r.Network.(networkOf)
	_, networkAt := r.Network.(networkPath)
	for _, o := range []struct {
		option string
		given  bool
	}{
		{"WithPrivileged", r.Privileged}, {"WithHostUserNS", r.HostUserNS}, {"WithNewPrivileges", r.NewPrivileges},
		{"AddCap", len(r.CapAdd) > 0}, {"WithUserRemap", r.named["WithUserRemap"]}, {"WithIDMap", r.named["WithIDMap"]},
		{"WithIDMappedBind", slices.ContainsFunc(r.Mounts, func(m Mount) bool { return m.Owner != nil })},
		{"WithRootFS", r.RootFS != ""}, {"WithNetwork", networkFrom || networkAt},
		{"WithDevice with another name inside", !r.bestEffort(FeatureDevices) && slices.ContainsFunc(r.devices, func(d device) bool { return d.inside != d.host })},
		{"WithIPC", r.joinsIPC()}, {"WithPIDNamespace", r.joinsPID()}, {"WithoutLandlock", !r.Landlock},
	} {
		if o.given {
			return r.without(o.option+" needs them", "leave "+o.option+" out")
		}
	}
	return nil
}

// without is the error of a host on which the last resort cannot be had either.
func (r *lastResort) without(why, fix string) error {
	e := *r.refused
	e.Reason += "; without them a last resort was asked for, but " + why
	e.Fix += ", or " + fix
	return &e
}

// identity is the caller's own, or for root nobody's: the ids are the host's.
func (r *lastResort) identity() (*identity, error) {
	h := r.host
	r.drop = h.canMap && h.held.Has(caps.SetPCap) && h.held.Has(caps.Kill)
	id := &identity{uid: h.uid, gid: h.gid, home: "/tmp", setGroups: r.drop}
	if r.drop && (h.uid == 0 || h.gid == 0) {
		id.uid, id.gid = nobody, nobody
	}
	if err := r.askedUser(id); err != nil {
		return nil, err
	}
	if err := resolveGroups(r.settings, id); err != nil {
		return nil, err
	}
	if id.uid == 0 || id.gid == 0 {
		return nil, r.without("the command would be root of the host", "run the host program as an ordinary user, or leave WithUser out")
	}
	if r.drop && !(mappedHere("/proc/self/uid_map", id.uid) && mappedHere("/proc/self/gid_map", id.gid)) {
		return nil, r.without(fmt.Sprintf("the command's ids %d:%d do not exist in this process's user namespace", id.uid, id.gid), "run the host program as an ordinary user")
	}
	if id.name == "" {
		id.name = defaultName(id.uid)
	}
	r.id = id
	if r.drop {
		id.report = Entry{FeatureGroups, Enforced, "set by setgroups(2)", ""}
		return id, nil
	}
	kept := *id
	if err := mapOwnID(r.settings, h, &kept); err != nil {
		return nil, err
	}
	id.groups, id.report = nil, kept.report
	return id, nil
}

// mappedHere says whether an id exists in this process's user namespace.
func mappedHere(file string, id uint32) bool {
	f, err := os.Open(file)
	if err != nil {
		return true // a kernel without user namespaces
	}
	defer f.Close()
	maps, err := namespace.ReadIDMaps(f)
	if err != nil {
		return false
	}
	_, ok := maps.ToOutside(id)
	return ok
}

// askedUser is WithUser, which takes a caller that can change ids.
func (r *lastResort) askedUser(id *identity) error {
	if r.User == "" {
		return nil
	}
	found, err := lookupUser(r.settings)
	if err != nil {
		return err
	}
	if found.NoGroup {
		found.GID = id.gid
	}
	switch {
	case r.drop:
		id.uid, id.gid, id.groups, id.name = found.UID, found.GID, found.Groups, found.Name
	case found.UID == id.uid && found.GID == id.gid:
		id.name = found.Name
	default:
		r.lost = append(r.lost, fmt.Sprintf("WithUser(%s): the command has the host program's user and group, %d:%d", r.User, id.uid, id.gid))
	}
	return nil
}

// spec is what the launcher needs to know.
func (r *lastResort) spec() *plan.LastResort {
	const quiet = 1 // LANDLOCK_RESTRICT_SELF_LOG_SAME_EXEC_OFF, or the audit log gets each process that is not killed
	scope := plan.Landlock{Scoped: uint64(lsm.ScopeSignal), Size: lsm.AttrSize(r.host.landlock)}
	if r.host.landlock >= 7 {
		scope.Flags = quiet
	}
	return &plan.LastResort{Scope: scope, Drop: r.drop, ScratchRight: uint64(writeRights(r.host.landlock))}
}

// report says what is refused, and what stands in for it.
func (r *lastResort) report(p *prepared) {
	u := r.refused
	why := u.Reason
	p.report.set(FeatureUserNamespace, Missing, why, u.Fix)
	p.report.set(FeatureNamespaces, Missing, why, u.Fix)
	p.report.set(FeatureMounts, Missing, why, u.Fix)
	e := r.id.report
	p.report.set(e.Feature, e.State, e.Detail, e.Fix)
}

// brake keeps a fork bomb from using up the user's processes where no cgroup does.
// It counts all of the user's, and so may refuse a fork early.
func (r *lastResort) brake(p *prepared) {
	e, _ := p.report.Entry(FeaturePids)
	if e.State != Missing {
		return
	}
	p.group.processes = tasksOf(r.id.uid) + r.Pids
	detail := fmt.Sprintf("%s; RLIMIT_NPROC refuses a fork when the user has %d processes and threads, those outside included", e.Detail, p.group.processes)
	p.report.set(FeaturePids, Missing, detail, e.Fix)
}
