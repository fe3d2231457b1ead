package sandboxtest_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/launch"
	"github.com/seed-d1379373/sandbox/lsm"
	"github.com/seed-d1379373/sandbox/sandboxtest"
	"github.com/seed-d1379373/sandbox/seccomp"
)

// lastResort is a host program: it runs a command without namespaces, which its
// filter refuses.
func lastResort(argv []string) int {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	res, err := sandbox.Run(context.Background(), cmd, sandbox.WithReadOnlyBind(argv[0], argv[0]),
		sandbox.WithBestEffort(sandbox.FeatureUserNamespace, sandbox.FeatureNamespaces, sandbox.FeatureMounts))
	var exit *sandbox.ExitError
	if err != nil && !errors.As(err, &exit) || len(res.Report.Losses) == 0 {
		fmt.Fprintln(os.Stderr, "not the last resort:", err)
		return 125
	}
	return max(res.ExitCode, 0)
}

// throughLastResort runs a command by that host program.
func throughLastResort(cmd *exec.Cmd) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	image, err := withoutNamespaces(append([]string{self, "last-resort", cmd.Path}, cmd.Args[1:]...), os.Environ())
	if err != nil {
		return err
	}
	executable, err := launch.NewMemoryExecutable(image, launch.Floor(3, 0))
	if err != nil {
		return err
	}
	defer executable.Close()
	cmd.Path, cmd.Args = executable.Path, []string{"filter"}
	return cmd.Run()
}

// withoutNamespaces is a program that executes another one under a filter.
func withoutNamespaces(argv, env []string) ([]byte, error) {
	refused := seccomp.Rule{Names: []string{"unshare", "setns", "clone3", "mount"}, Action: seccomp.ActErrno}
	policy := &seccomp.Policy{DefaultAction: seccomp.ActAllow, Syscalls: []seccomp.Rule{refused}}
	*policy = *policy.Deny(unix.ENOSYS, "clone3").With(seccomp.Rule{
		Names: []string{"clone"}, Action: seccomp.ActErrno,
		Args: []seccomp.Arg{{Index: 0, Op: seccomp.OpMaskedEqual, Value: unix.CLONE_NEWNS, ValueTwo: unix.CLONE_NEWNS}},
	})
	target, err := seccomp.NativeTarget()
	if err != nil {
		return nil, err
	}
	filter, err := policy.Compile(target)
	if err != nil {
		return nil, err
	}
	p := launch.NewProgram()
	failed := p.NewLabel("failed")
	p.OnFailure(failed)
	texts := func(list []string) (refs []launch.Ref) {
		for _, s := range list {
			refs = append(refs, p.Text(s))
		}
		return refs
	}
	fprog := binary.LittleEndian.AppendUint64(nil, uint64(len(filter.Bytes())/8))
	fprog = binary.LittleEndian.AppendUint64(fprog, p.Data("filter", filter.Bytes()).Address())
	p.Call(launch.Prctl, launch.Int(unix.PR_SET_NO_NEW_PRIVS), launch.Int(1), launch.Int(0), launch.Int(0), launch.Int(0))
	p.Call(launch.Seccomp, launch.Int(unix.SECCOMP_SET_MODE_FILTER), launch.Int(0), p.Data("sock_fprog", fprog))
	p.Call(launch.Execve, p.Text(argv[0]), p.Pointers("argv", texts(argv)), p.Pointers("envp", texts(env)))
	p.Place(failed)
	p.Call(launch.ExitGroup, launch.Int(125))
	return p.Image()
}

// Without namespaces the probes find what the report says is lost, and no more.
func TestLastResort(t *testing.T) {
	if abi, err := lsm.LandlockABI(); err != nil || abi < 6 {
		t.Skipf("needs landlock-scope: Linux 6.12: ABI %d, %v", abi, err)
	}
	table, err := sandboxtest.Audit(t.Context(), throughLastResort)
	if err != nil {
		t.Fatal(err)
	}
	table.Test(t, append(lacking(),
		"namespaces/shared-*",                           // there are none
		"files/list-*",                                  // by names that are known
		"identity/bounding-set", "identity/set-user-ID", // no_new_privs makes both useless
	)...)
	const bar = 105
	if closed := table.Count("", sandboxtest.Closed); closed < bar {
		t.Errorf("%d are closed, want %d:\n%s", closed, bar, table)
	}
}
