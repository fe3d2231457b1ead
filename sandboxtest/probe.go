package sandboxtest

import (
	"path"

	"github.com/seed-d1379373/sandbox/sandboxtest/internal/probe"
)

// A Probe is one hostile act.
type Probe struct {
	Name  string `json:"name"`  // "group/what", such as "network/loopback"
	Group string `json:"group"` // the part before the slash
	Tries string `json:"tries"` // what it tries
	Why   string `json:"why"`   // why it matters: a CVE, a manual page
	// StaysOpen says why a sandbox without options leaves it open, and is empty
	// for what such a sandbox closes.
	StaysOpen string `json:"staysOpen,omitempty"`
}

// Probes returns all probes, group by group. It returns none on systems other
// than Linux.
func Probes() []Probe {
	var out []Probe
	for _, p := range probe.All() {
		out = append(out, Probe{p.Name, p.Group(), p.Tries, p.Why, probe.StaysOpen(p.Name)})
	}
	return out
}

// A Verdict is what became of a probe.
type Verdict int

const (
	// Untried: it was refused without a sandbox, too, or could not be made.
	Untried Verdict = iota
	// Closed: it was refused, and would have succeeded without a sandbox.
	Closed
	// Opened: it succeeded.
	Opened
)

// String is one word.
func (v Verdict) String() string {
	switch v {
	case Closed:
		return "closed"
	case Opened:
		return "open"
	}
	return "untried"
}

// MarshalText makes JSON forms readable.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// matches says whether a name is among patterns in the syntax of [path.Match].
func matches(name string, patterns []string) bool {
	for _, p := range patterns {
		if ok, _ := path.Match(p, name); ok {
			return true
		}
	}
	return false
}
