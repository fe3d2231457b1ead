//go:build linux

package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/seccomp"
)

// Ids need not exist anywhere.
func ExampleWithUser() {
	cmd := exec.Command("sh", "-c", "id -u; id -g")
	cmd.Stdout = os.Stdout
	if _, err := sandbox.Run(context.Background(), cmd, sandbox.WithUser("10000:20000")); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 10000
	// 20000
}

// Root inside is an unprivileged id outside.
func ExampleWithUser_root() {
	cmd := exec.Command("sh", "-c", "id -un; mount -t tmpfs none /tmp 2>/dev/null || echo may not mount")
	cmd.Stdout = os.Stdout
	if _, err := sandbox.Run(context.Background(), cmd, sandbox.WithUser("root")); err != nil {
		fmt.Println(err)
	}
	// Output:
	// root
	// may not mount
}

// The kernel lets nobody but root choose groups, so for others this is refused.
func ExampleWithGroups() {
	cmd := exec.Command("id", "-G")
	var out strings.Builder
	cmd.Stdout = &out
	_, err := sandbox.Run(context.Background(), cmd, sandbox.WithUser("1234:1234"), sandbox.WithGroups("2000", "3000"))

	given := err == nil && out.String() == "1234 2000 3000\n"
	refused := errors.Is(err, errors.ErrUnsupported)
	fmt.Println("given or refused:", given || refused)
	// Output:
	// given or refused: true
}

// The ids inside are the host's. Without CAP_SYS_ADMIN that is refused.
func ExampleWithHostUserNS() {
	cmd := exec.Command("readlink", "/proc/self/ns/user")
	var out strings.Builder
	cmd.Stdout = &out
	_, err := sandbox.Run(context.Background(), cmd, sandbox.WithHostUserNS())

	host, _ := os.Readlink("/proc/self/ns/user")
	same := err == nil && out.String() == host+"\n"
	refused := errors.Is(err, errors.ErrUnsupported)
	fmt.Println("the host's or refused:", same || refused)
	// Output:
	// the host's or refused: true
}

// A user who is not root may listen on port 80 of the sandbox's own network,
// and has no other capability.
func ExampleAddCap() {
	cmd := exec.Command("sh", "-c", "grep CapEff /proc/self/status")
	cmd.Stdout = os.Stdout
	if _, err := sandbox.Run(context.Background(), cmd, sandbox.AddCap("net_bind_service")); err != nil {
		fmt.Println(err)
	}
	// Output:
	// CapEff:	0000000000000400
}

// Root inside has Docker's default set, here without all but one.
func ExampleDropCap() {
	cmd := exec.Command("sh", "-c", "grep CapEff /proc/self/status")
	cmd.Stdout = os.Stdout
	if _, err := sandbox.Run(context.Background(), cmd,
		sandbox.WithUser("root"), sandbox.DropCap("all"), sandbox.AddCap("chown")); err != nil {
		fmt.Println(err)
	}
	// Output:
	// CapEff:	0000000000000001
}

func ExampleWithNewPrivileges() {
	for _, opts := range [][]sandbox.Option{{}, {sandbox.WithNewPrivileges()}} {
		cmd := exec.Command("grep", "NoNewPrivs", "/proc/self/status")
		cmd.Stdout = os.Stdout
		if _, err := sandbox.Run(context.Background(), cmd, opts...); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// NoNewPrivs:	1
	// NoNewPrivs:	0
}

// Without WithSUID every mount is nosuid.
func ExampleWithSUID() {
	cmd := exec.Command("sh", "-c", `for d in /tmp /programs; do
		grep -q " $d tmpfs .*nosuid" /proc/self/mounts && echo "$d: nosuid" || echo "$d: suid"
	done`)
	cmd.Stdout = os.Stdout
	if _, err := sandbox.Run(context.Background(), cmd,
		sandbox.WithTmpfs("/programs", 1<<20), sandbox.WithSUID("/programs"), sandbox.WithNewPrivileges()); err != nil {
		fmt.Println(err)
	}
	_, err := sandbox.New(sandbox.WithSUID("/usr"))
	fmt.Println(err)
	// Output:
	// /tmp: nosuid
	// /programs: suid
	// sandbox: WithSUID(/usr): not the target of WithBind, WithReadOnlyBind or WithTmpfs, nor "/" with WithRootFS
}

// The default profile, and no symbolic links.
func ExampleWithSeccomp() {
	policy := seccomp.Default().Deny(syscall.EPERM, "symlink", "symlinkat")
	cmd := exec.Command("ln", "-s", "target", "/tmp/link")
	cmd.Stderr = os.Stdout
	_, err := sandbox.Run(context.Background(), cmd, sandbox.WithSeccomp(policy))
	fmt.Println(err)
	// Output:
	// ln: failed to create symbolic link '/tmp/link': Operation not permitted
	// sandbox: command exited with status 1
}

func ExampleWithSeccomp_unconfined() {
	cmd := exec.Command("grep", "Seccomp:", "/proc/self/status")
	cmd.Stdout = os.Stdout
	if _, err := sandbox.Run(context.Background(), cmd, sandbox.WithSeccomp(seccomp.Unconfined)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// Seccomp:	0
}

// The mounts alone make the file view then.
func ExampleWithoutLandlock() {
	res, err := sandbox.Run(context.Background(), exec.Command("true"), sandbox.WithoutLandlock())
	if err != nil {
		fmt.Println(err)
		return
	}
	e, _ := res.Report.Entry(sandbox.FeatureLandlock)
	fmt.Println(e.Feature, e.State)
	// Output:
	// landlock off
}

// A program that has to run where a container refuses namespaces, too, accepts Landlock
// in their place, and looks at what is lost.
func ExampleWithBestEffort_lastResort() {
	res, err := sandbox.Run(context.Background(), exec.Command("true"),
		sandbox.WithBestEffort(sandbox.FeatureUserNamespace, sandbox.FeatureNamespaces, sandbox.FeatureMounts))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, loss := range res.Report.Losses { // none on a host that has them
		fmt.Println("lost:", loss)
	}
	fmt.Println(res)
	// Output: exited with status 0
}

// The limits hold where the host can enforce them, and the report tells.
func ExampleWithBestEffort() {
	res, err := sandbox.Run(context.Background(), exec.Command("true"),
		sandbox.WithMemory(64<<20), sandbox.WithCPUs(0.5),
		sandbox.WithBestEffort(sandbox.FeatureMemory, sandbox.FeatureCPU))
	fmt.Println(res, err)
	for _, f := range []sandbox.Feature{sandbox.FeatureMemory, sandbox.FeatureCPU} {
		e, reported := res.Report.Entry(f)
		fmt.Println(e.Feature, reported)
	}
	// Output:
	// exited with status 0 <nil>
	// memory true
	// cpu true
}
