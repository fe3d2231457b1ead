package faults

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
)

// errnos is one errno for each call, from the ERRORS section of its man page.
var errnos = map[string]unix.Errno{
	"capget": unix.EPERM, "clone": unix.EAGAIN, "clone3": unix.EAGAIN, "faccessat": unix.EACCES, "faccessat2": unix.EACCES,
	"fcntl": unix.EMFILE, "fstat": unix.EIO, "fstatfs": unix.EIO, "getdents64": unix.ENOENT, "landlock_create_ruleset": unix.ENOMEM,
	"lseek": unix.ESPIPE, "memfd_create": unix.ENFILE, "mkdirat": unix.ENOSPC, "newfstatat": unix.EACCES, "openat": unix.EMFILE,
	"openat2": unix.EXDEV, "pidfd_open": unix.EMFILE, "pidfd_send_signal": unix.EPERM, "pipe2": unix.EMFILE, "poll": unix.ENOMEM,
	"ppoll": unix.ENOMEM, "prctl": unix.EPERM, "pread64": unix.EIO, "prlimit64": unix.EPERM, "read": unix.EIO,
	"readlinkat": unix.EACCES, "recvmsg": unix.ENOMEM, "seccomp": unix.ENOMEM, "sendmsg": unix.ENOBUFS, "setsockopt": unix.ENOMEM,
	"shutdown": unix.ENOTCONN, "socketpair": unix.EMFILE, "statfs": unix.EIO, "unlinkat": unix.EBUSY,
	"wait4": unix.ECHILD, "waitid": unix.ECHILD, "write": unix.ENOSPC,
}

// thorough says that everything is tried, not a sample.
func thorough() bool { return os.Getenv("SANDBOX_TEST_THOROUGH") != "" }

// slow says that each start takes long here, or that few are wanted.
func slow() bool { return testing.Short() || os.Getenv("CI_EMULATED") != "" }

// sample takes the first call of each name and every few of the others.
func sample(all []call) (out []call) {
	every := 10
	if slow() {
		every = 40
	}
	met := map[string]bool{}
	for i, c := range all {
		if thorough() || i%every == 0 || !met[c.name] {
			out = append(out, c)
		}
		met[c.name] = true
	}
	return out
}

// Each call of the host program fails once, in everything that it does with a
// sandbox. The error says what failed, or the sandbox is what it would have been
// or reports what it is not; and nothing is left behind.
func TestEveryHostCallFails(t *testing.T) {
	for _, name := range []string{"start", "start prepared", "pool", "exec", "control"} {
		t.Run(name, func(t *testing.T) {
			s := newSupervisor(t)
			defer s.close(t)
			sound, err := s.act(name, nil)
			if err != nil || sound.Err != "" || sound.Left != "" {
				t.Fatalf("undisturbed: %+v, %v", sound, err)
			}
			all, missed := slices.Clone(s.seen), 0
			for _, c := range sample(all) {
				met := false
				o, err := s.act(name, func(now call) verdict {
					if !now.is(c) || met {
						return verdict{}
					}
					met = true
					return verdict{errno: errnos[c.name]}
				})
				if err != nil {
					t.Fatalf("%v fails: %v", c, err)
				}
				if !met {
					missed++
					continue
				}
				if problem := judge(c, sound, o); problem != "" {
					t.Errorf("%v fails with %v: %s", c, errnos[c.name], problem)
				}
			}
			t.Logf("%d calls", len(all))
			if missed > len(all)/4 {
				t.Errorf("%d of them were not met again", missed)
			}
		})
	}
}

// judge says what is wrong with the outcome of a failure.
func judge(c call, sound, o outcome) string {
	errno := errnos[c.name]
	switch {
	case o.Left != "":
		return "left behind: " + o.Left + " (" + o.Err + ")"
	case o.Err == "" && o.Out != sound.Out:
		return "no error, and the command said " + o.Out
	case o.Err == "":
		return weaker(errno, sound, o)
	case errno == unix.ECHILD:
		return "the status was known all the same: " + o.Err
	case !o.Typed:
		return "untyped error: " + o.Err
	case !strings.Contains(o.Err, errno.Error()) && c.name != "fcntl": // os.File finds out later
		return "another error: " + o.Err
	}
	return ""
}

// weaker says in what a sandbox that started all the same is not what it would
// have been. What the host refuses may be missing if the report says so; want of
// descriptors or memory is never a reason.
func weaker(errno unix.Errno, sound, o outcome) string {
	scarce := errno == unix.EMFILE || errno == unix.ENFILE || errno == unix.ENOMEM
	for feature, state := range sound.States {
		if now := o.States[feature]; now != state && (scarce || now != sandbox.Missing.String()) {
			return fmt.Sprintf("no error, and %s is %s instead of %s", feature, now, state)
		}
	}
	return ""
}
