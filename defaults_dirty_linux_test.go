package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/seccomp"
)

// dirt is what a careless host program may pass on to its children. The zero
// value is none of it.
type dirt struct {
	Groups      []string          `json:",omitempty"` // supplementary
	Ambient     []int             `json:",omitempty"` // capabilities, inheritable and ambient
	Ignored     []syscall.Signal  `json:",omitempty"`
	Blocked     []syscall.Signal  `json:",omitempty"`
	Descriptors bool              `json:",omitempty"` // 3 to 9 open, without close-on-exec
	Umask       bool              `json:",omitempty"` // 0
	Personality bool              `json:",omitempty"` // no address space randomisation
	Nice        int               `json:",omitempty"`
	Rlimits     map[string]uint64 `json:",omitempty"` // by number, soft and hard
	Key         string            `json:",omitempty"` // in a new session keyring
	Terminal    bool              `json:",omitempty"` // a controlling one, and standard input
	Env         []string          `json:",omitempty"`
	Unconfined  bool              `json:",omitempty"` // the sandbox has no seccomp filter: the probe asks what one refuses
	LastResort  []string          `json:",omitempty"` // options of the sandbox, see lastResortOptions
}

// fromDirty is what came of a command that a dirty program ran.
type fromDirty struct {
	Control string // its output without a sandbox
	Out     string
	Err     string
	Report  struct {
		Features []reported
		Losses   []string
	}

	Feature, Reason, Fix string // where Err is an UnsupportedError
}

type reported struct{ Feature, State, Detail, Fix string }

func (f fromDirty) entry(feature sandbox.Feature) reported {
	for _, e := range f.Report.Features {
		if e.Feature == string(feature) {
			return e
		}
	}
	return reported{}
}

// runDirty runs a command from a dirty program, without a sandbox and in one.
func runDirty(t *testing.T, d dirt, argv ...string) fromDirty {
	t.Helper()
	return runDirtyAs(t, -1, d, nil, argv...)
}

// runDirtyAs does it as another user, who starts with these groups.
func runDirtyAs(t *testing.T, uid int, d dirt, groups []uint32, argv ...string) fromDirty {
	t.Helper()
	what, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(probeBinary, append([]string{"dirty", string(what), probeBinary}, argv...)...)
	if uid >= 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid), Groups: groups}}
	}
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err = cmd.Run()
	if cmd.Process != nil {
		rememberHost(cmd.Process.Pid)
	}
	if err != nil {
		t.Fatalf("dirty program: %v\n%s%s", err, out.String(), complaints.String())
	}
	var r fromDirty
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v in %q", err, out.String())
	}
	if r.Err != "" {
		t.Fatalf("dirty program: sandbox: %s\n%s", r.Err, r.Out)
	}
	return r
}

// becomeDirty spoils what execve(2) hands on and executes the second stage,
// so that the threads of the Go runtime start out with it.
func becomeDirty(args []string) int {
	runtime.LockOSThread()
	var d dirt
	if err := json.Unmarshal([]byte(args[0]), &d); err != nil {
		return complain(err)
	}
	env := os.Environ()
	if d.Env != nil {
		env = d.Env
	}
	for _, spoil := range []func(dirt) error{
		spoilTerminal, spoilDescriptors, spoilScheduling, spoilKeyring, spoilRlimits, spoilGroups, spoilCapabilities, spoilSignals,
	} {
		if err := spoil(d); err != nil {
			return complain(err)
		}
	}
	return complain(unix.Exec("/proc/self/exe", append([]string{"dirty", "stage"}, args...), env))
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// runFromDirty is the second stage.
func runFromDirty(args []string) int {
	var d dirt
	if err := json.Unmarshal([]byte(args[0]), &d); err != nil {
		return complain(err)
	}
	for _, s := range d.Ignored {
		signal.Ignore(s)
	}
	probeBinary = args[1]
	argv := args[2:]
	var answer struct {
		Control, Out, Err    string
		Feature, Reason, Fix string
		Report               *sandbox.Report
	}
	outside := slices.Clone(argv)
	if outside[0] == probeInside {
		outside[0] = probeBinary
	}
	control := exec.Command(outside[0], outside[1:]...)
	control.Stdin = os.Stdin
	out, err := control.CombinedOutput()
	answer.Control = string(out)
	if err != nil {
		answer.Control += err.Error()
	}
	cmd, opts := command(argv, nil)
	if d.Unconfined {
		opts = append(opts, sandbox.WithSeccomp(seccomp.Unconfined))
	}
	opts = append(opts, lastResortOptions(d.LastResort)...)
	var b bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, &b, &b
	res, err := sandbox.Run(context.Background(), cmd, opts...)
	answer.Out = b.String()
	var exit *sandbox.ExitError
	if err != nil && !errors.As(err, &exit) {
		answer.Err = err.Error()
	}
	var missing *sandbox.UnsupportedError
	if errors.As(err, &missing) {
		answer.Feature, answer.Reason, answer.Fix = missing.Feature, missing.Reason, missing.Fix
	}
	if res != nil {
		answer.Report = res.Report
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		return complain(err)
	}
	return 0
}

// hostMemory names the memory limit of the helper's sandbox.
const hostMemory = "SANDBOX_TEST_MEMORY"

// startAndSurvive is a host program that starts a sandbox, says which process
// its command is, and waits for ever.
func startAndSurvive(args []string) int {
	probeBinary = args[0]
	cmd, opts := command(args[1:], nil)
	ready := &firstLine{seen: make(chan struct{})}
	cmd.Stdout = ready
	if _, err := cmd.StdinPipe(); err != nil { // which stays open
		return complain(err)
	}
	if limit, err := strconv.ParseInt(os.Getenv(hostMemory), 10, 64); err == nil {
		opts = append(opts, sandbox.WithMemory(limit))
	}
	p, err := sandbox.Start(context.Background(), cmd, opts...)
	if err != nil {
		return complain(err)
	}
	<-ready.seen
	fmt.Println(p.PID())
	select {}
}
