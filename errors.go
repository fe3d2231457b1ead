package sandbox

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/seed-d1379373/sandbox/internal/launch"
	"github.com/seed-d1379373/sandbox/internal/plan"
)

// An OptionError is an option whose value is wrong on any host. [New] joins
// one for every bad option.
type OptionError struct {
	Option string // such as "WithMemory"
	Value  string // as given
	Reason string
}

func (e *OptionError) Error() string {
	return fmt.Sprintf("sandbox: %s(%s): %s", e.Option, e.Value, e.Reason)
}

// A SetupError is a sandbox that could not be built. Nothing ran, and nothing
// is left behind.
type SetupError struct {
	Step string // what was being done, such as "mount proc"
	Path string // what it was done to, if anything
	Err  error  // usually a syscall.Errno
}

func (e *SetupError) Error() string {
	where := launch.Step{Name: e.Step, Path: e.Path}.String()
	if hint := setupHint(e); hint != "" {
		return fmt.Sprintf("sandbox: %s: %v (%s)", where, e.Err, hint)
	}
	return fmt.Sprintf("sandbox: %s: %v", where, e.Err)
}

// Unwrap returns Err, so that errors.Is(err, fs.ErrNotExist) and comparisons
// with a syscall.Errno work.
func (e *SetupError) Unwrap() error { return e.Err }

// setupHint adds the likely cause where the errno alone misleads.
func setupHint(e *SetupError) string {
	errno := func(n syscall.Errno) bool { return errors.Is(e.Err, n) }
	switch {
	case e.Step == "execute" && errno(syscall.EPERM):
		return "the seccomp profile or an LSM refuses execve"
	case e.Step == "start the launcher" && errno(syscall.EACCES):
		return "an LSM may keep this program from executing a file in memory: an AppArmor profile needs the flag attach_disconnected for it"
	case e.Step == "set AppArmor profile" && errno(syscall.ENOENT):
		return "the profile is not loaded any more"
	case (strings.HasPrefix(e.Step, "set ") || strings.HasPrefix(e.Step, "map ")) && errno(plan.NotProc):
		return "/proc inside is not the process file system"
	case strings.HasPrefix(e.Step, "set ") && errno(plan.NotTaken):
		return "the kernel did not take it"
	case strings.HasPrefix(e.Step, "bind ") && errno(syscall.ENOENT):
		return "the source or the place for it does not exist"
	case strings.HasPrefix(e.Step, "bind ") && errno(syscall.ENOTDIR):
		return "source and target must both be directories or both be files"
	case strings.HasPrefix(e.Step, "mount proc") && errno(syscall.EPERM):
		return "this process runs where parts of /proc are hidden, as in a container"
	case e.Step == "start the command's process" && (errno(syscall.EBADF) || errno(syscall.ENODEV)):
		return "somebody has removed its cgroup"
	case e.Step == "create namespaces" && errno(syscall.ENOSPC):
		return "a limit in /proc/sys/user is reached"
	case e.Step == "create namespaces" && errno(syscall.EPERM):
		return "user namespaces are not allowed here, see sandbox.Probe"
	}
	return ""
}

// An UnsupportedError is something that was asked for and that this host
// cannot enforce. errors.Is(err, errors.ErrUnsupported) is true for it.
type UnsupportedError struct {
	Feature string // such as "memory"
	Reason  string // why it cannot be had
	Fix     string // what would change that; empty if nothing would
	Err     error  // the cause, if there is one
}

func (e *UnsupportedError) Error() string {
	s := fmt.Sprintf("sandbox: %s cannot be enforced: %s", e.Feature, e.Reason)
	if e.Fix != "" {
		s += "; " + e.Fix
	}
	return s
}

// Is reports that the error is an errors.ErrUnsupported.
func (e *UnsupportedError) Is(target error) bool { return target == errors.ErrUnsupported }

// Unwrap returns the cause.
func (e *UnsupportedError) Unwrap() error { return e.Err }

// An ExitError is a command that ran and did not end with exit status 0. It
// carries the whole result; Reason says why it ended.
type ExitError struct {
	*Result
	cause error // of a cancellation
}

func (e *ExitError) Error() string { return "sandbox: command " + e.Result.String() }

// Unwrap returns the cause of the context's end, when that ended the command.
func (e *ExitError) Unwrap() error { return e.cause }
