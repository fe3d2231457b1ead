package sandbox

import (
	"strings"

	"github.com/seed-d1379373/sandbox/caps"
)

// bounding is what the sandbox can have at most. The names are valid.
func (s *settings) bounding(root bool) caps.Set {
	base := caps.Default()
	if !root && len(s.CapAdd) == 0 && !s.DockerCaps {
		base = 0
	}
	set, _ := caps.Change{Add: s.CapAdd, Drop: s.CapDrop}.Apply(base)
	return set
}

// wantsRoot says whether the options name the root user, by the words that mean
// it in every passwd file.
func (s *settings) wantsRoot() bool {
	user, _, _ := strings.Cut(s.User, ":")
	return user == "root" || user == "0" || s.User == "" && (s.named["WithUserRemap"] || s.named["WithIDMap"])
}

// added are the capabilities that the caller named to be added, and that were
// not dropped.
func (s *settings) added() caps.Set {
	if len(s.CapAdd) == 0 {
		return 0
	}
	set, _ := caps.Change{Add: s.CapAdd, Drop: s.CapDrop}.Apply(0)
	return set
}

// capState are the five sets of a command. Root has its bounding set in force;
// anyone else has what was added, as ambient capabilities, so that they survive
// execve. The inheritable set of root stays empty (CVE-2022-24769).
func (s *settings) capState(root bool, known caps.Set) caps.State {
	bounding := s.bounding(root).Intersect(known)
	if root {
		return caps.State{Permitted: bounding, Effective: bounding, Bounding: bounding}
	}
	added := s.added().Intersect(known)
	return caps.State{Permitted: added, Effective: added, Inheritable: added, Ambient: added, Bounding: bounding}
}
