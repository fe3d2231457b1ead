package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"syscall"

	"github.com/seed-d1379373/sandbox/internal/plan"
	"github.com/seed-d1379373/sandbox/lsm"
)

// Rights of what the view shows.
const readRights = lsm.FSExecute | lsm.FSReadFile | lsm.FSReadDir

func writeRights(abi int) lsm.FileRights {
	return lsm.HandledFiles(abi) &^ (lsm.FSMakeChar | lsm.FSMakeBlock)
}

// landlock lowers the view to rules: what it binds at the path that it has on the
// host can be had, and no other path.
func (r *lastResort) landlock(p *prepared, view plan.View) error {
	abi := r.host.landlock
	rules := lsm.Ruleset{HandledFiles: lsm.HandledFiles(abi), Scoped: lsm.HandledScopes(abi)}
	if r.Network == NetworkNone {
		rules.HandledNet = lsm.NetBindTCP | lsm.NetConnectTCP
	}
	for _, e := range slices.Concat(view.Static, view.Entries) {
		if rule, ok := r.rule(e); ok {
			rules.Paths = append(rules.Paths, rule)
		}
	}
	for _, m := range r.Masks {
		if slices.ContainsFunc(rules.Paths, func(rule lsm.PathBeneath) bool { return within(m, rule.Path) || within(rule.Path, m) }) {
			return r.without("Landlock cannot hide "+m+" below what the view shows", "bind less, and leave WithMask out")
		}
	}
	l := lowerLandlock("Landlock", abi, rules)
	for i := range l.Paths {
		l.Paths[i].FileAccess = l.Paths[i].Access & uint64(lsm.FileOnly)
	}
	p.spec.Landlock = []plan.Landlock{l}
	p.report.set(FeatureLandlock, Enforced, fmt.Sprintf("over %d paths, signals and TCP, in place of namespaces and mounts", len(l.Paths)), "")
	return p.landlockRules(r.settings)
}

// rule is what Landlock allows for a part of the view, if there is anything like
// it on the host.
func (r *lastResort) rule(e plan.Entry) (lsm.PathBeneath, bool) {
	const device = lsm.FSReadFile | lsm.FSWriteFile | lsm.FSTruncate | lsm.FSIoctlDev
	handled := lsm.HandledFiles(r.host.landlock)
	switch e := e.(type) {
	case plan.Bind:
		switch {
		case e.Source != e.Path:
			r.lost = append(r.lost, fmt.Sprintf("%s is not to be seen at %s, where it was to be bound, nor anywhere else", e.Source, e.Path))
			return lsm.PathBeneath{}, false
		case within(e.Path, "/dev") && isDevice(e.Path):
			return lsm.PathBeneath{Path: e.Path, Rights: r.deviceRights(e.Path, device) & handled}, true
		case e.Flags&plan.ReadOnly != 0:
			return lsm.PathBeneath{Path: e.Path, Rights: readRights}, true
		}
		return lsm.PathBeneath{Path: e.Path, Rights: writeRights(r.host.landlock)}, true
	case plan.Node:
		if isDevice(e.Path) {
			return lsm.PathBeneath{Path: e.Path, Rights: r.deviceRights(e.Path, device) & handled}, true
		}
		r.lost = append(r.lost, "there is no device at "+e.Path)
	case plan.File:
		if sameOnHost(e) {
			return lsm.PathBeneath{Path: e.Path, Rights: lsm.FSReadFile}, true
		}
	case plan.Tmpfs:
		switch {
		case e.Path == "/tmp":
			r.scratch = true
		case e.Path != "/dev/shm" && e.Path != "/dev":
			r.lost = append(r.lost, e.Path+" has no file system of its own, and cannot be written to")
		}
	}
	return lsm.PathBeneath{}, false
}

// sameOnHost says whether the host's own file has the content that the view's was
// to have.
func sameOnHost(f plan.File) bool {
	st, err := os.Stat(f.Path)
	if err != nil || !st.Mode().IsRegular() || st.Size() == 0 || st.Size() != int64(len(f.Content)) {
		return false
	}
	content, err := os.ReadFile(f.Path)
	return err == nil && bytes.Equal(content, f.Content)
}

// deviceRights are those that an option gives to a device, or all.
func (r *lastResort) deviceRights(p string, all lsm.FileRights) lsm.FileRights {
	for _, d := range r.devices {
		if d.inside == p {
			all = d.rights(all)
		}
	}
	return all
}

func isDevice(p string) bool {
	st, err := os.Stat(p)
	return err == nil && st.Mode()&os.ModeDevice != 0
}

// readOnlyBinds says whether an option binds something that belongs to others
// than the command, as far as its writing is concerned.
func (s *settings) readOnlyBinds() bool {
	return slices.ContainsFunc(s.Mounts, func(m Mount) bool { return m.Source != "" && m.ReadOnly })
}

// tasksOf counts the processes and threads of a user.
func tasksOf(uid uint32) (n int64) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		dir := path.Join("/proc", e.Name(), "task")
		st, err := os.Stat(dir)
		if err != nil || st.Sys().(*syscall.Stat_t).Uid != uid {
			continue
		}
		tasks, _ := os.ReadDir(dir) // one that has ended counts no more
		n += int64(len(tasks))
	}
	return n
}
