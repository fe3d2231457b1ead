//go:build linux && (amd64 || arm64)

package launch

import (
	_ "embed"
	"go/ast"
	"go/parser"
	"go/token"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// systemCalls are the calls with the numbers of golang.org/x/sys/unix, which
// has those of the architecture that the tests run on.
var systemCalls = []struct {
	call   Call
	number int
}{
	{Capset, unix.SYS_CAPSET},
	{Chdir, unix.SYS_CHDIR},
	{ClockGettime, unix.SYS_CLOCK_GETTIME},
	{Chroot, unix.SYS_CHROOT},
	{Clone, unix.SYS_CLONE},
	{Clone3, unix.SYS_CLONE3},
	{Close, unix.SYS_CLOSE},
	{CloseRange, unix.SYS_CLOSE_RANGE},
	{Dup3, unix.SYS_DUP3},
	{Execve, unix.SYS_EXECVE},
	{ExitGroup, unix.SYS_EXIT_GROUP},
	{Fchdir, unix.SYS_FCHDIR},
	{Fchown, unix.SYS_FCHOWN},
	{Fchownat, unix.SYS_FCHOWNAT},
	{Fsconfig, unix.SYS_FSCONFIG},
	{Fsmount, unix.SYS_FSMOUNT},
	{Fsopen, unix.SYS_FSOPEN},
	{Fstatfs, unix.SYS_FSTATFS},
	{Futex, unix.SYS_FUTEX},
	{Getpid, unix.SYS_GETPID},
	{Ioctl, unix.SYS_IOCTL},
	{IoprioSet, unix.SYS_IOPRIO_SET},
	{Keyctl, unix.SYS_KEYCTL},
	{Kill, unix.SYS_KILL},
	{LandlockAddRule, unix.SYS_LANDLOCK_ADD_RULE},
	{LandlockCreateRuleset, unix.SYS_LANDLOCK_CREATE_RULESET},
	{LandlockRestrictSelf, unix.SYS_LANDLOCK_RESTRICT_SELF},
	{Mkdirat, unix.SYS_MKDIRAT},
	{Mknodat, unix.SYS_MKNODAT},
	{Mount, unix.SYS_MOUNT},
	{MountSetattr, unix.SYS_MOUNT_SETATTR},
	{MoveMount, unix.SYS_MOVE_MOUNT},
	{OpenTree, unix.SYS_OPEN_TREE},
	{Openat, unix.SYS_OPENAT},
	{Openat2, unix.SYS_OPENAT2},
	{Personality, unix.SYS_PERSONALITY},
	{PidfdOpen, unix.SYS_PIDFD_OPEN},
	{Pipe2, unix.SYS_PIPE2},
	{PivotRoot, unix.SYS_PIVOT_ROOT},
	{Ppoll, unix.SYS_PPOLL},
	{Prctl, unix.SYS_PRCTL},
	{Pread64, unix.SYS_PREAD64},
	{Prlimit64, unix.SYS_PRLIMIT64},
	{Read, unix.SYS_READ},
	{Recvmsg, unix.SYS_RECVMSG},
	{Recvfrom, unix.SYS_RECVFROM},
	{RtSigaction, unix.SYS_RT_SIGACTION},
	{RtSigprocmask, unix.SYS_RT_SIGPROCMASK},
	{SchedSetscheduler, unix.SYS_SCHED_SETSCHEDULER},
	{Seccomp, unix.SYS_SECCOMP},
	{Sendmsg, unix.SYS_SENDMSG},
	{Sendto, unix.SYS_SENDTO},
	{Setgroups, unix.SYS_SETGROUPS},
	{Sethostname, unix.SYS_SETHOSTNAME},
	{Setns, unix.SYS_SETNS},
	{Setpriority, unix.SYS_SETPRIORITY},
	{Setresgid, unix.SYS_SETRESGID},
	{Setresuid, unix.SYS_SETRESUID},
	{Setsid, unix.SYS_SETSID},
	{Signalfd4, unix.SYS_SIGNALFD4},
	{Socket, unix.SYS_SOCKET},
	{Symlinkat, unix.SYS_SYMLINKAT},
	{Umask, unix.SYS_UMASK},
	{Umount2, unix.SYS_UMOUNT2},
	{Unshare, unix.SYS_UNSHARE},
	{Mmap, unix.SYS_MMAP},
	{Wait4, unix.SYS_WAIT4},
	{Write, unix.SYS_WRITE},
}

func TestSystemCallNumbers(t *testing.T) {
	names := map[string]bool{}
	for _, c := range systemCalls {
		if got, err := c.call.number(runtime.GOARCH); err != nil || got != c.number {
			t.Errorf("%s: %d, %v; want %d", c.call.Name, got, err, c.number)
		}
		names[c.call.Name] = true
	}
	for _, name := range declaredCalls(t) {
		if !names[name] {
			t.Errorf("%s is not compared", name)
		}
	}
}

//go:embed call.go
var callSource []byte

// declaredCalls finds the variables of call.go.
func declaredCalls(t *testing.T) (names []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "call.go", callSource, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || !v.Names[0].IsExported() {
			return true
		}
		name := v.Values[0].(*ast.CompositeLit).Elts[0].(*ast.BasicLit).Value
		names = append(names, strings.Trim(name, `"`))
		return false
	})
	if len(names) < 50 {
		t.Fatalf("only %d calls found", len(names))
	}
	return names
}
