package vmtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A Package is what one package's tests did in one guest.
type Package struct {
	Name   string
	Status int // exit status of the test binary, or one of the below
	Output string
	Took   time.Duration
	tally
}

const (
	notEnded = -1 // the guest ended first
	notBuilt = -2
)

func (p Package) ok() bool { return p.Status == 0 }

// emulator is the command line of qemu for a row. The first serial port, the
// console, goes to a file; the second is qemu's standard output. The models of
// CPU are those that are emulated fastest: "max" takes 1.4 times as long on
// amd64, and four times as long on arm64. Without rdrand the kernel has to wait
// for its first random numbers. On a busy machine the emulated timer is late for
// the kernel's check, which then panics; no_timer_check leaves that out.
func emulator(r Row, kernel, initramfs, disk, console string) []string {
	args := []string{
		"-m", "2048", "-smp", strconv.Itoa(r.CPUs), "-nodefaults", "-no-reboot", "-display", "none", "-monitor", "none",
		"-kernel", kernel, "-initrd", initramfs,
		"-drive", "file=" + disk + ",if=none,id=disk,format=raw,snapshot=on,cache=unsafe", "-device", "virtio-blk-pci,drive=disk",
		"-serial", "file:" + console, "-chardev", "stdio,id=result,signal=off",
	}
	tty := "ttyS0"
	switch r.Arch {
	case "arm64":
		tty = "ttyAMA0"
		args = append([]string{"qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a57"}, args...)
		args = append(args, "-device", "pci-serial,chardev=result")
	default:
		args = append([]string{"qemu-system-x86_64", "-M", "pc", "-cpu", "Nehalem,+rdrand"}, args...)
		args = append(args, "-serial", "chardev:result")
	}
	lsm := "security=apparmor apparmor=1"
	if r.LSM == "selinux" {
		lsm = "security=selinux selinux=1 enforcing=0"
	}
	// With a thread for each CPU, one that runs what another is just patching
	// traps now and then (int3), and the kernel panics.
	return append(args, "-accel", "tcg,thread=single",
		"-append", "console="+tty+" quiet panic=-1 no_timer_check mitigations=off init_on_alloc=0 systemd.mask=apparmor.service "+lsm)
}

// watch reads the result port and gives what each package did. It fails
// unless the guest ends with its verdict. Lines are given to live as they
// come, finished packages to done.
func watch(port io.Reader, nonce string, live func(line string), done func(Package)) error {
	in := bufio.NewReader(port)
	var output strings.Builder
	current := ""
	var start time.Time
	end := func(status int) {
		p := Package{Name: current, Status: status, Output: output.String(), Took: time.Since(start)}
		p.tally = count(p.Output)
		done(p)
		current = ""
	}
	for {
		line, err := in.ReadString('\n')
		verb, ours := strings.CutPrefix(strings.TrimSpace(line), "VMTEST "+nonce+" ")
		words := strings.Fields(verb)
		switch {
		case !ours || len(words) == 0:
			if line != "" {
				output.WriteString(line)
				live(strings.TrimRight(line, "\r\n"))
			}
		case words[0] == "begin" && len(words) == 2:
			current, start = words[1], time.Now()
			output.Reset()
		case words[0] == "end" && len(words) == 3 && words[1] == current:
			status, err := strconv.Atoi(words[2])
			if err != nil {
				return fmt.Errorf("the guest gave exit status %q", words[2])
			}
			end(status)
		case words[0] == "done" && current == "":
			return nil
		default:
			live(verb)
		}
		if err != nil {
			if current != "" {
				name := current
				end(notEnded)
				return fmt.Errorf("the guest ended within the tests of %s", name)
			}
			return errors.New("the guest ended without a verdict")
		}
	}
}

// boot runs one guest to its end and tells what CPU time that took. The
// console's output is in console.
func boot(ctx context.Context, argv []string, nonce string, timeout time.Duration, live func(string), done func(Package)) (cpu time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	port, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	verdict := watch(port, nonce, live, done)
	// Powering off takes a moment; what comes after the verdict is nothing.
	_, _ = io.Copy(io.Discard, port)
	err = cmd.Wait()
	cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	switch {
	case verdict == nil:
		return cpu, nil // qemu's own exit status says nothing
	case ctx.Err() == context.DeadlineExceeded:
		return cpu, fmt.Errorf("%w: stopped after %v", verdict, timeout)
	case ctx.Err() != nil:
		return cpu, ctx.Err()
	case err != nil:
		return cpu, fmt.Errorf("%w: %s: %w: %s", verdict, filepath.Base(argv[0]), err, tail(stderr.String(), 5))
	}
	return cpu, verdict
}

// consoleTail is the end of the guest's console, for the message of a row
// that failed to give a verdict.
func consoleTail(file string) string {
	text, err := os.ReadFile(file)
	if err != nil || len(text) == 0 {
		return ""
	}
	return "\nend of its console:\n" + tail(strings.ToValidUTF8(string(text), "?"), 25)
}
