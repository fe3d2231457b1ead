package sandbox

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d1379373/sandbox/caps"
	"github.com/seed-d1379373/sandbox/internal/plan"
	"github.com/seed-d1379373/sandbox/lsm"
)

// landlock makes the layers of Landlock: the file view once more, and the rules
// of WithLandlock. What one of them refuses is refused.
func (p *prepared) landlock(s *settings, state caps.State) error {
	p.landlockView(s, state)
	return p.landlockRules(s)
}

// landlockView repeats the file view as a second line. It is not there for a
// command that may mount: Landlock refuses every change of the mounts.
func (p *prepared) landlockView(s *settings, state caps.State) {
	abi := p.host.landlock
	switch {
	case !s.Landlock:
		p.report.set(FeatureLandlock, Off, "turned off", "")
		return
	case state.Permitted.Union(state.Bounding).Has(caps.SysAdmin):
		p.report.set(FeatureLandlock, Off, "the command may mount, which Landlock would refuse", "")
		return
	case abi == 0:
		p.report.set(FeatureLandlock, Missing, "the mounts alone make the view: "+p.host.landlockErr.Error(), landlockFix)
		return
	}
	handled := lsm.HandledFiles(abi)
	scopes := lsm.HandledScopes(abi)
	if s.Network != NetworkNone {
		scopes &^= lsm.ScopeAbstractUnix
	}
	write := handled &^ (lsm.FSMakeChar | lsm.FSMakeBlock)
	rules := lsm.Ruleset{HandledFiles: handled, Scoped: scopes, Paths: s.viewPaths(handled)}
	l := lowerLandlock("Landlock", abi, rules)
	for _, path := range writable(s) {
		l.Paths = append(l.Paths, path.rule(write))
	}
	p.spec.Landlock = append(p.spec.Landlock, l)
	p.viewIsRepeated = true
	p.report.set(FeatureLandlock, Enforced, "over the file view", "")
}

// viewPaths are what may be read and executed, and the devices.
func (s *settings) viewPaths(handled lsm.FileRights) []lsm.PathBeneath {
	read := lsm.FSExecute | lsm.FSReadFile | lsm.FSReadDir
	file := (lsm.FSReadFile | lsm.FSWriteFile | lsm.FSTruncate | lsm.FSIoctlDev) & handled
	dir := file | lsm.FSReadDir
	paths := []lsm.PathBeneath{{Path: "/", Rights: read}, {Path: "/proc", Rights: read | dir&^lsm.FSIoctlDev}}
	if slices.ContainsFunc(s.devices, func(d device) bool { return !d.writes() }) {
		// What is allowed beneath /dev could not be withheld from one device there.
		paths = append(paths, lsm.PathBeneath{Path: "/dev/pts", Rights: dir})
		for _, d := range devices {
			paths = append(paths, lsm.PathBeneath{Path: "/dev/" + d.name, Rights: file})
		}
	} else {
		paths = append(paths, lsm.PathBeneath{Path: "/dev", Rights: dir})
	}
	for _, d := range s.devices {
		paths = append(paths, lsm.PathBeneath{Path: d.inside, Rights: d.rights(file)})
	}
	return paths
}

const landlockFix = "boot a kernel with Landlock, 5.13 or later"

// landlockRules are the rules of WithLandlock, a layer of their own.
func (p *prepared) landlockRules(s *settings) error {
	if len(s.LandlockRules) == 0 {
		return nil
	}
	abi := p.host.landlock
	if abi == 0 {
		return s.lacking(p.report, FeatureLandlock, p.host.landlockErr.Error(), landlockFix)
	}
	rules, lost := lsm.Lower(abi, s.LandlockRules...)
	if err := p.reportRules(s, lost); err != nil || rules.Empty() {
		return err
	}
	l := lowerLandlock("WithLandlock", abi, rules)
	for i := range l.Paths {
		// Only the new view knows whether it is a directory.
		l.Paths[i].FileAccess = l.Paths[i].Access & uint64(lsm.FileOnly)
	}
	p.spec.Landlock = append(p.spec.Landlock, l)
	return nil
}

// reportRules says that rules are in force, or what this kernel takes from them.
func (p *prepared) reportRules(s *settings, lost []lsm.Loss) error {
	if len(lost) == 0 {
		detail := "by rules"
		if view, ok := p.report.Entry(FeatureLandlock); ok && view.State == Enforced {
			detail = view.Detail + ", and " + detail
		}
		p.report.set(FeatureLandlock, Enforced, detail, "")
		return nil
	}
	var what []string
	newest := lost[0]
	for _, l := range lost {
		what = append(what, l.What)
		if l.ABI > newest.ABI {
			newest = l
		}
	}
	reason := fmt.Sprintf("this kernel's Landlock (version %d) does not restrict: %s", p.host.landlock, strings.Join(what, ", "))
	return s.lacking(p.report, FeatureLandlock, reason, "boot Linux "+newest.Kernel+" or later")
}

// lowerLandlock turns a ruleset into plain data, with rules for the standard
// files: programs open /dev/stdin and the like again.
func lowerLandlock(name string, abi int, rules lsm.Ruleset) plan.Landlock {
	l := plan.Landlock{
		Name: name, Size: lsm.AttrSize(abi),
		HandledFS: uint64(rules.HandledFiles), HandledNet: uint64(rules.HandledNet), Scoped: uint64(rules.Scoped),
	}
	for _, p := range rules.Paths {
		l.Paths = append(l.Paths, plan.LandlockPath{Path: p.Path, Access: uint64(p.Rights)})
	}
	for _, p := range rules.Ports {
		l.Ports = append(l.Ports, plan.LandlockPort{Port: uint64(p.Port), Access: uint64(p.Rights)})
	}
	if rules.HandledFiles != 0 {
		input := uint64((lsm.FSReadFile | lsm.FSIoctlDev) & rules.HandledFiles)
		output := uint64((lsm.FSWriteFile | lsm.FSTruncate | lsm.FSIoctlDev) & rules.HandledFiles)
		l.Inherited = []uint64{input, output, output}
	}
	return l
}

// writablePath is a place that the command may write to.
type writablePath struct {
	path     string
	file     bool
	optional bool
}

// rule allows what may be done beneath a directory, or to a file.
func (w writablePath) rule(all lsm.FileRights) plan.LandlockPath {
	if w.file {
		all &= lsm.FileOnly
	}
	return plan.LandlockPath{Path: w.path, Access: uint64(all), Optional: w.optional}
}

func writable(s *settings) []writablePath {
	out := []writablePath{{path: "/tmp"}}
	if s.IPC != IPCNone {
		out = append(out, writablePath{path: "/dev/shm", optional: s.IPC == IPCHost}, writablePath{path: "/dev/mqueue", optional: s.IPC == IPCHost})
	}
	for _, m := range s.Mounts {
		if !m.ReadOnly && m.Target != "/tmp" && m.Target != "/dev/shm" {
			out = append(out, writablePath{path: m.Target, file: isFile(m.Source)})
		}
	}
	return out
}
