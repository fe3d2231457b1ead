//go:build linux

package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"

	"github.com/seed-d1379373/sandbox"
)

// The verdict of a command that did not succeed.
func ExampleExitError() {
	_, err := sandbox.Run(context.Background(), exec.Command("sh", "-c", "kill -SEGV $$"))
	var exit *sandbox.ExitError
	if errors.As(err, &exit) {
		fmt.Println(exit.Reason, exit.ExitCode, exit.Signal)
	}
	// Output:
	// Signaled -1 segmentation fault
}

// A sandbox that cannot be built names the step, the path and the errno.
func ExampleSetupError() {
	_, err := sandbox.Run(context.Background(), exec.Command("true"), sandbox.WithBind("/no/such/directory", "/data"))
	var setup *sandbox.SetupError
	if errors.As(err, &setup) {
		fmt.Printf("%q %q %v\n", setup.Step, setup.Path, errors.Is(err, fs.ErrNotExist))
	}
	// Output:
	// "bind /no/such/directory" "/data" true
}

// The program is looked up inside the sandbox.
func ExampleRun_notFound() {
	_, err := sandbox.Run(context.Background(), exec.Command("no-such-program"))
	fmt.Println(errors.Is(err, exec.ErrNotFound))
	// Output:
	// true
}

// What this host cannot enforce is refused, with what would help.
func ExampleUnsupportedError() {
	_, err := sandbox.Run(context.Background(), exec.Command("true"),
		sandbox.WithCgroupParent("/there/is/no/such/group"), sandbox.WithMemory(64<<20))
	var unsupported *sandbox.UnsupportedError
	if errors.As(err, &unsupported) {
		fmt.Println(unsupported.Feature, errors.Is(err, errors.ErrUnsupported), unsupported.Reason != "")
	}
	// Output:
	// memory true true
}

// A result tells what was used and what was enforced.
func ExampleResult() {
	res, err := sandbox.Run(context.Background(), exec.Command("sh", "-c", "exit 3"))
	fmt.Println(err)
	fmt.Println(res.Reason, res.ExitCode, res.Success())
	fmt.Println(res.Setup > 0, res.Usage.CPU > 0, res.Usage.MaxRSS > 0)
	// Output:
	// sandbox: command exited with status 3
	// Exited 3 false
	// true true true
}

// The report of a result says what was in force.
func ExampleReport_Entry() {
	res, err := sandbox.Run(context.Background(), exec.Command("true"), sandbox.WithPids(100))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range []sandbox.Feature{sandbox.FeatureUserNamespace, sandbox.FeatureSeccomp, sandbox.FeaturePids, sandbox.FeatureCPU} {
		e, _ := res.Report.Entry(f)
		fmt.Println(e.Feature, e.State)
	}
	// Output:
	// user namespace yes
	// seccomp yes
	// pids yes
	// cpu off
}

// What is missing has a reason. Only the defaults of memory and Landlock, and
// what WithBestEffort names, can be missing from a sandbox that runs.
func ExampleReport_Missing() {
	res, err := sandbox.Run(context.Background(), exec.Command("true"), sandbox.WithBestEffort(sandbox.FeatureMemory))
	if err != nil {
		fmt.Println(err)
		return
	}
	unexplained := 0
	for _, m := range res.Report.Missing() {
		if m.Detail == "" {
			unexplained++
		}
	}
	fmt.Println(unexplained, "without a reason")
	// Output:
	// 0 without a reason
}

// Probe says what this host can enforce before anything is started.
func ExampleProbe() {
	report := sandbox.Probe()
	e, ok := report.Entry(sandbox.FeatureSeccomp)
	fmt.Println(ok, e.State)
	// Output:
	// true yes
}
