package sandbox_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	moby "github.com/moby/profiles/seccomp"
	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/launch"
	"github.com/seed-d1379373/sandbox/seccomp"
)

// An older kernel, a container or an LSM refuses system calls to the host
// program: a filter does it here. Each one is either made up for, and the sandbox
// is what it always is, or the start fails and says what is missing.

// underFilter runs a command in the sandbox of a host program that is under a
// filter and, where it is root's, lacks some capabilities.
func underFilter(t *testing.T, policy *seccomp.Policy, without ...int) fromDirty {
	t.Helper()
	if os.Geteuid() != 0 {
		without = nil
	}
	host := underFilterAs(t, -1, policy, without, "stage", "{}", probeBinary, "sh", "-c", "echo done")
	out, err := host.Output()
	if err != nil {
		t.Fatalf("the host program: %v: %s%s", err, out, host.Stderr)
	}
	return answerOf(t, out)
}

// underFilterAs is a host program under a filter, as another user where root
// starts it and one is named.
func underFilterAs(t *testing.T, uid int, policy *seccomp.Policy, without []int, args ...string) *exec.Cmd {
	t.Helper()
	target, err := seccomp.NativeTarget()
	if err != nil {
		t.Fatal(err)
	}
	filter, err := policy.Compile(target)
	if err != nil {
		t.Fatal(err)
	}
	image, err := filtered(filter.Bytes(), without, append([]string{probeBinary}, args...), os.Environ()).Image()
	if err != nil {
		t.Fatal(err)
	}
	executable, err := launch.NewMemoryExecutable(image, launch.Floor(3, 0))
	if errors.Is(err, unix.EACCES) { // this kernel executes no memory
		if executable, err = launch.NewFileExecutable(image, "", launch.Floor(3, 0)); err == nil {
			err = os.Chmod(executable.Path, 0o755) // for the other user
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { executable.Close() })
	cmd := exec.Command(executable.Path)
	cmd.Stderr = new(bytes.Buffer)
	if uid >= 0 && os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	return cmd
}

func answerOf(t *testing.T, out []byte) fromDirty {
	t.Helper()
	var answer fromDirty
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatalf("the host program said %q: %v", out, err)
	}
	return answer
}

// filtered is a program that executes another one under a filter.
func filtered(filter []byte, without []int, argv, env []string) *launch.Program {
	p := launch.NewProgram()
	failed := p.NewLabel("failed")
	p.OnFailure(failed)
	texts := func(list []string) (refs []launch.Ref) {
		for _, s := range list {
			refs = append(refs, p.Text(s))
		}
		return refs
	}
	code := p.Data("filter", filter)
	fprog := binary.LittleEndian.AppendUint64(nil, uint64(len(filter)/8))
	fprog = binary.LittleEndian.AppendUint64(fprog, code.Address())
	for _, capability := range without {
		p.Call(launch.Prctl, launch.Int(unix.PR_CAPBSET_DROP), launch.Int(capability), launch.Int(0), launch.Int(0), launch.Int(0))
	}
	p.Call(launch.Prctl, launch.Int(unix.PR_SET_NO_NEW_PRIVS), launch.Int(1), launch.Int(0), launch.Int(0), launch.Int(0))
	p.Call(launch.Seccomp, launch.Int(unix.SECCOMP_SET_MODE_FILTER), launch.Int(0), p.Data("sock_fprog", fprog))
	p.Call(launch.Execve, p.Text(argv[0]), p.Pointers("argv", texts(argv)), p.Pointers("envp", texts(env)))
	p.Place(failed)
	p.Call(launch.ExitGroup, launch.Int(125))
	return p
}

// refusing is a filter that answers some calls with an errno and allows the rest.
func refusing(errno unix.Errno, calls ...string) *seccomp.Policy {
	n := uint16(errno)
	return &seccomp.Policy{
		DefaultAction: seccomp.ActAllow,
		Syscalls:      []seccomp.Rule{{Names: calls, Action: seccomp.ActErrno, Errno: &n}},
	}
}

func TestHostWithRefusedCalls(t *testing.T) {
	for _, tt := range []struct {
		calls string
		// What the error is about; empty where the sandbox is made all the same.
		root, user string
		errnos     []unix.Errno
	}{
		{calls: "memfd_create"},
		{calls: "landlock_create_ruleset"},
		{calls: "openat2", root: "mounts", user: "mounts"},
		{calls: "mount", root: "mounts", user: "mounts"},
		{calls: "open_tree", root: "mounts", user: "mounts"},
		{calls: "move_mount", root: "mounts", user: "mounts"},
		{calls: "mount_setattr", root: "mounts", user: "mounts"},
		{calls: "pivot_root", root: "mounts", user: "mounts"},
		{calls: "unshare", root: "namespaces", user: "namespaces", errnos: []unix.Errno{unix.ENOSYS}},
		{calls: "unshare", root: "user namespace", user: "user namespace", errnos: []unix.Errno{unix.EPERM}},
		{calls: "close_range", root: "namespaces", user: "namespaces"},
		{calls: "pidfd_open", user: "namespaces"},
		// EPERM ends any program that was linked with glibc.
		{calls: "clone3", errnos: []unix.Errno{unix.ENOSYS}},
	} {
		if tt.errnos == nil {
			tt.errnos = []unix.Errno{unix.ENOSYS, unix.EPERM}
		}
		want := tt.root
		if os.Geteuid() != 0 {
			want = tt.user
		}
		for _, errno := range tt.errnos {
			t.Run(tt.calls+"/"+unix.ErrnoName(errno), func(t *testing.T) {
				underFilter(t, refusing(errno, tt.calls)).wantMissing(t, want)
			})
		}
	}
}

// wantMissing checks that a start was refused for want of a feature, or that it
// was not where none is named.
func (a fromDirty) wantMissing(t *testing.T, feature string) {
	t.Helper()
	if a.Control != "done\n" {
		t.Fatalf("control: outside of a sandbox the command says %q", a.Control)
	}
	switch {
	case feature == "" && (a.Err != "" || a.Out != "done\n"):
		t.Errorf("the sandbox says %q, error %s", a.Out, a.Err)
	case feature != "" && (a.Feature != feature || a.Reason == "" || a.Fix == "" || a.Out != ""):
		t.Errorf("output %q, error %q about %q, reason %q, fix %q; want one about %q", a.Out, a.Err, a.Feature, a.Reason, a.Fix, feature)
	}
}

// A kernel that executes no memory gets the launcher as a file, which has no name
// by the time it runs.
func TestKernelExecutesNoMemory(t *testing.T) {
	if fd, err := unix.MemfdCreate("control", unix.MFD_CLOEXEC|unix.MFD_EXEC); err != unix.EACCES {
		unix.Close(fd)
		t.Skipf("needs memfd-noexec: executable memory gives the error %v", err)
	}
	before := takeInventory()
	box, err := sandbox.New()
	if err != nil {
		t.Fatal(err)
	}
	p, err := box.Start(t.Context(), exec.Command("sleep", "1000"))
	if err != nil {
		t.Fatal(err)
	}
	if files := takeInventory().Files; len(files) != len(before.Files) {
		t.Errorf("files %q while it runs, %q before", files, before.Files)
	}
	if err := p.Kill(); err != nil {
		t.Error(err)
	}
	res, _ := p.Wait()
	if e := entry(t, res.Report, "launcher"); !strings.Contains(e.Detail, "private file") {
		t.Errorf("report %+v", e)
	}
	pool, err := box.Pool(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("echo", "done")
	var out strings.Builder
	cmd.Stdout = &out
	if _, err := pool.Run(t.Context(), cmd); err != nil || out.String() != "done\n" {
		t.Errorf("from a pool: %q, %v", out.String(), err)
	}
	if err := errors.Join(pool.Close(), box.Close()); err != nil {
		t.Error(err)
	}
	if left := before.leftBehind(); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

// What is made up for is in the report.
func TestHostWithRefusedCallsReports(t *testing.T) {
	if e := underFilter(t, refusing(unix.ENOSYS, "memfd_create")).entry("launcher"); !strings.Contains(e.Detail, "private file") {
		t.Errorf("without memfd_create: %+v", e)
	}
	for _, errno := range []unix.Errno{unix.ENOSYS, unix.EOPNOTSUPP} {
		a := underFilter(t, refusing(errno, "landlock_create_ruleset"))
		if e := a.entry(sandbox.FeatureLandlock); e.State != "no" || e.Fix == "" {
			t.Errorf("without Landlock: %+v", e)
		}
	}
}

// AppArmor's restriction of user namespaces lets them be made, and refuses what
// they are made for.
func TestHostWithPowerlessUserNamespaces(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("needs user: root's mounts do not depend on a user namespace")
	}
	underFilter(t, refusing(unix.EPERM, "mount", "open_tree", "move_mount", "mount_setattr", "pivot_root", "sethostname", "setns")).wantMissing(t, "mounts")
	underFilter(t, refusing(unix.EACCES, "mount", "open_tree", "move_mount", "mount_setattr", "pivot_root", "sethostname", "setns")).wantMissing(t, "mounts")
}

// In a container root has few capabilities, and the runtime's filter refuses
// namespaces. An ordinary user there meets the filter alone.
func TestHostInContainer(t *testing.T) {
	profile, err := json.Marshal(moby.DefaultProfile())
	if err != nil {
		t.Fatal(err)
	}
	policy, err := seccomp.Parse(profile)
	if err != nil {
		t.Fatal(err)
	}
	underFilter(t, policy, unix.CAP_SYS_ADMIN).wantMissing(t, "user namespace")
	// With nothing but the capability missing, root does as an ordinary user does.
	underFilter(t, refusing(unix.EPERM, "acct"), unix.CAP_SYS_ADMIN).wantMissing(t, "")
}
