package seccomp

import "math"

// reduction removes tests whose answer follows from an earlier one on the way:
// of several rules about one argument only the first then looks at its high
// half, and the others start where that leaves off.
type reduction struct {
	g *graph
	// done maps a node to its reduced form.
	done map[nodeID]nodeID
	// steps is the work left; contrived rules could otherwise make copies of
	// shared nodes without end.
	steps int
}

const maxReductionSteps = 1 << 16

// reduce returns an equivalent node that asks no question twice, or id itself
// if that would be more work or longer.
func (g *graph) reduce(id nodeID) nodeID {
	r := &reduction{g: g, done: map[nodeID]nodeID{}, steps: maxReductionSteps}
	reduced := r.reduce(id)
	if r.steps <= 0 || g.size(reduced) > g.size(id) {
		return id
	}
	return reduced
}

func (r *reduction) reduce(id nodeID) nodeID {
	if d, ok := r.done[id]; ok {
		return d
	}
	n := r.g.nodes[id]
	if n.op == opReturn || r.steps <= 0 {
		return id
	}
	yes := r.reduce(r.assume(n.yes, n.test, true, map[nodeID]nodeID{}))
	no := r.reduce(r.assume(n.no, n.test, false, map[nodeID]nodeID{}))
	d := r.g.branch(n.test, yes, no)
	r.done[id] = d
	return d
}

// assume simplifies a node below the answer to one test.
func (r *reduction) assume(id nodeID, fact test, answer bool, seen map[nodeID]nodeID) nodeID {
	if s, ok := seen[id]; ok {
		return s
	}
	n := r.g.nodes[id]
	r.steps--
	if n.op == opReturn || r.steps <= 0 {
		return id
	}
	var s nodeID
	switch implied(n.test, fact, answer) {
	case certain:
		s = r.assume(n.yes, fact, answer, seen)
	case impossible:
		s = r.assume(n.no, fact, answer, seen)
	default:
		s = r.g.branch(n.test, r.assume(n.yes, fact, answer, seen), r.assume(n.no, fact, answer, seen))
	}
	seen[id] = s
	return s
}

func (g *graph) size(id nodeID) int {
	seen := map[nodeID]bool{}
	var visit func(nodeID)
	visit = func(id nodeID) {
		if seen[id] {
			return
		}
		seen[id] = true
		if n := g.nodes[id]; n.op != opReturn {
			visit(n.yes)
			visit(n.no)
		}
	}
	visit(id)
	return len(seen)
}

type implication int

const (
	open implication = iota
	certain
	impossible
)

func decided(b bool) implication {
	if b {
		return certain
	}
	return impossible
}

// implied says what the answer to fact means for t.
func implied(t, fact test, answer bool) implication {
	if t.word != fact.word {
		return open
	}
	if t == fact {
		return decided(answer)
	}
	if fact.op == opEqual && answer {
		return decided(t.holds(fact.k))
	}
	if fact.op == opAnyBit && !answer && t.op == opEqual && t.k&fact.k != 0 {
		return impossible
	}
	low, high := fact.bounds(answer)
	switch t.op {
	case opEqual:
		if t.k < low || t.k > high {
			return impossible
		}
	case opGreater:
		if low > t.k {
			return certain
		}
		if high <= t.k {
			return impossible
		}
	case opAtLeast:
		if low >= t.k {
			return certain
		}
		if high < t.k {
			return impossible
		}
	}
	return open
}

func (t test) holds(word uint32) bool {
	switch t.op {
	case opEqual:
		return word == t.k
	case opGreater:
		return word > t.k
	case opAtLeast:
		return word >= t.k
	case opAnyBit:
		return word&t.k != 0
	}
	return word&t.mask == t.k
}

// bounds are the values that the word can have after the answer. branch has
// made sure that neither end overflows.
func (t test) bounds(answer bool) (low, high uint32) {
	low, high = 0, math.MaxUint32
	switch {
	case t.op == opEqual && !answer && t.k == 0:
		low = 1
	case t.op == opEqual && !answer && t.k == math.MaxUint32:
		high = math.MaxUint32 - 1
	case t.op == opGreater && answer:
		low = t.k + 1
	case t.op == opGreater:
		high = t.k
	case t.op == opAtLeast && answer:
		low = t.k
	case t.op == opAtLeast:
		high = t.k - 1
	case t.op == opAnyBit && !answer:
		high = ^t.k
	}
	return low, high
}
