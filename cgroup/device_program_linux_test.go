package cgroup

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
)

// permits runs a device program as the kernel does, for the few instructions
// that it is made of.
func permits(t *testing.T, program asm.Instructions, kind byte, major, minor uint32, access string) bool {
	t.Helper()
	words := map[int16]uint64{0: uint64(deviceAccess(access))<<16 | uint64(deviceType(kind)), 4: uint64(major), 8: uint64(minor)}
	places := map[string]int{}
	for i, in := range program {
		if s := in.Symbol(); s != "" {
			places[s] = i
		}
	}
	var r [11]uint64
	for i := 0; i < len(program); i++ {
		in := program[i]
		value := uint64(in.Constant)
		if in.OpCode.Class().IsALU() && in.OpCode.Source() == asm.RegSource {
			value = r[in.Src]
		}
		switch class := in.OpCode.Class(); {
		case class.IsLoad():
			r[in.Dst] = words[in.Offset]
		case in.OpCode.ALUOp() == asm.Mov && class.IsALU():
			r[in.Dst] = value
		case in.OpCode.ALUOp() == asm.And && class.IsALU():
			r[in.Dst] &= value
		case in.OpCode.ALUOp() == asm.Or && class.IsALU():
			r[in.Dst] |= value
		case in.OpCode.ALUOp() == asm.RSh && class.IsALU():
			r[in.Dst] >>= value
		case in.OpCode.JumpOp() == asm.Exit:
			return r[0] != 0
		case class.IsJump():
			same := r[in.Dst] == value
			if class == asm.Jump32Class {
				same = uint32(r[in.Dst]) == uint32(value)
			}
			if same == (in.OpCode.JumpOp() == asm.JEq) {
				to, ok := places[in.Reference()]
				if !ok || to <= i {
					t.Fatalf("%v jumps to %q", in, in.Reference())
				}
				i = to - 1
			}
		default:
			t.Fatalf("unknown instruction %v", in)
		}
	}
	t.Fatal("the program has no end")
	return false
}

// eachAccess is what a list means for several accesses at once: all of them.
func eachAccess(rules []DeviceRule, kind byte, major, minor int64, access string) bool {
	for _, one := range access {
		if !lastMatch(rules, kind, major, minor, string(one)) {
			return false
		}
	}
	return true
}

func TestDeviceProgram(t *testing.T) {
	all := DeviceRule{'a', -1, -1, "rwm", true}
	const max = 1<<32 - 1
	for _, tt := range []struct {
		rules        []DeviceRule
		kind         byte
		major, minor uint32
		access       string
		want         bool
	}{
		{nil, 'c', 1, 3, "r", false},
		{nil, 'c', 1, 3, "", true}, // open(2) for neither reading nor writing
		{[]DeviceRule{all}, 'b', 8, 0, "rwm", true},
		{[]DeviceRule{{'c', 1, 3, "rw", true}}, 'c', 1, 3, "rw", true},
		{[]DeviceRule{{'c', 1, 3, "rw", true}}, 'c', 1, 3, "m", false},
		{[]DeviceRule{{'c', 1, 3, "rw", true}}, 'c', 1, 3, "rm", false},
		{[]DeviceRule{{'c', 1, 3, "rw", true}}, 'b', 1, 3, "r", false},
		{[]DeviceRule{{'c', 1, 3, "r", true}, {'c', 1, 3, "w", true}}, 'c', 1, 3, "rw", true},
		{[]DeviceRule{all, {'c', 1, 3, "w", false}}, 'c', 1, 3, "rw", false},
		{[]DeviceRule{all, {'c', 1, 3, "w", false}}, 'c', 1, 3, "r", true},
		{[]DeviceRule{all, {'c', 1, 3, "w", false}}, 'c', 1, 4, "rw", true},
		{[]DeviceRule{{'c', max, max, "r", true}}, 'c', max, max, "r", true},
		{[]DeviceRule{{'c', max, max, "r", true}}, 'c', max, 1, "r", false},
		{[]DeviceRule{{'c', 1 << 31, -1, "r", true}}, 'c', 1 << 31, 9, "r", true},
	} {
		if got := permits(t, deviceProgram(tt.rules), tt.kind, tt.major, tt.minor, tt.access); got != tt.want {
			t.Errorf("%v: %c %d:%d %q is %v, want %v", tt.rules, tt.kind, tt.major, tt.minor, tt.access, got, tt.want)
		}
	}
}

// FuzzDeviceProgram compares what the program decides with what the rules mean.
func FuzzDeviceProgram(f *testing.F) {
	f.Add([]byte{0, 0, 0, 7, 1})
	f.Add([]byte{0, 2, 2, 7, 1, 2, 1, 1, 2, 0, 2, 1, 1, 2, 1})
	f.Add([]byte{1, 0, 0, 7, 1, 1, 0, 0, 1, 0, 1, 0, 1, 3, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		rules := rulesFrom(data)
		program := deviceProgram(rules)
		for i := range 2 * 7 * 3 * 3 {
			kind, access := "bc"[i%2], []string{"r", "w", "m", "rw", "rm", "wm", "rwm"}[i/2%7]
			major, minor := int64(i/14%3), int64(i/42%3)
			got := permits(t, program, kind, uint32(major), uint32(minor), access)
			if want := eachAccess(rules, kind, major, minor, access); got != want {
				t.Fatalf("%v: the program decides %v on %c %d:%d %s, the rules mean %v", rules, got, kind, major, minor, access, want)
			}
		}
	})
}

// A list is replaced while a process is in the group. A descriptor from before
// stays open.
func TestDevicesAreReplaced(t *testing.T) {
	h := liveHost(t, "devices")
	zero := []DeviceRule{{'c', 1, 5, "r", true}, {'c', 1, 3, "rw", true}}
	full := []DeviceRule{{'c', 1, 7, "r", true}, {'c', 1, 3, "rw", true}}
	g := create(t, h, Limits{Devices: zero}, Options{})
	const script = `try() { (: </dev/zero) 2>/dev/null && echo zero; (: </dev/full) 2>/dev/null && echo full; echo end; }
		exec 3</dev/zero; try; read -r line <&4; try; head -c 3 <&3 | od -An -c`
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	p := startShellFiles(t, "exec 4<&3 3<&-; "+script, []*os.File{in}).run(g)
	said := bufio.NewReader(p.out)
	until := func() (text string) {
		for !strings.HasSuffix(text, "end\n") {
			line, err := said.ReadString('\n')
			if err != nil {
				t.Fatalf("after %q: %v", text, err)
			}
			text += line
		}
		return text
	}
	if got := until(); got != "zero\nend\n" {
		t.Errorf("before: %q", got)
	}
	if err := g.Set(Limits{Devices: full}); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(out, "go on")
	if got := until(); got != "full\nend\n" {
		t.Errorf("after: %q", got)
	}
	if rest, _ := io.ReadAll(said); !strings.Contains(string(rest), `\0  \0  \0`) {
		t.Errorf("the descriptor from before gives %q", rest)
	}
}
