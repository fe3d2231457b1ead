//go:build linux

package sandbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/lsm"
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

// Parts that are empty are those of the caller's label; without a level each
// start would get categories of its own.
func ExampleWithSELinux() {
	s, err := sandbox.New(sandbox.WithSELinux(lsm.Label{Type: "svirt_t", Level: "s0:c100,c200"}))
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
	_, err = sandbox.New(sandbox.WithSELinuxDisabled(), sandbox.WithSELinux(lsm.Label{Type: "svirt_t"}))
	fmt.Println(err)
	// Output:
	// <nil>
	// sandbox: WithSELinuxDisabled(): contradicts a label
}

// Files and ports, on top of what the sandbox itself allows. A start is an error
// where the kernel cannot restrict them.
func ExampleWithLandlock() {
	s, err := sandbox.New(
		sandbox.WithLandlock(lsm.ReadOnly("/usr"), lsm.ReadOnly("/lib"), lsm.ReadOnly("/lib64"), lsm.ReadWrite("/tmp")),
		sandbox.WithLandlock(lsm.ConnectTCP(443)))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, rule := range s.Config().LandlockRules {
		fmt.Println(rule)
	}
	_, err = sandbox.New(sandbox.WithLandlock(lsm.ReadOnly("usr")))
	fmt.Println(err)
	// Output:
	// read-only /usr
	// read-only /lib
	// read-only /lib64
	// read-write /tmp
	// connect-tcp 443
	// sandbox: WithLandlock(read-only usr): not an absolute path
}

// The file systems that are made for the command are labelled for it.
func ExampleWithSELinuxMountLabel() {
	s, err := sandbox.New(
		sandbox.WithSELinux(lsm.Label{Type: "svirt_t"}),
		sandbox.WithSELinuxMountLabel(lsm.Label{Type: "svirt_image_t"}))
	if err != nil {
		fmt.Println(err)
		return
	}
	json.NewEncoder(os.Stdout).Encode(s.Config().SELinuxMount)
	// Output:
	// {"type":"svirt_image_t"}
}
