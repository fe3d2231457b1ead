package seccomp

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"golang.org/x/net/bpf"
)

// x/net/bpf interprets loads as big-endian, of packets. With the words of a
// call written that way it is an independent judge of compiled filters.
func TestRunAgreesWithPacketVM(t *testing.T) {
	for seed := range uint64(60) {
		p := randomSource(seed, 200).policy()
		f, err := p.Compile(amd64)
		if err != nil {
			if refusesUnknown(p, err) {
				continue
			}
			t.Fatal(err)
		}
		instructions, ok := bpf.Disassemble(f)
		if !ok {
			t.Fatalf("x/net/bpf does not know all of:\n%s", f)
		}
		vm, err := bpf.NewVM(instructions)
		if err != nil {
			t.Fatalf("%v\n%s", err, f)
		}
		for _, n := range interestingNumbers() {
			d := randomSource(seed^uint64(n), 64).call(p, n)
			want, err := vm.Run(bigEndian(d))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := f.Run(d); err != nil || got != uint32(want) {
				t.Fatalf("%+v: Run = %#x, %v, packet machine says %#x", d, got, err, want)
			}
		}
	}
}

func bigEndian(d Data) []byte {
	var b []byte
	for _, w := range d.words() {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	return b
}

func TestRunInstructions(t *testing.T) {
	d := Data{NR: 41, Arch: AuditX86_64, IP: 0x1111222233334444, Args: [6]uint64{0xaaaabbbbccccdddd}}
	retA := bpf.RawInstruction{Op: 0x16}
	op := func(code uint16, k uint32) bpf.RawInstruction { return bpf.RawInstruction{Op: code, K: k} }
	jump := func(code uint16, k uint32, jt, jf uint8) bpf.RawInstruction {
		return bpf.RawInstruction{Op: code, K: k, Jt: jt, Jf: jf}
	}
	tests := []struct {
		name string
		f    Filter
		want uint32
	}{
		{"number", Filter{op(0x20, 0), retA}, 41},
		{"arch", Filter{op(0x20, 4), retA}, AuditX86_64},
		{"ip low", Filter{op(0x20, 8), retA}, 0x33334444},
		{"ip high", Filter{op(0x20, 12), retA}, 0x11112222},
		{"arg low", Filter{op(0x20, 16), retA}, 0xccccdddd},
		{"arg high", Filter{op(0x20, 20), retA}, 0xaaaabbbb},
		{"length", Filter{op(0x80, 0), retA}, 64},
		{"length in x", Filter{op(0x81, 0), op(0x87, 0), retA}, 64},
		{"immediate", Filter{op(0x00, 7), retA}, 7},
		{"scratch", Filter{op(0x00, 7), op(0x02, 15), op(0x00, 1), op(0x60, 15), retA}, 7},
		{"scratch x", Filter{op(0x01, 9), op(0x03, 0), op(0x01, 1), op(0x61, 0), op(0x87, 0), retA}, 9},
		{"tax", Filter{op(0x00, 5), op(0x07, 0), op(0x0c, 0), retA}, 10},
		{"sub", Filter{op(0x00, 5), op(0x14, 7), retA}, 0xfffffffe},
		{"mul div", Filter{op(0x00, 5), op(0x24, 8), op(0x34, 10), retA}, 4},
		{"div by x zero", Filter{op(0x00, 5), op(0x3c, 0), retA}, 0},
		{"or and xor", Filter{op(0x00, 0xf0), op(0x44, 0x0f), op(0x54, 0x3c), op(0xa4, 1), retA}, 0x3d},
		{"shifts", Filter{op(0x00, 3), op(0x64, 4), op(0x74, 1), retA}, 24},
		{"neg", Filter{op(0x00, 1), op(0x84, 0), retA}, 0xffffffff},
		{"jeq", Filter{jump(0x15, 0, 1, 0), op(0x06, 1), op(0x06, 2)}, 2},
		{"jgt", Filter{jump(0x25, 0, 1, 0), op(0x06, 1), op(0x06, 2)}, 1},
		{"jge", Filter{jump(0x35, 0, 1, 0), op(0x06, 1), op(0x06, 2)}, 2},
		{"jset", Filter{op(0x00, 6), jump(0x45, 3, 1, 0), op(0x06, 1), op(0x06, 2)}, 2},
		{"jeq x", Filter{op(0x00, 6), op(0x01, 6), jump(0x1d, 0, 1, 0), op(0x06, 1), op(0x06, 2)}, 2},
		{"ja", Filter{op(0x05, 1), op(0x06, 1), op(0x06, 2)}, 2},
		{"no filter", nil, retAllow},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := tt.f.Run(d); err != nil || got != tt.want {
				t.Errorf("Run = %#x, %v, want %#x", got, err, tt.want)
			}
		})
	}
}

func TestRunErrors(t *testing.T) {
	tests := []struct {
		name string
		f    Filter
		at   int
	}{
		{"empty", Filter{}, 0},
		{"past the end", Filter{{Op: 0x00}}, 1},
		{"jump out", Filter{{Op: 0x05, K: 5}, {Op: 0x06}}, 0},
		{"far jump out", Filter{{Op: 0x05, K: 0xffffffff}, {Op: 0x06}}, 0},
		{"unaligned load", Filter{{Op: 0x20, K: 2}, {Op: 0x06}}, 0},
		{"load beyond", Filter{{Op: 0x20, K: 64}, {Op: 0x06}}, 0},
		{"byte load", Filter{{Op: 0x30, K: 0}, {Op: 0x06}}, 0},
		{"indirect load", Filter{{Op: 0x40, K: 0}, {Op: 0x06}}, 0},
		{"modulo", Filter{{Op: 0x94, K: 1}, {Op: 0x06}}, 0},
		{"division by zero", Filter{{Op: 0x34, K: 0}, {Op: 0x06}}, 0},
		{"scratch beyond", Filter{{Op: 0x60, K: 16}, {Op: 0x06}}, 0},
		{"unknown jump", Filter{{Op: 0x55}, {Op: 0x06}}, 0},
		{"unknown return", Filter{{Op: 0x0e}}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.f.Run(Data{})
			var bad *FilterError
			if !errors.As(err, &bad) || bad.Instruction != tt.at || got != retKillProcess {
				t.Errorf("Run = %#x, %v", got, err)
			}
		})
	}
}

func TestFilterBytes(t *testing.T) {
	f := Filter{{Op: 0x20, K: 4}, {Op: 0x15, Jt: 1, Jf: 2, K: 0xc000003e}}
	want := []byte{0x20, 0, 0, 0, 4, 0, 0, 0, 0x15, 0, 1, 2, 0x3e, 0, 0, 0xc0}
	if got := f.Bytes(); !slices.Equal(got, want) {
		t.Errorf("Bytes = %x, want %x", got, want)
	}
	if got := Filter(nil).Bytes(); len(got) != 0 {
		t.Errorf("no filter has bytes %x", got)
	}
}
