//go:build linux

package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/seed-d1379373/sandbox"
)

// A device of the host under another name; no other can be opened.
func ExampleWithDevice() {
	cmd := exec.Command("sh", "-c", "ls /dev/nothing && echo x > /dev/nothing && echo written")
	cmd.Stdout = os.Stdout
	if _, err := sandbox.Run(context.Background(), cmd, sandbox.WithDevice("/dev/null:/dev/nothing:rw")); err != nil {
		fmt.Println(err)
	}
	// Output:
	// /dev/nothing
	// written
}

func ExampleWithDeviceRule() {
	_, err := sandbox.New(sandbox.WithDeviceRule("c 189:* rmw")) // every USB device
	fmt.Println(err)
	_, err = sandbox.New(sandbox.WithDeviceRule("usb"))
	fmt.Println(err)
	// Output:
	// <nil>
	// sandbox: WithDeviceRule(usb): not of the form TYPE MAJOR:MINOR ACCESS, such as c 189:* rmw
}

func ExampleWithIOWeight() {
	res, err := sandbox.Run(context.Background(), exec.Command("true"),
		sandbox.WithIOWeight(100),
		sandbox.WithBestEffort(sandbox.FeatureIO))
	fmt.Println(res, err)
	// Output:
	// exited with status 0 <nil>
}

// A MiB per second is read from one disk at most.
func ExampleWithIOMax() {
	s, err := sandbox.New(sandbox.WithIOMax("/dev/sda", sandbox.IOLimit{ReadBytes: 1 << 20}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Config().IOMax["/dev/sda"].ReadBytes)
	// Output:
	// 1048576
}

// When the host runs out of memory the sandbox goes first.
func ExampleWithOOMScoreAdj() {
	cmd := exec.Command("cat", "/proc/self/oom_score_adj")
	cmd.Stdout = os.Stdout
	if _, err := sandbox.Run(context.Background(), cmd, sandbox.WithOOMScoreAdj(1000)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 1000
}

// Standard input must be a terminal of its own, and a nil one is /dev/null.
func ExampleWithTerminal() {
	_, err := sandbox.Run(context.Background(), exec.Command("true"), sandbox.WithTerminal())
	var setup *sandbox.SetupError
	if errors.As(err, &setup) {
		fmt.Println(setup.Step)
	}
	// Output:
	// take the terminal
}
