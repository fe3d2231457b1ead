package seccomp

import "math"

// maxArgs is how many arguments a system call has.
const maxArgs = 6

// The 32-bit words of struct seccomp_data, by index. An argument takes two,
// the low half first on the little-endian machines supported here.
const (
	wordNumber = 0
	wordArch   = 1
	wordArgs   = 4
	wordCount  = wordArgs + 2*maxArgs
)

// testOp is what a node does with its word.
type testOp uint8

const (
	opReturn  testOp = iota // no test: k is the filter's return value
	opEqual                 // word == k
	opGreater               // word > k
	opAtLeast               // word >= k
	opAnyBit                // word & k != 0
	opMasked                // word & mask == k
)

// test is a question about one word.
type test struct {
	op   testOp
	word uint8
	mask uint32
	k    uint32
}

// node is a test with the nodes to go on with, or a return.
type node struct {
	test
	yes, no nodeID
}

type nodeID int32

// graph is a decision graph in which equal nodes are one, so that calls with
// the same outcome share an id, and sharing costs nothing to detect.
type graph struct {
	nodes []node
	ids   map[node]nodeID
}

// maxNodes bounds the work on hostile policies. Each reachable node takes an
// instruction or more, so that a filter within the kernel's limit never needs
// nearly as many.
const maxNodes = 16 * MaxInstructions

func newGraph() *graph {
	return &graph{nodes: make([]node, 0, 512), ids: make(map[node]nodeID, 512)}
}

func (g *graph) full() bool { return len(g.nodes) > maxNodes }

func (g *graph) add(n node) nodeID {
	if id, ok := g.ids[n]; ok {
		return id
	}
	id := nodeID(len(g.nodes))
	g.nodes = append(g.nodes, n)
	g.ids[n] = id
	return id
}

func (g *graph) ret(value uint32) nodeID {
	return g.add(node{test: test{op: opReturn, k: value}})
}

// branch adds a test, unless its answer is certain or makes no difference.
func (g *graph) branch(t test, yes, no nodeID) nodeID {
	if yes == no {
		return yes
	}
	switch t.op {
	case opGreater:
		if t.k == math.MaxUint32 {
			return no
		}
		if t.k == 0 { // the same question as the equality that often follows
			return g.branch(test{op: opEqual, word: t.word}, no, yes)
		}
	case opAtLeast:
		if t.k == 0 {
			return yes
		}
	case opAnyBit:
		if t.k == 0 {
			return no
		}
	case opMasked:
		return g.masked(t, yes, no)
	}
	return g.add(node{test: t, yes: yes, no: no})
}

// masked avoids the extra AND where a plain test does.
func (g *graph) masked(t test, yes, no nodeID) nodeID {
	switch {
	case t.k&^t.mask != 0:
		return no
	case t.mask == 0:
		return yes
	case t.mask == math.MaxUint32:
		return g.branch(test{op: opEqual, word: t.word, k: t.k}, yes, no)
	case t.k == 0:
		return g.branch(test{op: opAnyBit, word: t.word, k: t.mask}, no, yes)
	case t.k == t.mask && t.mask&(t.mask-1) == 0:
		return g.branch(test{op: opAnyBit, word: t.word, k: t.mask}, yes, no)
	}
	return g.add(node{test: t, yes: yes, no: no})
}

// compare adds the comparison of a 64-bit argument, half by half.
func (g *graph) compare(a Arg, yes, no nodeID) nodeID {
	low := uint8(wordArgs + 2*a.Index)
	high := low + 1
	v, w := a.Value, a.ValueTwo
	// tie goes on with the low half where the high halves are equal.
	tie := func(op testOp) nodeID {
		return g.branch(test{op: opEqual, word: high, k: uint32(v >> 32)},
			g.branch(test{op: op, word: low, k: uint32(v)}, yes, no), no)
	}
	order := func(op testOp) nodeID {
		return g.branch(test{op: opGreater, word: high, k: uint32(v >> 32)}, yes, tie(op))
	}
	switch a.Op {
	case OpEqualTo:
		return tie(opEqual)
	case OpNotEqual:
		a.Op = OpEqualTo
		return g.compare(a, no, yes)
	case OpGreaterThan:
		return order(opGreater)
	case OpGreaterEqual:
		return order(opAtLeast)
	case OpLessThan:
		a.Op = OpGreaterEqual
		return g.compare(a, no, yes)
	case OpLessEqual:
		a.Op = OpGreaterThan
		return g.compare(a, no, yes)
	}
	return g.branch(test{op: opMasked, word: high, mask: uint32(v >> 32), k: uint32(w >> 32)},
		g.branch(test{op: opMasked, word: low, mask: uint32(v), k: uint32(w)}, yes, no), no)
}

// outcome adds the decision about one call: its clauses in order, then the
// final value.
func (g *graph) outcome(o outcome) nodeID {
	id := g.ret(o.final.ret)
	for i := len(o.clauses) - 1; i >= 0 && !g.full(); i-- {
		c := o.clauses[i]
		next, hit := id, g.ret(c.ret)
		id = hit
		for j := len(c.args) - 1; j >= 0; j-- {
			id = g.compare(c.args[j], id, next)
		}
	}
	if len(o.clauses) == 0 || g.full() {
		return id
	}
	return g.reduce(id)
}
