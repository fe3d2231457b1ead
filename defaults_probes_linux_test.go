package sandbox_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// probes answer questions about where they run, as JSON on standard output.
func probes() map[string]func(args []string) any {
	return map[string]func([]string) any{
		"try":        tryAll,
		"namespaces": func([]string) any { return ownNamespaces() },
		"ids":        func([]string) any { return ownIDs() },
		"network":    func([]string) any { return networkView() },
		"writable":   func(args []string) any { return writableFiles(args) },
		"list":       func(args []string) any { return listNames(args[0]) },
		"entries":    func(args []string) any { return describeEntries(args[0]) },
		"read":       func(args []string) any { return readAll(args) },
		"fill":       func(args []string) any { return fill(args[0]) },
		"files":      func(args []string) any { return makeFiles(args[0], args[1]) },
		"statfs":     func(args []string) any { return fileSystemSize(args[0]) },
		"forks":      func([]string) any { return countForks() },
		"terminal":   func([]string) any { return terminal() },
		"chroot":     func(args []string) any { return chrootEscape(args[0]) },
		"orphans":    adoptedByInit,
		"wait":       waitForEnd,
		"hog":        hog,
		"burn":       func([]string) any { burn(); return nil },
	}
}

// runProbe is the test binary as a probe.
func runProbe(args []string) int {
	probe, ok := probes()[args[0]]
	if !ok {
		fmt.Fprintf(os.Stderr, "no probe %q\n", args[0])
		return 2
	}
	answer := probe(args[1:])
	if answer == nil {
		return 0
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	return 0
}

// outcome is "ok", the name of an errno, or another error's text.
func outcome(err error) string {
	var errno syscall.Errno
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &errno):
		return unix.ErrnoName(errno)
	}
	return err.Error()
}

// tryAll makes each attempt on a thread of its own, which ends with it.
func tryAll(args []string) any {
	results := map[string]string{}
	for _, spec := range args {
		name, arg, _ := strings.Cut(spec, ":")
		attempt, ok := attempts()[name]
		if !ok {
			results[spec] = "no such attempt"
			continue
		}
		done := make(chan error)
		go func() {
			runtime.LockOSThread()
			done <- attempt(arg)
		}()
		results[spec] = outcome(<-done)
	}
	return results
}

var namespaceNames = []string{"user", "mnt", "pid", "ipc", "uts", "net", "cgroup"}

func ownNamespaces() map[string]string {
	out := map[string]string{}
	for _, n := range namespaceNames {
		link, err := os.Readlink("/proc/self/ns/" + n)
		if err != nil {
			link = err.Error()
		}
		out[n] = link
	}
	return out
}

// identity is the ids of a process.
type identity struct {
	UID, EUID, GID, EGID int
	Groups               []int
}

func ownIDs() identity {
	groups, _ := os.Getgroups()
	return identity{os.Getuid(), os.Geteuid(), os.Getgid(), os.Getegid(), groups}
}

func listNames(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return []string{"error: " + outcome(err)}
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// describeEntries says what each entry of a directory is: "dir", "file", "to
// TARGET", "char MAJOR:MINOR".
func describeEntries(dir string) map[string]string {
	out := map[string]string{}
	for _, name := range listNames(dir) {
		p := filepath.Join(dir, name)
		var st unix.Stat_t
		if err := unix.Lstat(p, &st); err != nil {
			out[name] = outcome(err)
			continue
		}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFDIR:
			out[name] = "dir"
		case unix.S_IFREG:
			out[name] = "file"
		case unix.S_IFLNK:
			target, _ := os.Readlink(p)
			out[name] = "to " + target
		case unix.S_IFCHR:
			out[name] = fmt.Sprintf("char %d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
		default:
			out[name] = fmt.Sprintf("mode %o", st.Mode)
		}
	}
	return out
}

// readAll says for each path how it reads: "error NAME", "empty", "full" for
// anything else.
func readAll(paths []string) map[string]string {
	out := map[string]string{}
	for _, p := range paths {
		out[p] = readOne(p)
	}
	return out
}

func readOne(p string) string {
	f, err := os.Open(p)
	if err != nil {
		return "error " + outcome(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "error " + outcome(err)
	}
	var n int
	if st.IsDir() {
		var names []string
		names, err = f.Readdirnames(-1)
		n = len(names)
	} else {
		// Some of these files wait for news; they are not read to the end.
		unix.SetNonblock(int(f.Fd()), true)
		n, err = unix.Read(int(f.Fd()), make([]byte, 64))
	}
	switch {
	case err != nil && err != io.EOF:
		return "error " + outcome(err)
	case n <= 0:
		return "empty"
	}
	return "full"
}

// A filled file system: how much fitted, and the error that ended it.
type filled struct {
	Count int64
	Err   string
}

// fill writes one file until nothing more fits, or 256 MiB.
func fill(dir string) filled {
	f, err := os.Create(filepath.Join(dir, "fill"))
	if err != nil {
		return filled{0, outcome(err)}
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := make([]byte, 1<<20)
	var total int64
	for total < 256<<20 {
		n, err := unix.Write(int(f.Fd()), block)
		if err != nil {
			return filled{total, outcome(err)}
		}
		total += int64(n)
	}
	return filled{total, "ok"}
}

// makeFiles makes empty files until no more can be made, or this many.
func makeFiles(dir, most string) filled {
	n, _ := strconv.Atoi(most)
	for i := range n {
		fd, err := unix.Open(fmt.Sprintf("%s/file%d", dir, i), unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return filled{int64(i), outcome(err)}
		}
		unix.Close(fd)
	}
	return filled{int64(n), "ok"}
}

// writableFiles are those below some directories that can be opened for
// writing, which has no effect yet.
func writableFiles(dirs []string) []string {
	out := []string{}
	for _, dir := range dirs {
		filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && attempts()["write"](p) == nil {
				out = append(out, p)
			}
			return nil
		})
	}
	return out
}

// size is that of a file system.
type size struct{ Bytes, Files uint64 }

func fileSystemSize(p string) size {
	var st unix.Statfs_t
	if unix.Statfs(p, &st) != nil {
		return size{}
	}
	return size{st.Blocks * uint64(st.Bsize), st.Files}
}

// waitForEnd says that it runs and waits for the end of its input.
func waitForEnd([]string) any {
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	return nil
}
