package seccomp

// span is a run of numbers with the same outcome; it ends where the next one
// begins.
type span struct {
	first uint32
	node  nodeID
}

// spans collects runs in ascending order and merges equal neighbours.
type spans []span

func (s *spans) add(first uint32, id nodeID) {
	if n := len(*s); n > 0 && (*s)[n-1].node == id {
		return
	}
	*s = append(*s, span{first, id})
}

// calls adds the runs of one interface, whose numbers begin at its bit.
func (s *spans) calls(g *graph, r *resolved) {
	next := r.bit
	for i, c := range r.abi.calls {
		number := c.number | r.bit
		if number > next {
			s.add(next, g.ret(r.unnamed(next, false).ret))
		}
		s.add(number, g.outcome(r.outcomes[i]))
		next = number + 1
	}
	s.add(next, g.ret(r.unnamed(next, false).ret))
}

// maxSingles is how many single numbers one leaf of the search may test.
const maxSingles = 2

// leaf is what a search ends in: a run, and single numbers within it that go
// elsewhere.
type leaf struct {
	span
	singles int
}

// leaves turns "a run, one number with another outcome, the first run again"
// into one leaf that tests for the number: one instruction instead of two.
func (s spans) leaves(g *graph) []leaf {
	var out []leaf
	for i := 0; i < len(s); i++ {
		l := leaf{span: s[i]}
		around := s[i].node
		for l.singles < maxSingles && i+2 < len(s) && s[i+2].first == s[i+1].first+1 && s[i+2].node == around {
			single := test{op: opEqual, word: wordNumber, k: s[i+1].first}
			l.node = g.branch(single, s[i+1].node, l.node)
			l.singles++
			i += 2
		}
		out = append(out, l)
	}
	return out
}

// search adds a balanced search for the number among the leaves.
func (g *graph) search(leaves []leaf) nodeID {
	if len(leaves) == 1 {
		return leaves[0].node
	}
	middle := len(leaves) / 2
	atLeast := test{op: opAtLeast, word: wordNumber, k: leaves[middle].first}
	return g.branch(atLeast, g.search(leaves[middle:]), g.search(leaves[:middle]))
}
