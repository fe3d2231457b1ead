package sandbox

import (
	"context"
	"errors"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/seed-d1379373/sandbox/cgroup"
	"github.com/seed-d1379373/sandbox/lsm"
)

// Probe finds out what this host can enforce for this caller, why not, and what
// would fix it. It does so by building a sandbox with every step of a real one
// and no program in it: what a file or a capability set says about the host is
// not enough.
func Probe() *Report {
	report, refused := probe(slices.DeleteFunc(slices.Clone(features), func(f Feature) bool { return slices.Contains(lastResortFeatures, f) }))
	if refused {
		if last, _ := probe(features); len(last.Losses) > 0 {
			return last
		}
	}
	return report
}

// probe builds a sandbox where some features may be missing, and says whether it is
// others that are.
func probe(missing []Feature) (_ *Report, refused bool) {
	s := newSettings([]Option{WithBestEffort(missing...)})
	s.Memory, s.CPUShares, s.Pids, s.CPUTime = defaultMemory, 1024, defaultPids, time.Hour
	s.CPUSet = cpusOfHost()
	report := &Report{Kernel: kernelRelease()}
	defer func() { report.securityModules() }()
	if err := s.validate(); err != nil {
		report.set(FeatureNamespaces, Unknown, err.Error(), "")
		return report, false
	}
	box := &Sandbox{settings: s}
	defer box.Close()
	prepared, err := box.prepare()
	if err != nil {
		report.fail(err)
		return report, false
	}
	report = prepared.report
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := box.runNothing(ctx); err != nil {
		report.fail(err)
		refused = errors.Is(err, errors.ErrUnsupported)
	}
	for _, c := range []struct {
		feature    Feature
		controller string
	}{{FeatureIO, "io"}, {FeatureDevices, "devices"}, {FeatureFreezer, "freezer"}} {
		report.controller(prepared.host, c.feature, c.controller)
	}
	return report, refused
}

// runNothing builds a sandbox and ends it where the program would be executed.
func (s *Sandbox) runNothing(ctx context.Context) (*Result, error) {
	st := &start{cmd: &exec.Cmd{Path: "/", Args: []string{"nothing"}}, nothing: true}
	if err := s.run(ctx, st); err != nil {
		return nil, err
	}
	return st.p.Wait()
}

// fail records what an error of a start says about the host.
func (r *Report) fail(err error) {
	var unsupported *UnsupportedError
	var setup *SetupError
	switch {
	case errors.As(err, &unsupported):
		r.set(Feature(unsupported.Feature), Missing, unsupported.Reason, unsupported.Fix)
	case errors.As(err, &setup):
		r.set(featureOf(setup.Step), Missing, setup.Error(), "")
	default:
		r.set(FeatureNamespaces, Unknown, err.Error(), "")
	}
}

// featureOf is the feature that a step belongs to.
func featureOf(step string) Feature {
	if step == "create cgroup namespace" {
		return FeatureNamespaces
	}
	for prefix, f := range map[string]Feature{
		"map user": FeatureUserNamespace, "create user": FeatureUserNamespace, "mount": FeatureMounts, "bind": FeatureMounts,
		"mask": FeatureMounts, "make": FeatureMounts, "enter the new root": FeatureMounts, "load seccomp": FeatureSeccomp,
		"create Landlock": FeatureLandlock, "enforce Landlock": FeatureLandlock, "add Landlock": FeatureLandlock,
		"set supplementary": FeatureGroups, "enter cgroup": FeatureMemory, "create cgroup": FeatureMemory,
	} {
		if strings.HasPrefix(step, prefix) {
			return f
		}
	}
	return FeatureNamespaces
}

// controller records whether a cgroup controller can be used.
func (r *Report) controller(h *host, f Feature, name string) {
	if h.cgroups == nil {
		r.set(f, Missing, h.cgroupErr.Error(), "")
		return
	}
	for _, c := range h.cgroups.Controllers() {
		if c.Controller != name {
			continue
		}
		if c.Err != nil {
			u := unsupportedGroup(f, c.Err)
			r.set(f, Missing, u.Reason, u.Fix)
			return
		}
		r.set(f, Enforced, "cgroup v"+string(rune('0'+c.Version)), "")
	}
}

// securityModules records whether AppArmor and SELinux are there and enforced.
func (r *Report) securityModules() {
	active, err := lsm.AppArmorActive()
	state, detail, fix := appArmorState(active, err)
	if state == Enforced {
		detail = "active; this process's own profile cannot be told"
		if own, err := lsm.OwnConfinement(); err == nil {
			detail = "active; this process: " + own.String()
		}
	}
	r.set(FeatureAppArmor, state, detail, fix)
	host, err := lsm.ReadSELinux()
	if state, detail, fix = selinuxState(host, err); state == Enforced {
		detail = "enforcing; this process: " + host.Own.String()
	}
	r.set(FeatureSELinux, state, detail, fix)
}

// cpusOfHost is the list of CPUs that this process may use.
func cpusOfHost() string {
	ids := make([]int, runtime.NumCPU())
	for i := range ids {
		ids[i] = i
	}
	return cgroup.FormatCPUList(ids)
}
