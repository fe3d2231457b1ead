package plain_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/plain"
)

// What is read is what package os reads, however long it is.
func TestReadIsWhole(t *testing.T) {
	for _, size := range []int{0, 1, 2047, 2048, 2049, 4096, 1 << 20} {
		path := filepath.Join(t.TempDir(), "file")
		want := bytes.Repeat([]byte{'x'}, size)
		if err := os.WriteFile(path, want, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := plain.Read(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes of %d, %v", len(got), size, err)
		}
	}
	for _, path := range []string{"/proc/self/mountinfo", "/proc/self/limits", "/proc/version"} {
		want, err1 := os.ReadFile(path)
		got, err2 := plain.Read(path)
		if err1 != nil || err2 != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, want %d, %v %v", path, len(got), len(want), err1, err2)
		}
	}
}

func TestErrorsNameThePath(t *testing.T) {
	_, err1 := plain.Read("/nowhere/at/all")
	_, err2 := plain.Open("/nowhere/at/all", unix.O_RDONLY)
	_, err3 := plain.Read("/proc/self")
	for want, err := range map[error]error{fs.ErrNotExist: errors.Join(err1), unix.ENOENT: errors.Join(err2), unix.EISDIR: errors.Join(err3)} {
		var path *fs.PathError
		if !errors.Is(err, want) || !errors.As(err, &path) || path.Path == "" {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

// No opened file is given to a program that the host executes.
func TestFilesAreClosedByExec(t *testing.T) {
	f, err := plain.Open("/dev/null", unix.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("flags %#x, %v", flags, err)
	}
}
