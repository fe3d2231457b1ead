package seccomp

import "fmt"

// Data is what a filter sees of a system call, struct seccomp_data.
type Data struct {
	NR   uint32 // the number, with X32Bit for x32 calls; -1 is 0xffffffff
	Arch uint32 // AuditX86_64 and so on
	IP   uint64 // the instruction pointer
	Args [maxArgs]uint64
}

// words are the 32-bit words in the order of a little-endian machine.
func (d Data) words() [wordCount]uint32 {
	w := [wordCount]uint32{d.NR, d.Arch, uint32(d.IP), uint32(d.IP >> 32)}
	for i, a := range d.Args {
		w[wordArgs+2*i] = uint32(a)
		w[wordArgs+2*i+1] = uint32(a >> 32)
	}
	return w
}

// FilterError is an instruction that the kernel would not accept in a seccomp
// filter, or that leads out of the program.
type FilterError struct {
	Instruction int // its index
	Op          uint16
	Reason      string
}

// Error says everything on one line.
func (e *FilterError) Error() string {
	return fmt.Sprintf("seccomp filter: instruction %d (op %#x): %s", e.Instruction, e.Op, e.Reason)
}

// Run interprets the filter as the kernel would and returns its value, which
// [Describe] puts into words. It knows all instructions that the kernel permits
// in seccomp filters (seccomp_check_filter in kernel/seccomp.c), not only those
// that Compile uses. A nil filter allows everything.
func (f Filter) Run(d Data) (uint32, error) {
	if f == nil {
		return retAllow, nil
	}
	vm := machineState{words: d.words()}
	for pc := 0; pc < len(f); pc++ {
		ins := f[pc]
		switch class := ins.Op & 0x07; class {
		case 0x06: // RET
			return vm.ret(pc, ins.Op, ins.K)
		case 0x05: // JMP
			skip, err := vm.jump(pc, ins.Op, ins.K, ins.Jt, ins.Jf)
			if err != nil {
				return retKillProcess, err
			}
			if skip >= uint32(len(f)-pc) {
				return retKillProcess, &FilterError{pc, ins.Op, "jumps out of the program"}
			}
			pc += int(skip)
		default:
			if err := vm.step(pc, ins.Op, ins.K); err != nil {
				return retKillProcess, err
			}
		}
	}
	return retKillProcess, &FilterError{Instruction: len(f), Reason: "runs past the end"}
}

// machineState is the state of classic BPF: accumulator, index, scratch memory.
type machineState struct {
	words   [wordCount]uint32
	a, x    uint32
	scratch [16]uint32
}

func (vm *machineState) ret(pc int, op uint16, k uint32) (uint32, error) {
	switch op {
	case 0x06: // RET K
		return k, nil
	case 0x16: // RET A
		return vm.a, nil
	}
	return retKillProcess, &FilterError{pc, op, "unknown return"}
}

func (vm *machineState) jump(pc int, op uint16, k uint32, jt, jf uint8) (uint32, error) {
	operand := k
	if op&0x08 != 0 {
		operand = vm.x
	}
	var taken bool
	switch op {
	case 0x05: // JA
		return k, nil
	case 0x15, 0x1d: // JEQ K, X
		taken = vm.a == operand
	case 0x25, 0x2d: // JGT
		taken = vm.a > operand
	case 0x35, 0x3d: // JGE
		taken = vm.a >= operand
	case 0x45, 0x4d: // JSET
		taken = vm.a&operand != 0
	default:
		return 0, &FilterError{pc, op, "unknown jump"}
	}
	if taken {
		return uint32(jt), nil
	}
	return uint32(jf), nil
}

// step runs a load, a store, an operation or a move.
func (vm *machineState) step(pc int, op uint16, k uint32) error {
	switch op {
	case 0x20: // LD W ABS
		if k%wordSize != 0 || k/wordSize >= wordCount {
			return &FilterError{pc, op, fmt.Sprintf("no word at offset %d", k)}
		}
		vm.a = vm.words[k/wordSize]
	case 0x80: // LD W LEN
		vm.a = wordCount * wordSize
	case 0x81: // LDX W LEN
		vm.x = wordCount * wordSize
	case 0x00: // LD IMM
		vm.a = k
	case 0x01: // LDX IMM
		vm.x = k
	case 0x60, 0x61, 0x02, 0x03: // LD MEM, LDX MEM, ST, STX
		return vm.memory(pc, op, k)
	case 0x07: // TAX
		vm.x = vm.a
	case 0x87: // TXA
		vm.a = vm.x
	default:
		return vm.alu(pc, op, k)
	}
	return nil
}

func (vm *machineState) memory(pc int, op uint16, k uint32) error {
	if k >= uint32(len(vm.scratch)) {
		return &FilterError{pc, op, fmt.Sprintf("no scratch word %d", k)}
	}
	switch op {
	case 0x60:
		vm.a = vm.scratch[k]
	case 0x61:
		vm.x = vm.scratch[k]
	case 0x02:
		vm.scratch[k] = vm.a
	case 0x03:
		vm.scratch[k] = vm.x
	}
	return nil
}

func (vm *machineState) alu(pc int, op uint16, k uint32) error {
	operand := k
	if op&0x08 != 0 {
		operand = vm.x
	}
	switch op {
	case 0x04, 0x0c:
		vm.a += operand
	case 0x14, 0x1c:
		vm.a -= operand
	case 0x24, 0x2c:
		vm.a *= operand
	case 0x34: // DIV K
		if k == 0 {
			return &FilterError{pc, op, "divides by zero"}
		}
		vm.a /= k
	case 0x3c: // DIV X
		if vm.x == 0 {
			vm.a = 0 // as eBPF, which classic filters are translated to
		} else {
			vm.a /= vm.x
		}
	case 0x44, 0x4c:
		vm.a |= operand
	case 0x54, 0x5c:
		vm.a &= operand
	case 0x64, 0x6c:
		vm.a <<= operand & 31
	case 0x74, 0x7c:
		vm.a >>= operand & 31
	case 0x84:
		vm.a = -vm.a
	case 0xa4, 0xac:
		vm.a ^= operand
	default:
		return &FilterError{pc, op, "not permitted in a seccomp filter"}
	}
	return nil
}
