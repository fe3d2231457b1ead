package sandbox_test

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/attempt"
)

// forks is what became of making processes until it was refused.
type forks struct {
	Total int // processes and threads of the sandbox then, this probe's included
	Err   string
}

// countForks makes processes until the kernel refuses, or 2,000.
func countForks() forks {
	var pids []int
	defer func() {
		for _, pid := range pids {
			unix.Kill(pid, unix.SIGKILL)
			unix.Wait4(pid, nil, unix.WALL, nil)
		}
	}()
	for len(pids) < 2000 {
		pid, errno := attempt.Fork(0, true)
		if errno != 0 {
			// No thread can be added now, so this number stands still.
			b, _ := os.ReadFile("/proc/self/status")
			threads, _ := strconv.Atoi(status(string(b))["Threads"])
			return forks{len(pids) + threads, outcome(errno)}
		}
		pids = append(pids, pid)
	}
	return forks{len(pids), "ok"}
}

// terminalView is what a program sees of terminals.
type terminalView struct {
	Before  []string          // in /dev/pts, first of all
	Echo    string            // what came through a new pseudo-terminal
	Name    string            // of it
	Control map[string]string // attempts on it, as the controlling terminal
}

// terminal opens a pseudo-terminal as openpty(3) does and makes it the
// controlling one, as a session leader can.
func terminal() terminalView {
	signal.Ignore(unix.SIGHUP) // at the end, when the terminal closes
	v := terminalView{Before: listNames("/dev/pts"), Control: map[string]string{}}
	v.Control["/dev/tty before"] = outcome(attempts()["open"]("/dev/tty"))
	side, peer, name, err := attempt.OpenTerminal()
	if err != nil {
		v.Echo = outcome(err)
		return v
	}
	defer unix.Close(side)
	defer unix.Close(peer)
	v.Name = name
	if _, err := unix.Write(side, []byte("word\n")); err != nil {
		v.Echo = outcome(err)
		return v
	}
	b := make([]byte, 16)
	n, err := unix.Read(peer, b)
	if v.Echo = string(b[:max(n, 0)]); err != nil {
		v.Echo = outcome(err)
	}
	v.Control["TIOCSCTTY"] = outcome(unix.IoctlSetInt(peer, unix.TIOCSCTTY, 0))
	for name, request := range map[string]uint{"TIOCSTI": unix.TIOCSTI, "TIOCSETD": unix.TIOCSETD, "TIOCLINUX": 0x541c} {
		v.Control[name] = outcome(unix.IoctlSetPointerInt(peer, request, 0))
	}
	v.Control["/dev/tty after"] = outcome(attempts()["open"]("/dev/tty"))
	return v
}

// chrootEscape is the classic way out of a chroot(2) with the capability for
// it: change the root and keep a directory outside. It reports the names of
// the directory where that ends. The first root is dir.
func chrootEscape(dir string) []string {
	if err := unix.Chroot(dir); err != nil {
		return []string{outcome(err)}
	}
	for range 64 {
		if err := unix.Chdir(".."); err != nil {
			return []string{outcome(err)}
		}
	}
	if err := unix.Chroot("."); err != nil {
		return []string{outcome(err)}
	}
	return listNames("/")
}

// hog touches as many bytes as its argument says.
func hog(args []string) any {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err.Error()
	}
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return outcome(err)
	}
	for i := 0; i < n; i += 4096 {
		b[i] = 1
	}
	return "ok"
}

// burn uses CPU time for ever.
func burn() {
	for n := 0; ; n++ {
		if n == -1 {
			fmt.Println(n)
		}
	}
}

// members are the host's numbers of all processes of a sandbox by its command's
// number: PID 1, which is the command's parent, and everything below.
func members(command int) []int {
	first, ok := readStat(command)
	if !ok {
		return nil
	}
	below := map[int][]int{}
	links, _ := filepath.Glob("/proc/[0-9]*")
	for _, link := range links {
		pid, _ := strconv.Atoi(filepath.Base(link))
		if st, ok := readStat(pid); ok {
			below[st.parent] = append(below[st.parent], pid)
		}
	}
	out := []int{first.parent}
	for i := 0; i < len(out); i++ {
		out = append(out, below[out[i]]...)
	}
	return out
}

// shell runs a script and returns what it printed.
func shell(script string) string {
	out, err := exec.Command("/bin/sh", "-c", script).Output()
	if err != nil {
		return err.Error()
	}
	return string(out)
}
