package sandbox_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
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
		"list":       func(args []string) any { return listNames(args[0]) },
		"entries":    func(args []string) any { return describeEntries(args[0]) },
		"read":       func(args []string) any { return readAll(args) },
		"fill":       func(args []string) any { return fill(args[0]) },
		"files":      func(args []string) any { return makeFiles(args[0]) },
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

// network is what a program sees of the network.
type network struct {
	Interfaces map[string]string // flags by name
	Loopback   map[string]string // outcome of a conversation, by address
	Outside    string            // of a connection to a public address
}

func networkView() network {
	n := network{map[string]string{}, map[string]string{}, ""}
	interfaces, _ := net.Interfaces()
	for _, i := range interfaces {
		n.Interfaces[i.Name] = i.Flags.String()
	}
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		n.Loopback[address] = outcome(talk(address))
	}
	// A datagram socket connects without a packet: only the route is asked.
	conn, err := net.Dial("udp", "192.0.2.1:9")
	if err == nil {
		conn.Close()
	}
	n.Outside = outcome(err)
	return n
}

// talk sends a word over TCP to itself.
func talk(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return err
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		return err
	}
	defer server.Close()
	if _, err := client.Write([]byte("word")); err != nil {
		return err
	}
	_, err = io.ReadFull(server, make([]byte, 4))
	return err
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

// makeFiles makes empty files until no more can be made, or 20,000.
func makeFiles(dir string) filled {
	for i := range int64(20000) {
		fd, err := unix.Open(fmt.Sprintf("%s/file%d", dir, i), unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return filled{i, outcome(err)}
		}
		unix.Close(fd)
	}
	return filled{20000, "ok"}
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
