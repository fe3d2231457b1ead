package sandbox

import (
	"fmt"
	"strings"
)

// A Feature is something that a sandbox enforces, as [WithBestEffort] and
// [Report] name it.
type Feature string

// The features.
const (
	FeatureUserNamespace Feature = "user namespace"
	FeatureNamespaces    Feature = "namespaces"
	FeatureMounts        Feature = "mounts"
	FeatureGroups        Feature = "groups"
	FeatureSeccomp       Feature = "seccomp"
	FeatureLandlock      Feature = "landlock"
	FeatureMemory        Feature = "memory"
	FeatureSwap          Feature = "swap"
	FeatureCPU           Feature = "cpu"
	FeatureCPUSet        Feature = "cpuset"
	FeaturePids          Feature = "pids"
	FeatureCPUTime       Feature = "cpu time"
	FeatureIO            Feature = "io"
	FeatureDevices       Feature = "devices"
	FeatureFreezer       Feature = "freezer"
	FeatureAppArmor      Feature = "apparmor"
	FeatureSELinux       Feature = "selinux"
)

// features lists them in the order of a report.
var features = []Feature{
	FeatureUserNamespace, FeatureNamespaces, FeatureMounts, FeatureGroups, FeatureSeccomp, FeatureLandlock,
	FeatureMemory, FeatureSwap, FeatureCPU, FeatureCPUSet, FeaturePids, FeatureCPUTime, FeatureIO,
	FeatureDevices, FeatureFreezer, FeatureAppArmor, FeatureSELinux,
}

// A State is what is known of a feature.
type State int

const (
	// Unknown: it could not be found out; Reason says why.
	Unknown State = iota
	// Enforced: it is in force, or on a probe, it can be.
	Enforced
	// Missing: it is not, and Reason says why.
	Missing
	// Off: it was not asked for, or turned off by an option.
	Off
)

// String is one word.
func (s State) String() string {
	switch s {
	case Enforced:
		return "yes"
	case Missing:
		return "no"
	case Off:
		return "off"
	}
	return "unknown"
}

// MarshalText makes JSON forms readable.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// A Report says what a host can enforce ([Probe]) or what was enforced on a
// command ([Result]).
type Report struct {
	Kernel   string  `json:"kernel,omitempty"`
	Features []Entry `json:"features"`
	// Losses are what a sandbox without namespaces lacks, each with its
	// consequence; empty for any other. See [WithBestEffort].
	Losses []string `json:"losses,omitempty"`
}

// An Entry is the answer for one feature.
type Entry struct {
	Feature Feature `json:"feature"`
	State   State   `json:"state"`
	Detail  string  `json:"detail,omitempty"` // how it is enforced, or why not
	Fix     string  `json:"fix,omitempty"`    // what would make it available
}

// Entry returns the answer for a feature.
func (r *Report) Entry(f Feature) (Entry, bool) {
	for _, e := range r.Features {
		if e.Feature == f {
			return e, true
		}
	}
	return Entry{}, false
}

// Missing lists what was wanted and is not enforced.
func (r *Report) Missing() []Entry {
	var out []Entry
	for _, e := range r.Features {
		if e.State == Missing {
			out = append(out, e)
		}
	}
	return out
}

// String is a table with one line per feature.
func (r *Report) String() string {
	var b strings.Builder
	if r.Kernel != "" {
		fmt.Fprintf(&b, "kernel %s\n", r.Kernel)
	}
	for _, e := range r.Features {
		line := fmt.Sprintf("%-15s %-8s %s", e.Feature, e.State, e.Detail)
		if e.Fix != "" {
			line += "; " + e.Fix
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	for _, l := range r.Losses {
		b.WriteString("lost: " + l + "\n")
	}
	return b.String()
}

// set records an answer, in place of an earlier one.
func (r *Report) set(f Feature, s State, detail, fix string) {
	for i := range r.Features {
		if r.Features[i].Feature == f {
			r.Features[i] = Entry{f, s, detail, fix}
			return
		}
	}
	r.Features = append(r.Features, Entry{f, s, detail, fix})
}

// clone is for results: each owns its report.
func (r *Report) clone() *Report {
	c := *r
	c.Features = append([]Entry(nil), r.Features...)
	c.Losses = append([]string(nil), r.Losses...)
	return &c
}
