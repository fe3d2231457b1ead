package main

import (
	"fmt"
	"runtime"
	"time"
)

// scale is what one part of a sandbox costs one caller and all CPUs together.
type scale struct {
	Without string  `json:"without"` // the part that is left out
	One     float64 `json:"one"`     // starts per second of one caller
	All     float64 `json:"all"`     // of as many callers as there are CPUs
}

// Parts that the C program can leave out, by its name for them.
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
	for _, p := range scaleParts {
		b.results.Scale = append(b.results.Scale, scale{Without: p.name})
	}
	one, all := make([][]float64, len(scaleParts)), make([][]float64, len(scaleParts))
	for range b.rounds(3) {
		for i, p := range scaleParts {
			w := b.floorWay(p.name, true, p.parts...)
			for _, m := range []struct {
				callers int
				into    *[]float64
			}{{1, &one[i]}, {runtime.NumCPU(), &all[i]}} {
				r, err := perSecond(w, m.callers, b.window(400*time.Millisecond))
				if err != nil {
					return fmt.Errorf("without %s: %w", p.name, err)
				}
				*m.into = append(*m.into, r)
				settle()
			}
		}
	}
	for i := range b.results.Scale {
		s := &b.results.Scale[i]
		s.One, s.All = medianOf(one[i]), medianOf(all[i])
	}
	return nil
}
