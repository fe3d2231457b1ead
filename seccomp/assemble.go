package seccomp

import (
	"slices"

	"golang.org/x/net/bpf"
)

// MaxInstructions is the kernel's limit, BPF_MAXINSNS.
const MaxInstructions = 4096

// maxSkip is the longest conditional jump.
const maxSkip = 255

// Classic BPF operation codes, include/uapi/linux/bpf_common.h. A is the
// accumulator, X the index register, M a scratch word.
const (
	bpfLoad         = 0x20 // A = data[k]
	bpfJump         = 0x05 // skip k instructions
	bpfJumpEqual    = 0x15 // A == k
	bpfJumpGreater  = 0x25 // A > k
	bpfJumpAtLeast  = 0x35 // A >= k
	bpfJumpAnyBit   = 0x45 // A & k != 0
	bpfAnd          = 0x54 // A &= k
	bpfReturn       = 0x06 // return k
	wordSize        = 4
	accumulatorLost = wordCount // no word: the accumulator is masked
)

// entry is a place to jump to: a node, with or without loading its word first.
type entry struct {
	node   nodeID
	loaded bool
}

// assembler writes the program backwards, last instruction first: jumps only
// go forward, so every target exists before the jumps to it.
type assembler struct {
	g    *graph
	code []bpf.RawInstruction // reversed
	// load says which nodes are reached with another word in the accumulator.
	load map[nodeID]bool
	// near is the copy of an entry that is closest to the instruction to write.
	near map[entry]int
}

// assemble writes the filter. The accumulator is empty at its beginning.
func (g *graph) assemble(root nodeID) (Filter, error) {
	a := &assembler{
		g:    g,
		code: make([]bpf.RawInstruction, 0, 256),
		load: map[nodeID]bool{root: true},
		near: map[entry]int{},
	}
	for _, id := range g.reachable(root) {
		n := g.nodes[id]
		if n.op == opReturn {
			continue
		}
		a.require(n.yes, n.leaves())
		a.require(n.no, n.leaves())
	}
	a.node(root)
	if len(a.code) > MaxInstructions {
		return nil, &SizeError{len(a.code)}
	}
	slices.Reverse(a.code)
	return Filter(a.code), nil
}

// leaves is the word in the accumulator after the test.
func (t test) leaves() uint8 {
	if t.op == opMasked {
		return accumulatorLost
	}
	return t.word
}

func (g *graph) reachable(root nodeID) []nodeID {
	seen := map[nodeID]bool{root: true}
	list := []nodeID{root}
	for i := 0; i < len(list); i++ {
		n := g.nodes[list[i]]
		if n.op == opReturn {
			continue
		}
		for _, next := range []nodeID{n.yes, n.no} {
			if !seen[next] {
				seen[next] = true
				list = append(list, next)
			}
		}
	}
	return list
}

func (a *assembler) require(id nodeID, word uint8) {
	if n := a.g.nodes[id]; n.op != opReturn && n.word != word {
		a.load[id] = true
	}
}

// entryOf is how to reach a node with a word in the accumulator.
func (a *assembler) entryOf(id nodeID, word uint8) entry {
	n := a.g.nodes[id]
	return entry{id, n.op == opReturn || n.word == word}
}

// node writes a node after (in the program: before) everything it leads to.
func (a *assembler) node(id nodeID) {
	if _, ok := a.near[entry{id, true}]; ok || len(a.code) > MaxInstructions {
		return
	}
	n := a.g.nodes[id]
	if n.op == opReturn {
		a.emit(entry{id, true}, bpf.RawInstruction{Op: bpfReturn, K: n.k})
		return
	}
	a.node(n.yes)
	a.node(n.no)
	if len(a.code) > MaxInstructions {
		return
	}
	a.jump(id, n)
	if n.op == opMasked {
		a.emit(entry{id, true}, bpf.RawInstruction{Op: bpfAnd, K: n.mask})
	}
	if a.load[id] {
		a.emit(entry{id, false}, bpf.RawInstruction{Op: bpfLoad, K: uint32(n.word) * wordSize})
	}
}

func (a *assembler) emit(e entry, ins bpf.RawInstruction) {
	a.near[e] = len(a.code)
	a.code = append(a.code, ins)
}

// jump writes a conditional jump, after bringing both targets into reach.
func (a *assembler) jump(id nodeID, n node) {
	yes, no := a.entryOf(n.yes, n.leaves()), a.entryOf(n.no, n.leaves())
	for a.skip(yes) > maxSkip || a.skip(no) > maxSkip {
		if a.skip(yes) > maxSkip {
			a.repeat(yes)
		}
		if a.skip(no) > maxSkip {
			a.repeat(no)
		}
	}
	a.emit(entry{id, true}, bpf.RawInstruction{
		Op: n.op.code(),
		Jt: uint8(a.skip(yes)),
		Jf: uint8(a.skip(no)),
		K:  n.k,
	})
}

// skip is the distance from the instruction to be written to the entry.
func (a *assembler) skip(e entry) int { return len(a.code) - a.near[e] - 1 }

// repeat makes a copy of a distant entry here: a return, or a jump to it.
func (a *assembler) repeat(e entry) {
	ins := bpf.RawInstruction{Op: bpfJump, K: uint32(a.skip(e))}
	if n := a.g.nodes[e.node]; n.op == opReturn {
		ins = bpf.RawInstruction{Op: bpfReturn, K: n.k}
	}
	a.emit(e, ins)
}

func (op testOp) code() uint16 {
	switch op {
	case opGreater:
		return bpfJumpGreater
	case opAtLeast:
		return bpfJumpAtLeast
	case opAnyBit:
		return bpfJumpAnyBit
	}
	return bpfJumpEqual // opMasked too, after the AND
}
