package seccomp

// Compile returns the filter for the target, nil for Unconfined. The error is
// a *PolicyError, a *TargetError or a *SizeError.
//
// The number is searched in a balanced tree of ranges, so a call costs about
// as many comparisons as the logarithm of the number of ranges, and calls that
// are decided by number alone use only instructions that the kernel
// understands when it loads a filter: since Linux 5.11 it finds out by itself
// which calls are always allowed, and does not run the filter for them.
//
// A refusal that cannot be compiled is an error where it matters: if the
// default action lets calls through, a refused name that no architecture has
// would leave the call open.
func (p *Policy) Compile(t Target) (Filter, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	m, err := t.check()
	if err != nil {
		return nil, err
	}
	if p.unconfined {
		return nil, nil
	}
	if err := p.checkRefusals(); err != nil {
		return nil, err
	}
	g := newGraph()
	root := g.program(p.resolve(t, m))
	if g.full() {
		return nil, &SizeError{MaxInstructions + 1}
	}
	return g.assemble(root)
}

// checkRefusals looks for misspelt names among the refusals of a policy that
// lists what is forbidden.
func (p *Policy) checkRefusals() error {
	if !p.DefaultAction.permissive() {
		return nil
	}
	unknown := map[string]bool{}
	for _, name := range p.Unknown(Target{}) {
		unknown[name] = true
	}
	for i, r := range p.Syscalls {
		if r.Action.permissive() {
			continue
		}
		for j, name := range r.Names {
			if unknown[name] {
				return mistake("", name, "refuses an unknown system call, while the default action lets it through").
					in("syscalls[%d].names[%d]", i, j)
			}
		}
	}
	return nil
}

// program adds the whole filter: the architecture, then the number.
func (g *graph) program(list []resolved) nodeID {
	root := g.ret(retKillProcess)
	// Backwards, so that the native architecture is asked for first.
	for i := len(list) - 1; i >= 0; i-- {
		r := &list[i]
		if r.bit != 0 {
			continue // together with its unmarked numbers
		}
		var s spans
		s.calls(g, r)
		if r.audit == AuditX86_64 {
			g.x32(&s, list)
		}
		root = g.branch(test{op: opEqual, word: wordArch, k: r.audit}, g.search(s.leaves(g)), root)
	}
	return root
}

// x32 adds the marked numbers, which get ENOSYS if x32 is not permitted.
func (g *graph) x32(s *spans, list []resolved) {
	for i := range list {
		if list[i].bit != 0 {
			s.calls(g, &list[i])
			return
		}
	}
	s.add(X32Bit, g.ret(ActErrno.ret(new(errnoENOSYS))))
}
