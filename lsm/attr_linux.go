package lsm

import (
	"io"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

const threadAttr = "/proc/thread-self/attr/"

// Try writes an attribute on a thread of its own, which ends without an execve,
// and returns what the kernel says about it then, such as "profile (enforce)". The
// error is a *fs.PathError. Its errno is that of the write: ENOENT for an
// AppArmor profile that is not loaded, EINVAL for an SELinux label that the policy
// does not know, EACCES or EPERM where the caller's own confinement forbids it.
func Try(a Attr) (answer string, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The first thread of a process does not end with a goroutine. While
			// it is taken, another one does the work.
			defer runtime.UnlockOSThread()
			answer, err = Try(a)
			return
		}
		// Never unlocked: the thread ends with this goroutine, and with it what
		// was written.
		answer, err = write(a)
	}()
	<-done
	return answer, err
}

func write(a Attr) (string, error) {
	f, err := os.OpenFile(threadAttr+a.File, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if _, err := f.WriteString(a.Value); err != nil {
		return "", err
	}
	b := make([]byte, 4096) // the longest that the kernel gives
	n, err := f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return "", err
	}
	return trimLabel(string(b[:n])), nil
}

// readAttr reads an attribute of this process.
func readAttr(name string) (string, error) {
	b, err := os.ReadFile(threadAttr + name)
	return trimLabel(string(b)), err
}
