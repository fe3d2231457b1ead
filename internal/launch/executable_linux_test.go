package launch

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// helloImage is a launcher that says which round it is.
func helloImage(t *testing.T, text string) []byte {
	t.Helper()
	p := NewProgram()
	say(p, text)
	finish(p)
	image, err := p.Image()
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// openFiles is how many descriptors this process has.
func openFiles(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// keepsFiles checks that f leaves as many descriptors open as it found.
func keepsFiles(t *testing.T, f func()) {
	t.Helper()
	before := openFiles(t)
	f()
	if after := openFiles(t); after != before {
		t.Errorf("%d open files, %d before", after, before)
	}
}

func TestMemoryExecutable(t *testing.T) {
	keepsFiles(t, func() {
		e, err := NewMemoryExecutable(helloImage(t, "from memory"), 100)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(e.Path).Output(); err != nil || string(out) != "from memory" || !e.Memory {
			t.Errorf("%q, %v", out, err)
		}
		if fd := e.file.Fd(); fd < 100 {
			t.Errorf("descriptor %d is below the floor", fd)
		}
		if flags, err := unix.FcntlInt(e.file.Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("the command would inherit it: %v", err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A sealed image stays as it is, for whoever may open it.
func TestMemoryExecutableIsSealed(t *testing.T) {
	image := helloImage(t, "as it was")
	e, err := NewMemoryExecutable(image, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	fd := int(e.file.Fd())
	if seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0); err != nil || seals&sealed != sealed {
		t.Errorf("seals %#x, %v", seals, err)
	}
	for name, change := range changes(len(image)) {
		again, err := unix.Open(e.Path, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Logf("cannot even be opened for writing: %v", err)
			break
		}
		if err := change(again); err == nil {
			t.Errorf("%s: no error", name)
		}
		unix.Close(again)
	}
	content, err := os.ReadFile(e.Path)
	if err != nil || !bytes.Equal(content, image) {
		t.Errorf("the image changed, %v", err)
	}
}

// The control: an image without seals takes each of the changes.
func TestChangesOfUnsealedMemory(t *testing.T) {
	for name, change := range changes(10_000) {
		fd, err := unix.MemfdCreate("control", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := unix.Pwrite(fd, make([]byte, 10_000), 0); err != nil {
			t.Fatal(err)
		}
		if err := change(fd); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		unix.Close(fd)
	}
}

// changes are what may be done to an image of so many bytes.
func changes(size int) map[string]func(fd int) error {
	return map[string]func(fd int) error{
		"write":    func(fd int) error { _, err := unix.Pwrite(fd, []byte{1}, 0); return err },
		"append":   func(fd int) error { _, err := unix.Pwrite(fd, []byte{1}, int64(size)); return err },
		"truncate": func(fd int) error { return unix.Ftruncate(fd, 1) },
		"extend":   func(fd int) error { return unix.Ftruncate(fd, int64(size)+1) },
		"punch": func(fd int) error {
			return unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 1)
		},
		"map": func(fd int) error {
			b, err := unix.Mmap(fd, 0, 4096, unix.PROT_WRITE, unix.MAP_SHARED)
			if err == nil {
				unix.Munmap(b)
			}
			return err
		},
		"seal": func(fd int) error { _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, 0); return err },
	}
}

func TestMemoryExecutableErrors(t *testing.T) {
	for _, floor := range []int{-1, 1 << 30} {
		keepsFiles(t, func() {
			if e, err := NewMemoryExecutable(helloImage(t, ""), floor); err == nil {
				e.Close()
				t.Errorf("a descriptor of at least %d", floor)
			}
		})
	}
}

// withoutFiles runs f while no further descriptor can be opened.
func withoutFiles(t *testing.T, f func()) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	f()
}

func TestExhaustedDescriptors(t *testing.T) {
	image, dir := helloImage(t, ""), t.TempDir()
	keepsFiles(t, func() {
		withoutFiles(t, func() {
			if _, err := NewMemoryExecutable(image, 100); !errors.Is(err, unix.EMFILE) {
				t.Errorf("memory: %v", err)
			}
			if _, err := NewFileExecutable(image, dir, 100); !errors.Is(err, unix.EMFILE) {
				t.Errorf("file: %v", err)
			}
			if _, _, err := NewControl(); !errors.Is(err, unix.EMFILE) {
				t.Errorf("control: %v", err)
			}
		})
	})
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestFileExecutable(t *testing.T) {
	for name, open := range map[string]func(image []byte, dir string) (*Executable, error){
		"never named": func(image []byte, dir string) (*Executable, error) { return NewFileExecutable(image, dir, 100) },
		"name removed": func(image []byte, dir string) (*Executable, error) {
			fd, err := withoutName(dir, image)
			if err != nil {
				return nil, err
			}
			return newExecutable(fd, 100, false)
		},
	} {
		t.Run(name, func(t *testing.T) {
			keepsFiles(t, func() { fileExecutable(t, open) })
		})
	}
}

func fileExecutable(t *testing.T, open func([]byte, string) (*Executable, error)) {
	dir := t.TempDir()
	e, err := open(helloImage(t, "from a file"), dir)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(e.Path).Output(); err != nil || string(out) != "from a file" || e.Memory {
		t.Errorf("%q, %v", out, err)
	}
	if st, err := e.file.Stat(); err != nil || st.Mode().Perm() != 0o500 {
		t.Errorf("file %v, %v", st, err)
	}
	if fd := e.file.Fd(); fd < 100 {
		t.Errorf("descriptor %d is below the floor", fd)
	}
	if flags, err := unix.FcntlInt(e.file.Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("the command would inherit it: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 { // what a killed host would leave
		t.Errorf("there is %v, %v", left, err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFileExecutableErrors(t *testing.T) {
	keepsFiles(t, func() {
		if _, err := NewFileExecutable(helloImage(t, ""), t.TempDir()+"/missing", 100); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%v", err)
		}
		for _, floor := range []int{-1, 1 << 30} {
			if e, err := NewFileExecutable(helloImage(t, ""), t.TempDir(), floor); err == nil {
				e.Close()
				t.Errorf("a descriptor of at least %d", floor)
			}
		}
	})
}

func TestFloor(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	most := int(min(limit.Cur, 1<<20))
	for _, c := range []struct{ count, highest int }{{1, 3}, {8, 64}, {64, 500}, {8, most - 20}} {
		floor := Floor(c.count, c.highest)
		if floor <= c.highest+c.count && c.highest+c.count < most-1 || uint64(floor) >= limit.Cur {
			t.Errorf("Floor(%d, %d) = %d with a limit of %d", c.count, c.highest, floor, limit.Cur)
		}
	}
}

// An image that was just written can be executed although other goroutines
// fork all the time: none of them carries the writing descriptor off, which
// would give ETXTBSY.
func TestExecutablesAmongForks(t *testing.T) {
	rounds := 150
	if testing.Short() {
		rounds = 20
	}
	dir := t.TempDir()
	var forks atomic.Int64
	var workers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		workers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := exec.Command("true").Run(); err != nil {
					t.Error(err)
					return
				}
				forks.Add(1)
			}
		})
	}
	for i := range rounds {
		text := fmt.Sprint("round ", i)
		image := helloImage(t, text)
		for name, make := range map[string]func() (*Executable, error){
			"memory": func() (*Executable, error) { return NewMemoryExecutable(image, 200) },
			"file":   func() (*Executable, error) { return NewFileExecutable(image, dir, 200) },
		} {
			e, err := make()
			if err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(e.Path).Output()
			if errors.Is(err, syscall.ETXTBSY) {
				t.Errorf("%s, round %d: busy", name, i)
			} else if err != nil || string(out) != text {
				t.Errorf("%s, round %d: %q, %v", name, i, out, err)
			}
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	close(stop)
	workers.Wait()
	t.Logf("%d executables among %d forks", 2*rounds, forks.Load())
}
