package sandbox

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/cgroup"
)

// groupPlan is what the limits mean on this host.
type groupPlan struct {
	needed    bool
	limits    cgroup.Limits
	options   cgroup.Options
	places    []cgroup.Place // one file to enter the group by for each
	stranger  bool           // PID 1 has another id than the caller, who owns the groups
	processes int64          // RLIMIT_NPROC in place of the pids controller; 0 for none
}

// planGroup decides for each limit whether the host can enforce it. A limit
// that the caller named, or a whole feature, fails closed. A loose device is one whose
// access nothing else limits.
func planGroup(s *settings, h *host, id *identity, report *Report, looseDevice string) (*groupPlan, error) {
	g := &groupPlan{}
	if s.CgroupParent != "" && h.cgroupErr != nil {
		return nil, unsupportedGroup("the cgroup parent", h.cgroupErr)
	}
	support := func(controller string) cgroup.Support {
		if h.cgroupErr != nil {
			return cgroup.Support{Controller: controller, Err: h.cgroupErr}
		}
		return h.cgroups.Controller(controller)
	}
	wants := []struct {
		feature    Feature
		controller string
		wanted     bool
		named      bool
		detail     string
		use        func()
		instead    func() bool // another way to enforce it
		rather     bool        // that way is the better one here
		what       string      // of the feature is wanted, if that needs saying
	}{
		{
			feature: FeatureMemory, controller: "memory", detail: sizeText(s.Memory) + memoryDetail(s),
			wanted: s.Memory != Unlimited || s.MemoryReservation > 0,
			named:  s.named["WithMemory"] || s.named["WithMemorySwap"] || s.named["WithMemoryReservation"],
			use: func() {
				g.limits.Memory, g.limits.MemoryReservation = max(s.Memory, 0), s.MemoryReservation
				if s.Memory != Unlimited {
					g.limits.MemorySwap = s.MemorySwap
				}
				g.limits.OOMGroup = false
			},
		},
		{
			feature: FeatureCPU, controller: "cpu", wanted: s.CPUShares > 0 || s.CPUs > 0, named: true,
			detail: cpuDetail(s),
			use:    func() { g.limits.CPUShares, g.limits.CPUs = s.CPUShares, s.CPUs },
		},
		{
			feature: FeatureCPUSet, controller: "cpuset", wanted: s.CPUSet != "" || s.CPUSetMems != "", named: true,
			detail: s.CPUSet,
			use:    func() { g.limits.CPUSet, g.limits.CPUSetMems = s.CPUSet, s.CPUSetMems },
		},
		{
			feature: FeaturePids, controller: "pids", wanted: s.Pids != Unlimited, named: s.named["WithPids"],
			detail: fmt.Sprintf("%d processes and threads", s.Pids),
			use:    func() { g.limits.Pids = s.Pids },
			instead: func() bool {
				if !id.single() {
					return false // the kernel counts by user
				}
				g.processes = s.Pids
				if s.Init {
					g.processes++ // PID 1 is counted here
				}
				report.set(FeaturePids, Enforced, fmt.Sprintf("%d processes and threads, by RLIMIT_NPROC in the user namespace", s.Pids), "")
				return true
			},
			// A hierarchy of its own takes a start longer than a limit that
			// nobody named is worth.
			rather: !s.named["WithPids"] && support("pids").Version == 1,
		},
		{
			feature: FeatureIO, controller: "io", wanted: s.IOWeight > 0 || len(s.IOMax) > 0, named: true,
			detail: "weight and rates",
			use: func() {
				g.limits.IOWeight = s.IOWeight
				for device, l := range s.IOMax {
					g.limits.IOMax = append(g.limits.IOMax, l.lower(device))
				}
			},
		},
		{
			feature: FeatureDevices, controller: "devices", wanted: len(s.devices)+len(s.deviceRules) > 0 && !s.Privileged,
			named: len(s.deviceRules) > 0 || looseDevice != "", what: looseDevice, detail: "by the devices cgroup and by the nodes that exist",
			use: func() { g.limits.Devices = deviceRules(s) },
			instead: func() bool {
				if len(s.deviceRules) > 0 || looseDevice != "" {
					return false
				}
				report.set(FeatureDevices, Enforced, "by the nodes that exist: nothing inside can make another", "")
				return true
			},
		},
		{
			feature: FeatureCPUTime, controller: "cpuacct", wanted: s.CPUTime > 0, named: true,
			detail: fmt.Sprintf("%v in all", s.CPUTime),
			use:    func() { g.options.Controllers = append(g.options.Controllers, "cpuacct") },
		},
	}
	var refused error
	for _, want := range wants {
		// A default is not worth the time that it takes to ask.
		have := support(want.controller)
		if want.wanted && want.named && want.instead == nil && have.Err != nil && have.Version == 2 && h.mayDelegate(s) {
			refused = h.delegate()
			break
		}
	}
	for _, want := range wants {
		if !want.wanted {
			report.set(want.feature, Off, "no limit asked", "")
			continue
		}
		err := support(want.controller).Err
		switch {
		case want.rather && want.instead():
		case err == nil:
			g.needed = true
			want.use()
			if h.keeper != nil {
				want.detail += ", in a scope of the user's systemd"
			}
			report.set(want.feature, Enforced, want.detail, "")
		case want.instead != nil && want.instead():
		case want.named && !s.bestEffort(want.feature):
			return g, unsupportedGroup(want.feature, err).because(refused).about(want.what)
		default:
			u := unsupportedGroup(want.feature, err).because(refused).about(want.what)
			if !want.named && support(want.controller).Version == 2 && h.mayDelegate(s) {
				u.Fix = "name the limit, for which systemd is asked for a cgroup, or " + u.Fix
			}
			report.set(want.feature, Missing, u.Reason, u.Fix)
		}
	}
	if s.joinsPID() {
		if err := support("freezer").Err; err != nil {
			u := unsupportedGroup("joining a PID namespace", err)
			u.Reason = "what the command leaves behind could not be ended: " + u.Reason
			return nil, u
		}
		g.needed, g.options.Freezer = true, true
	}
	if !g.needed {
		return g, nil
	}
	g.options.Controllers = append(g.options.Controllers, measured(s, h)...)
	var err error
	g.places, err = h.cgroups.Places(g.limits, g.options)
	return g, err
}

// measured are the controllers that Stats reads though no limit needs them: CPU
// time and disk traffic. On v1 each takes a directory of its own, which a sandbox
// with default limits alone is spared, and disk traffic is left out.
func measured(s *settings, h *host) (controllers []string) {
	for _, name := range []string{"cpuacct", "io"} {
		c := h.cgroups.Controller(name)
		cheap := c.Version == 2
		if c.Err == nil && (c.Controller == "cpuacct" && (cheap || s.namesLimit()) || c.Controller == "io" && cheap) {
			controllers = append(controllers, c.Controller)
		}
	}
	return controllers
}

// namesLimit says whether the caller asked for a cgroup's limit.
func (s *settings) namesLimit() bool {
	return slices.ContainsFunc(groupOptions, func(name string) bool { return s.named[name] })
}

func memoryDetail(s *settings) string {
	switch {
	case s.MemorySwap == Unlimited:
		return ", and swap"
	case s.MemorySwap > s.Memory:
		return fmt.Sprintf(", and %s of swap", sizeText(s.MemorySwap-s.Memory))
	}
	return " without swap"
}

func cpuDetail(s *settings) string {
	switch {
	case s.CPUs > 0 && s.CPUShares > 0:
		return fmt.Sprintf("%g CPUs, %d shares", s.CPUs, s.CPUShares)
	case s.CPUs > 0:
		return fmt.Sprintf("%g CPUs", s.CPUs)
	}
	return fmt.Sprintf("%d shares", s.CPUShares)
}

// unsupportedGroup explains why a controller cannot be used.
func unsupportedGroup(f Feature, err error) *UnsupportedError {
	var u *cgroup.UnsupportedError
	if errors.As(err, &u) {
		return &UnsupportedError{string(f), u.Reason, strings.ReplaceAll(u.Fix, "DiscoverBelow", "WithCgroupParent"), err}
	}
	return &UnsupportedError{string(f), err.Error(), "run as root, or in a cgroup that is delegated to this user", err}
}

// because adds why a systemd that was asked gave no cgroup.
func (u *UnsupportedError) because(refused error) *UnsupportedError {
	if refused != nil {
		u.Reason += ", and " + strings.TrimPrefix(refused.Error(), "cgroup: ")
		u.Err = errors.Join(u.Err, refused)
	}
	return u
}

// about adds what it is that cannot be enforced.
func (u *UnsupportedError) about(what string) *UnsupportedError {
	if what != "" {
		u.Reason = what + " is enforced by nothing else: " + u.Reason
	}
	return u
}

// create makes the group of one start; nil where none is needed.
func (g *groupPlan) create(h *host) (*cgroup.Group, error) {
	if !g.needed {
		return nil, nil
	}
	group, err := h.cgroups.CreateWith("", g.limits, g.options)
	if err == nil {
		return group, nil
	}
	var u *cgroup.UnsupportedError
	if errors.As(err, &u) {
		return nil, unsupportedGroup(Feature(strings.ToLower(u.Feature)), err)
	}
	var e *cgroup.Error
	if errors.As(err, &e) {
		return nil, &SetupError{e.Op + " cgroup", e.Path, err}
	}
	return nil, &SetupError{"create cgroup", "", err}
}

func sizeText(n int64) string {
	switch {
	case n < 0:
		return "unlimited"
	case n >= 1<<30 && n%(1<<30) == 0:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

func isFile(source string) bool {
	if source == "" {
		return false
	}
	st, err := os.Stat(source)
	return err == nil && !st.IsDir()
}

// cutDefault lowers a default limit to the caller's own; one that the caller
// named stays as it is, and fails if it cannot be had.
func cutDefault(s *settings, name string, r Rlimit) Rlimit {
	if s.rlimitNamed[name] {
		return r
	}
	var own unix.Rlimit
	if unix.Getrlimit(rlimitNumbers[name], &own) != nil {
		return r
	}
	return Rlimit{min(r.Soft, own.Max), min(r.Hard, own.Max)}
}

// cloneInto says whether a command can be born in its group. PID 1, which makes
// it, needs the permission itself for that.
func (g *groupPlan) cloneInto() bool {
	return len(g.places) == 1 && g.places[0].Version == 2 && !g.stranger
}

// entrances are the files by which a command enters a group.
func (g *groupPlan) entrances(group *cgroup.Group) []*os.File {
	if dir := group.Dir(); dir != nil && g.cloneInto() {
		return []*os.File{dir}
	}
	return group.ProcsFiles() // with the permission of this process, who opened them
}
