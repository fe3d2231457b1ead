package cgroup

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// deviceProgram is the rules as a program of type BPF_PROG_TYPE_CGROUP_DEVICE.
// The kernel runs it for each opening and making of a node with a struct
// bpf_cgroup_dev_ctx, and zero means no.
//
// It keeps the set of accesses that are asked for and not allowed. A rule for
// the device takes accesses out of the set or puts them back in, so the last
// rule that matches decides, for each access by itself.
func deviceProgram(rules []DeviceRule) asm.Instructions {
	const (
		request = asm.R1
		asked   = asm.R2
		kind    = asm.R3
		major   = asm.R4
		minor   = asm.R5
		refused = asm.R6
		scratch = asm.R7
	)
	program := asm.Instructions{
		asm.LoadMem(asked, request, 0, asm.Word), // access_type: access << 16 | type
		asm.Mov.Reg(kind, asked),
		asm.And.Imm(kind, 0xffff),
		asm.RSh.Imm(asked, 16),
		asm.LoadMem(major, request, 4, asm.Word),
		asm.LoadMem(minor, request, 8, asm.Word),
		asm.Mov.Reg(refused, asked),
	}
	label := "" // of the instruction that comes next
	add := func(in ...asm.Instruction) {
		if label != "" {
			in[0], label = in[0].WithSymbol(label), ""
		}
		program = append(program, in...)
	}
	for i, r := range rules {
		next := fmt.Sprintf("rule %d", i+1)
		if r.Type != 'a' {
			add(asm.JNE.Imm(kind, deviceType(r.Type), next))
		}
		// The kernel compares 32 bits, so the sign means nothing.
		if r.Major != -1 {
			add(asm.JNE.Imm32(major, int32(r.Major), next))
		}
		if r.Minor != -1 {
			add(asm.JNE.Imm32(minor, int32(r.Minor), next))
		}
		access := deviceAccess(r.Access)
		if r.Allow {
			add(asm.And.Imm(refused, ^access))
		} else {
			add(asm.Mov.Reg(scratch, asked), asm.And.Imm(scratch, access), asm.Or.Reg(refused, scratch))
		}
		label = next
	}
	add(asm.Mov.Imm(asm.R0, 1),
		asm.JEq.Imm(refused, 0, "end"),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return().WithSymbol("end"))
	return program
}

func deviceType(letter byte) int32 {
	if letter == 'b' {
		return unix.BPF_DEVCG_DEV_BLOCK
	}
	return unix.BPF_DEVCG_DEV_CHAR
}

func deviceAccess(letters string) (set int32) {
	for letter, bit := range map[string]int32{"m": unix.BPF_DEVCG_ACC_MKNOD, "r": unix.BPF_DEVCG_ACC_READ, "w": unix.BPF_DEVCG_ACC_WRITE} {
		if strings.Contains(letters, letter) {
			set |= bit
		}
	}
	return set
}

func loadDevices(rules []DeviceRule) (*ebpf.Program, error) {
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "sandbox_devices", Type: ebpf.CGroupDevice, Instructions: deviceProgram(rules)})
	if err != nil {
		return nil, unsupportedDevices(err)
	}
	return program, nil
}

// canLoadDevices loads a program and throws it away.
func canLoadDevices() error {
	program, err := loadDevices(nil)
	if err != nil {
		return err
	}
	return program.Close()
}

// applyDevices puts rules in the place of those that were there, at once. The
// kernel keeps the program with the directory and lets go of it with that.
func (d *dir) applyDevices(rules []DeviceRule) error {
	program, err := loadDevices(rules)
	if err != nil {
		return err
	}
	dir, err := d.open()
	if err != nil {
		program.Close()
		return err
	}
	defer dir.Close()
	// With programs above this one, all of them must allow a device.
	attach := link.RawAttachProgramOptions{Target: int(dir.Fd()), Program: program, Attach: ebpf.AttachCGroupDevice, Flags: unix.BPF_F_ALLOW_MULTI}
	if d.devices != nil {
		attach.Anchor = link.ReplaceProgram(d.devices)
	}
	if err := link.RawAttachProgram(attach); err != nil {
		program.Close()
		return unsupportedDevices(d.fail("attach device program", "devices", "", "", err))
	}
	if d.devices != nil {
		d.devices.Close()
	}
	d.devices = program
	return nil
}

func unsupportedDevices(err error) error {
	u := &UnsupportedError{
		Feature: "devices",
		Reason:  "cgroup v2 controls devices by a BPF program, which the kernel did not take",
		Fix:     "boot a kernel with CONFIG_CGROUP_BPF, or give the sandbox a /dev with only the devices it may use and no CAP_MKNOD",
		Err:     err,
	}
	if errors.Is(err, unix.EPERM) {
		u.Reason = "cgroup v2 controls devices by a BPF program, which this process may not load"
		u.Fix = "run with CAP_SYS_ADMIN, or with CAP_BPF and CAP_NET_ADMIN, in the initial user namespace and without a seccomp filter that refuses bpf(2), " +
			"or give the sandbox a /dev with only the devices it may use and no CAP_MKNOD"
	}
	return u
}
