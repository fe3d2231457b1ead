package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// scale is what a start costs without one of its parts.
type scale struct {
	Without string  `json:"without"` // the part that is left out
	One     float64 `json:"one"`     // starts per second of one caller
	All     float64 `json:"all"`     // of as many callers as there are CPUs
	CPU     float64 `json:"cpu"`     // microseconds of CPU time that a start's own processes use
	Machine float64 `json:"machine"` // that the whole machine uses, kernel threads included
}

// Parts that the C program can leave out, by its names for them.
var scaleParts = []struct {
	name  string
	parts []string
}{
	{"nothing", nil},
	{"network namespace", []string{"net"}},
	{"IPC namespace", []string{"ipc"}},
	{"UTS namespace", []string{"uts"}},
	{"user namespace", []string{"user"}},
	{"cgroups", []string{"cgroup"}},
	{"seccomp filter", []string{"seccomp"}},
	{"Landlock", []string{"landlock"}},
	{"PID namespace, /proc", []string{"pid"}},
	{"all of these", []string{"net", "ipc", "uts", "user", "cgroup", "seccomp", "landlock", "pid"}},
}

// measureScale takes the C program, so that what shows is the kernel's part.
func (b *bench) measureScale() error {
	if !b.root {
		return nil
	}
	b.progress("starts per second with one part left out")
	rounds := make([][]scale, len(scaleParts))
	for range b.rounds(3) {
		for i, p := range scaleParts {
			s, err := b.without(p.name, p.parts)
			if err != nil {
				return fmt.Errorf("without %s: %w", p.name, err)
			}
			rounds[i] = append(rounds[i], s)
		}
	}
	for i, p := range scaleParts {
		median := func(value func(scale) float64) float64 {
			var all []float64
			for _, s := range rounds[i] {
				all = append(all, value(s))
			}
			return medianOf(all)
		}
		b.results.Scale = append(b.results.Scale, scale{
			Without: p.name,
			One:     median(func(s scale) float64 { return s.One }),
			All:     median(func(s scale) float64 { return s.All }),
			CPU:     median(func(s scale) float64 { return s.CPU }),
			Machine: median(func(s scale) float64 { return s.Machine }),
		})
	}
	return nil
}

// without measures once, by one caller and by all.
func (b *bench) without(name string, parts []string) (scale, error) {
	s := scale{Without: name}
	w := b.floorWay(name, true, parts...)
	var err error
	if s.One, err = perSecond(w, 1, b.window(400*time.Millisecond)); err != nil {
		return s, err
	}
	settle()
	all, err := openAll(w, runtime.NumCPU())
	if err != nil {
		return s, err
	}
	before := busy()
	count, took, err := drive(all, b.window(400*time.Millisecond))
	settle() // what the kernel does later belongs to it
	machine := busy() - before
	if err := errors.Join(err, closeAll(all)); err != nil {
		return s, err
	}
	s.All = float64(count) / took.Seconds()
	s.Machine = float64(machine.Microseconds()) / float64(count)
	var own time.Duration
	for _, r := range all {
		state := r.(*resident).cmd.ProcessState
		own += state.UserTime() + state.SystemTime()
	}
	s.CPU = float64(own.Microseconds()) / float64(count+int64(len(all))) // and the first start of each
	return s, nil
}

// busy is the time that all CPUs together have worked.
func busy() time.Duration {
	const tick = 10 * time.Millisecond // USER_HZ
	content, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(content), "\n")
	var total time.Duration
	for i, field := range strings.Fields(line) {
		const idle, wait, steal = 4, 5, 8
		if n, err := strconv.ParseInt(field, 10, 64); err == nil && i != idle && i != wait && i < steal {
			total += time.Duration(n) * tick
		}
	}
	return total
}
