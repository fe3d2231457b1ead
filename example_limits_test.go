//go:build linux

package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/seed-d1379373/sandbox"
)

// A limit that is named holds or nothing runs: where the host cannot limit
// memory, the error is an UnsupportedError.
func ExampleWithMemory() {
	cmd := exec.Command("sh", "-c", "head -c 100m /dev/zero | tail") // which keeps a line of 100 MiB
	_, err := sandbox.Run(context.Background(), cmd, sandbox.WithMemory(48<<20))

	var exit *sandbox.ExitError
	killed := errors.As(err, &exit) && exit.Reason == sandbox.OOMKilled
	refused := errors.Is(err, errors.ErrUnsupported)
	fmt.Println("killed or refused:", killed || refused)
	// Output:
	// killed or refused: true
}

// 64 MiB of memory, and 32 MiB of swap beyond it.
func ExampleWithMemorySwap() {
	_, err := sandbox.New(sandbox.WithMemory(64<<20), sandbox.WithMemorySwap(96<<20))
	fmt.Println(err)
	_, err = sandbox.New(sandbox.WithMemory(64<<20), sandbox.WithMemorySwap(32<<20))
	fmt.Println(err)
	// Output:
	// <nil>
	// sandbox: WithMemorySwap(33554432): is the sum of memory and swap, and less than the memory limit of 67108864
}

func ExampleWithMemoryReservation() {
	res, err := sandbox.Run(context.Background(), exec.Command("true"),
		sandbox.WithMemory(256<<20),
		sandbox.WithMemoryReservation(64<<20),
		sandbox.WithBestEffort(sandbox.FeatureMemory)) // also where memory cannot be limited
	fmt.Println(res, err)
	// Output:
	// exited with status 0 <nil>
}

// When CPUs are contended, a sandbox with 1024 shares gets twice the time of
// one with 512.
func ExampleWithCPUShares() {
	for _, shares := range []uint64{1024, 512} {
		s, err := sandbox.New(sandbox.WithCPUShares(shares), sandbox.WithBestEffort(sandbox.FeatureCPU))
		if err != nil {
			fmt.Println(err)
			return
		}
		res, err := s.Run(context.Background(), exec.Command("true"))
		fmt.Println(s.Config().CPUShares, res, err)
		s.Close()
	}
	// Output:
	// 1024 exited with status 0 <nil>
	// 512 exited with status 0 <nil>
}

func ExampleWithCPUs() {
	res, err := sandbox.Run(context.Background(), exec.Command("true"),
		sandbox.WithCPUs(0.75), // three quarters of one CPU
		sandbox.WithBestEffort(sandbox.FeatureCPU))
	fmt.Println(res, err)
	// Output:
	// exited with status 0 <nil>
}

// On one CPU, or not at all.
func ExampleWithCPUSet() {
	cmd := exec.Command("nproc")
	var out strings.Builder
	cmd.Stdout = &out
	_, err := sandbox.Run(context.Background(), cmd, sandbox.WithCPUSet("0"))

	confined := err == nil && out.String() == "1\n"
	refused := errors.Is(err, errors.ErrUnsupported)
	fmt.Println("confined or refused:", confined || refused)
	// Output:
	// confined or refused: true
}

func ExampleWithCPUSetMems() {
	res, err := sandbox.Run(context.Background(), exec.Command("true"),
		sandbox.WithCPUSetMems("0"),
		sandbox.WithBestEffort(sandbox.FeatureCPUSet))
	fmt.Println(res, err)
	// Output:
	// exited with status 0 <nil>
}

// A shell and two more processes: the third does not start.
func ExampleWithPids() {
	cmd := exec.Command("sh", "-c", "sleep 1000 & echo 2; sleep 1000 & echo 3; sleep 1000 & echo 4")
	cmd.Stdout = os.Stdout
	_, err := sandbox.Run(context.Background(), cmd, sandbox.WithPids(3))
	fmt.Println(err)
	// Output:
	// 2
	// 3
	// sandbox: command exited with status 2
}

// A service that has the cgroup /judge delegated to it makes its sandboxes
// there. Where there is none, a memory limit that is named is refused.
func ExampleWithCgroupParent() {
	s, err := sandbox.New(sandbox.WithCgroupParent("/no/such/judge"), sandbox.WithMemory(64<<20))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	fmt.Println(s.Config().CgroupParent)
	_, err = s.Run(context.Background(), exec.Command("true"))
	fmt.Println(errors.Is(err, errors.ErrUnsupported))
	// Output:
	// /no/such/judge
	// true
}

func ExampleWithRlimit() {
	cmd := exec.Command("sh", "-c", "ulimit -n")
	cmd.Stdout = os.Stdout
	if _, err := sandbox.Run(context.Background(), cmd, sandbox.WithRlimit("NOFILE", 64, 64)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 64
}

func ExampleWithTimeout() {
	_, err := sandbox.Run(context.Background(), exec.Command("sleep", "1000"), sandbox.WithTimeout(time.Second))
	var exit *sandbox.ExitError
	if errors.As(err, &exit) {
		fmt.Println(exit.Reason)
	}
	// Output:
	// TimedOut
}

// All processes together have a tenth of a second of CPU time. It needs a
// cgroup that counts it, and is refused without one.
func ExampleWithCPUTime() {
	_, err := sandbox.Run(context.Background(), exec.Command("sh", "-c", "while :; do :; done"),
		sandbox.WithCPUTime(100*time.Millisecond))

	var exit *sandbox.ExitError
	stopped := errors.As(err, &exit) && exit.Reason == sandbox.CPUTimeExceeded
	refused := errors.Is(err, errors.ErrUnsupported)
	fmt.Println("stopped or refused:", stopped || refused)
	// Output:
	// stopped or refused: true
}

func ExampleWithOutputLimit() {
	cmd := exec.Command("yes")
	cmd.Stdout = os.Stdout
	_, err := sandbox.Run(context.Background(), cmd, sandbox.WithOutputLimit(6))
	fmt.Println(err)
	// Output:
	// y
	// y
	// y
	// sandbox: command wrote more output than allowed
}
