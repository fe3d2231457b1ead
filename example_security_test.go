//go:build linux

package sandbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"

	"github.com/seed-d1379373/sandbox"
)

// What it means, not what it does: for root this is root of the host.
func ExampleWithPrivileged() {
	s, err := sandbox.New(sandbox.WithPrivileged())
	if err != nil {
		fmt.Println(err)
		return
	}
	c := s.Config()
	fmt.Println(c.Privileged, c.CapAdd, c.Seccomp, c.Landlock, c.NewPrivileges, c.Network)
	// Output:
	// true [all] unconfined false true none
}

// Docker's spellings.
func ExampleWithSecurityOpt() {
	cmd := exec.Command("grep", "-E", "^(NoNewPrivs|Seccomp):", "/proc/self/status")
	cmd.Stdout = os.Stdout
	if _, err := sandbox.Run(context.Background(), cmd,
		sandbox.WithSecurityOpt("no-new-privileges", "seccomp=unconfined")); err != nil {
		fmt.Println(err)
	}
	// Output:
	// NoNewPrivs:	1
	// Seccomp:	0
}

// The profile must be loaded. Without AppArmor in the kernel this is refused,
// unless it is a best effort.
func ExampleWithAppArmor() {
	res, err := sandbox.Run(context.Background(), exec.Command("true"),
		sandbox.WithAppArmor("unconfined"),
		sandbox.WithBestEffort(sandbox.FeatureAppArmor))
	fmt.Println(res, err)
	// Output:
	// exited with status 0 <nil>
}

// Parts that are empty are those of the caller's label.
func ExampleWithSELinux() {
	s, err := sandbox.New(sandbox.WithSELinux(sandbox.Label{Type: "svirt_t", Level: "s0:c100,c200"}))
	if err != nil {
		fmt.Println(err)
		return
	}
	json.NewEncoder(os.Stdout).Encode(s.Config().SELinux)
	// Output:
	// {"type":"svirt_t","level":"s0:c100,c200"}
}

func ExampleWithSELinuxDisabled() {
	_, err := sandbox.New(sandbox.WithSELinuxDisabled())
	fmt.Println(err)
	_, err = sandbox.New(sandbox.WithSELinuxDisabled(), sandbox.WithSELinux(sandbox.Label{Type: "svirt_t"}))
	fmt.Println(err)
	// Output:
	// <nil>
	// sandbox: WithSELinuxDisabled(): contradicts a label
}
