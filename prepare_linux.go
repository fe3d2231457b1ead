package sandbox

import (
	"errors"
	"slices"
	"strings"

	"github.com/seed-d1379373/sandbox/caps"
	"github.com/seed-d1379373/sandbox/internal/plan"
	"github.com/seed-d1379373/sandbox/seccomp"
)

// prepared is what a policy means on this host: everything about a start that
// does not depend on the command.
type prepared struct {
	host     *host
	identity *identity
	spec     plan.Spec // without Files and Command
	group    *groupPlan
	selinux  *seLinux // nil without a label
	report   *Report

	hasScratch     bool // each run has a directory in place of /tmp
	viewIsRepeated bool // by Landlock

	images   imageCache
	commands lastUsed[commandFile]
	waiting  imageCache // launchers and couriers of pools
	couriers imageCache
	views    preparedView
	larder   larder
	idMaps   idMappings
}

func (p *prepared) close() error {
	if p == nil {
		return nil
	}
	return errors.Join(p.closeCaches(), p.host.close())
}

// closeCaches gives back all but the host.
func (p *prepared) closeCaches() error {
	p.images.close()
	p.commands.close()
	p.waiting.close()
	p.couriers.close()
	return errors.Join(p.larder.close(), p.views.close(), p.idMaps.close())
}

// prepare works the policy out once. A failure is not kept: what was missing
// may be there next time.
func (s *Sandbox) prepare() (*prepared, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New("sandbox: closed")
	}
	if s.prepared != nil {
		return s.prepared, nil
	}
	h, err := newHost(s.settings.CgroupParent)
	if err != nil {
		return nil, unseen(err)
	}
	if h.cgroups != nil {
		h.cgroups.Sweep() // what a host program that was killed left behind; best effort
	}
	p, err := resolve(s.settings, h)
	if err == nil && s.settings.acceptsLastResort() {
		p, err = s.orLastResort(p)
	}
	if err != nil {
		h.close()
		return nil, err
	}
	s.prepared = p
	return p, nil
}

// resolve lowers the settings for a host.
func resolve(s *settings, h *host) (*prepared, error) {
	p := &prepared{host: h, report: &Report{Kernel: kernelRelease()}}
	id, err := resolveIdentity(s, h)
	if err != nil {
		return nil, err
	}
	p.identity = id
	if p.spec.View, err = resolveView(s, h, id); err != nil {
		return nil, err
	}
	state, err := s.grantable(id, h)
	if err != nil {
		return nil, err
	}
	p.spec.Privileged = h.canMount
	reach := state.Permitted.Union(state.Bounding)
	p.spec.UserNS = id.userNS(!reach.Empty(), h.canMount && reach.Has(caps.SysAdmin))
	p.spec.Namespaces = plan.Namespaces{
		Mount: true, PID: !s.joinsPID(), UTS: s.UTS == UTSPrivate, Cgroup: s.CgroupNamespace == CgroupPrivate,
		IPC:     s.IPC != IPCHost && !s.joinsIPC(),
		Network: s.Network == NetworkNone,
	}
	p.spec.NoInit = !s.Init
	p.spec.Direct = p.spec.Privileged && p.spec.Namespaces.PID && s.Init
	if p.spec.Direct && reach.Empty() {
		p.hasten()
	}
	p.spec.OOMScoreAdj, p.spec.Terminal = s.OOMScoreAdj, s.Terminal
	if err := p.labels(s); err != nil {
		return nil, err
	}
	if p.spec.Namespaces.UTS {
		p.spec.Hostname = s.Hostname
	}
	p.spec.Loopback = p.spec.Namespaces.Network
	p.spec.Identity = plan.Identity{UID: id.uid, GID: id.gid, Groups: id.groups, SetGroups: id.setGroups}
	p.spec.Caps = plan.Caps{
		Permitted: uint64(state.Permitted), Effective: uint64(state.Effective), Inheritable: uint64(state.Inheritable),
		Bounding: uint64(state.Bounding), Ambient: uint64(state.Ambient), Last: uint8(h.lastCap),
	}
	p.spec.NoNewPrivs = !s.NewPrivileges
	p.reportNamespaces(s)
	if err := p.filters(s, state); err != nil {
		return nil, err
	}
	if err := p.landlock(s, state); err != nil {
		return nil, err
	}
	if p.group, err = planGroup(s, h, id, p.report, p.looseDevice(s, reach)); err != nil {
		return nil, err
	}
	p.group.stranger = !p.spec.Privileged && p.spec.UserNS != nil && p.spec.UserNS.BuildUID != nil
	if err := p.limits(s); err != nil {
		return nil, err
	}
	return p, nil
}

// grantable are the command's capabilities as far as they can be given. In a
// user namespace of its own that is all that the kernel knows; in the host's it
// is what the caller holds, and one that was named must be among it.
func (s *settings) grantable(id *identity, h *host) (caps.State, error) {
	root := id.uid == 0
	if !s.hostUserNS(h) {
		return s.capState(root, h.known), nil
	}
	for _, name := range s.CapAdd {
		if c, err := caps.Parse(name); err == nil && !h.held.Has(c) && s.bounding(root).Has(c) {
			return caps.State{}, &UnsupportedError{
				Feature: c.String(),
				Reason:  "this process does not hold it, and without a user namespace it can give only what it holds",
				Fix:     "leave WithHostUserNS out, or give it to the host program",
			}
		}
	}
	return s.capState(root, h.known.Intersect(h.held)), nil
}

// hasten lets what takes long happen beside the launcher, where the command can
// have no capabilities, so that it does not matter to which user namespace its
// others belong.
func (p *prepared) hasten() {
	if u := p.spec.UserNS; u != nil && p.spec.View.HasProc() {
		u.AtFork = &plan.IDMapText{UID: p.identity.uids.Text(), GID: p.identity.gids.Text()}
	}
	p.spec.NetworkSent = p.spec.Namespaces.Network && !p.spec.AsksForMaps()
}

func (p *prepared) reportNamespaces(s *settings) {
	switch {
	case p.spec.UserNS == nil:
		p.report.set(FeatureUserNamespace, Off, "the ids inside are the host's", "")
	default:
		p.report.set(FeatureUserNamespace, Enforced, "uid map "+p.identity.uids.String()+", gid map "+p.identity.gids.String(), "")
	}
	p.report.set(FeatureNamespaces, Enforced, strings.Join(p.spec.Namespaces.Names(), ", "), "")
	p.report.set(FeatureMounts, Enforced, "own read-only root", "")
	e := p.identity.report
	p.report.set(e.Feature, e.State, e.Detail, e.Fix)
}

// guardCalls are all that the launcher's own processes do once the command
// runs.
var guardCalls = []string{
	"read", "ppoll", "wait4", "kill", "sendto", "sendmsg", "exit_group", "futex", "close", "close_range", "clock_gettime", "restart_syscall",
}

// filters compiles the command's filter and the launcher's own.
func (p *prepared) filters(s *settings, state caps.State) error {
	target := p.host.seccomp
	guard := &seccomp.Policy{
		DefaultAction: seccomp.ActKillProcess,
		Syscalls:      []seccomp.Rule{{Names: guardCalls, Action: seccomp.ActAllow}},
	}
	filter, err := guard.Compile(target)
	if err != nil {
		return err
	}
	p.spec.GuardFilter = filter.Bytes()

	policy := s.policy
	if policy == nil {
		policy = seccomp.Default()
	}
	if aboutTCP(s.LandlockRules) {
		policy = policy.With(detours()...)
	}
	if p.spec.LastResort != nil {
		policy = s.closeWays(policy)
	}
	if policy.IsUnconfined() {
		p.report.set(FeatureSeccomp, Off, "unconfined", "")
		return nil
	}
	target.Caps = state.Permitted.Union(state.Bounding).Names()
	if filter, err = policy.Compile(target); err != nil {
		return &OptionError{"WithSeccomp", "policy", err.Error()}
	}
	p.spec.Seccomp, p.spec.SeccompFlags = filter.Bytes(), policy.LoadFlags()
	p.spec.SeccompWaits = s.policy == nil && !aboutTCP(s.LandlockRules) // see TestDefaultFilterLetsTheLauncherFinish
	p.report.set(FeatureSeccomp, Enforced, s.Seccomp+" profile", "")
	return nil
}

// limits are those by process. They may be lowered by anyone and raised by
// nobody here, so a default is cut to what the caller has.
func (p *prepared) limits(s *settings) error {
	limits := map[string]Rlimit{}
	for name, r := range s.Rlimits {
		limits[name] = cutDefault(s, name, r)
	}
	if p.group.processes > 0 {
		limits["NPROC"] = Rlimit{uint64(p.group.processes), uint64(p.group.processes)}
	}
	if s.CPUTime > 0 {
		// A second line, by process: whole seconds, rounded up.
		seconds := uint64((s.CPUTime + 1e9 - 1) / 1e9)
		limits["CPU"] = Rlimit{seconds, seconds + 1}
	}
	for _, name := range rlimitNames() {
		if r, ok := limits[name]; ok {
			p.spec.Limits.Resources = append(p.spec.Limits.Resources, plan.Rlimit{Name: name, Resource: rlimitNumbers[name], Soft: r.Soft, Hard: r.Hard})
		}
	}
	return nil
}

// bestEffort says whether a feature may be missing.
func (s *settings) bestEffort(f Feature) bool { return slices.Contains(s.BestEffort, f) }
