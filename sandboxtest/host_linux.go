package sandboxtest

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/attempt"
	"github.com/seed-d1379373/sandbox/sandboxtest/internal/probe"
)

// A host is what there is to be found outside of the sandbox while probes run.
type host struct {
	probe.Facts
	undo []func()
}

// prepare puts everything in place. What this kernel or this caller cannot have
// is left out, and the probes for it say so.
func prepare(program string) (*host, error) {
	h := &host{}
	h.Word = rand.Text()
	steps := []func() error{h.look, h.files, h.servers, func() error { return h.bystander(program) }}
	for _, step := range steps {
		if err := step(); err != nil {
			h.remove()
			return nil, err
		}
	}
	h.objects()
	h.terminal()
	return h, nil
}

func (h *host) remove() {
	for len(h.undo) > 0 {
		last := len(h.undo) - 1
		h.undo[last]()
		h.undo = h.undo[:last]
	}
}

func (h *host) later(f func()) { h.undo = append(h.undo, f) }

// look notes what the host is like.
func (h *host) look() error {
	h.Namespaces = map[string]string{}
	for _, kind := range []string{"user", "mnt", "pid", "ipc", "uts", "net", "cgroup"} {
		link, err := os.Readlink("/proc/self/ns/" + kind)
		if err != nil {
			return err
		}
		h.Namespaces[kind] = link
	}
	h.Entries = map[string]string{}
	for _, dir := range probe.Listed {
		if entries, _ := os.ReadDir(dir); len(entries) > 0 {
			h.Entries[dir] = entries[0].Name()
		}
	}
	h.Users, _ = probe.Digest("/etc/passwd")
	h.Session, _ = unix.Getsid(0)
	interfaces, _ := net.Interfaces()
	for _, i := range interfaces {
		if i.Flags&net.FlagLoopback == 0 {
			h.Interfaces = append(h.Interfaces, i.Name)
		}
	}
	h.disk()
	return nil
}

func (h *host) disk() {
	lines, _ := os.ReadFile("/proc/partitions")
	for line := range strings.Lines(string(lines)) {
		var major, minor uint32
		var blocks uint64
		var name string
		if n, _ := fmt.Sscan(line, &major, &minor, &blocks, &name); n != 4 {
			continue
		}
		h.DiskMajor, h.DiskMinor = major, minor
		if path := "/dev/" + name; attempt.Open(path, unix.O_RDONLY) == nil {
			h.Disk = path
			return
		}
	}
}

// files are open to everyone, so that only the view can refuse them.
func (h *host) files() error {
	var err error
	if h.Dir, err = os.MkdirTemp("", "sandboxtest-host-"); err != nil {
		return err
	}
	h.later(func() { os.RemoveAll(h.Dir) })
	h.Canary = filepath.Join(h.Dir, "canary")
	if err := os.WriteFile(h.Canary, []byte(h.Word), 0o666); err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(h.Dir, 0o777), os.Chmod(h.Canary, 0o666)); err != nil {
		return err
	}
	if handle, _, err := unix.NameToHandleAt(unix.AT_FDCWD, h.Canary, 0); err == nil {
		h.Handle, h.HandleType = handle.Bytes(), handle.Type()
	}
	h.Shared = filepath.Join("/dev/shm", "sandboxtest-"+h.Word)
	h.Message = h.object("/dev/mqueue", unix.O_CREAT|unix.O_RDWR)
	h.object("/dev/shm", unix.O_CREAT|unix.O_RDWR)
	return nil
}

// object makes something with a name in a directory, if it can.
func (h *host) object(dir string, flags int) string {
	path := filepath.Join(dir, "sandboxtest-"+h.Word)
	if attempt.Open(path, flags) != nil {
		return ""
	}
	h.later(func() { os.Remove(path) })
	if os.Chmod(path, 0o666) != nil {
		return ""
	}
	return path
}

// servers accept whoever connects.
func (h *host) servers() error {
	h.Abstract, h.Socket = "sandboxtest-"+h.Word, filepath.Join(h.Dir, "socket")
	for _, s := range []struct{ network, address string }{
		{"tcp", "127.0.0.1:0"}, {"unix", "@" + h.Abstract}, {"unix", h.Socket},
	} {
		l, err := net.Listen(s.network, s.address)
		if err != nil {
			return err
		}
		h.later(func() { l.Close() })
		if s.network == "tcp" {
			h.TCP = l.Addr().String()
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				c.Close()
			}
		}()
	}
	return os.Chmod(h.Socket, 0o777)
}

// bystander is a process of the host: nobody's where that can be, so that only
// the namespace can hide it from a sandbox that runs as nobody.
func (h *host) bystander(program string) error {
	cmd := exec.Command(program, probe.Bystander, h.Word)
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: attempt.Nobody, Gid: attempt.Nobody}}
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the probe program: %w", err)
	}
	h.later(func() {
		stdin.Close()
		io.Copy(io.Discard, stdout)
		cmd.Wait()
	})
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		return fmt.Errorf("start the probe program: %w", err)
	}
	h.Bystander = cmd.Process.Pid
	return nil
}

// objects are those of System V, each under a key of its own.
func (h *host) objects() {
	const create = unix.IPC_CREAT | unix.IPC_EXCL | 0o666
	for _, o := range []struct {
		key       *int
		get, ctl  uintptr
		make, end []uintptr // arguments after the key, and before and with IPC_RMID after the id
	}{
		{&h.Segment, unix.SYS_SHMGET, unix.SYS_SHMCTL, []uintptr{4096, create}, []uintptr{unix.IPC_RMID}},
		{&h.Semaphore, unix.SYS_SEMGET, unix.SYS_SEMCTL, []uintptr{1, create}, []uintptr{0, unix.IPC_RMID}},
		{&h.Queue, unix.SYS_MSGGET, unix.SYS_MSGCTL, []uintptr{create}, []uintptr{unix.IPC_RMID}},
	} {
		var b [4]byte
		rand.Read(b[:])
		*o.key = int(b[0]) | int(b[1])<<8 | int(b[2])<<16 | int(b[3]&0x3f)<<24 | 1
		id, err := attempt.FD(o.get, append([]uintptr{uintptr(*o.key)}, o.make...)...)
		if err == nil {
			h.later(func() { attempt.Call(o.ctl, append([]uintptr{uintptr(id)}, o.end...)...) })
		}
	}
}

func (h *host) terminal() {
	side, peer, name, err := attempt.OpenTerminal()
	if err != nil {
		return
	}
	h.later(func() { unix.Close(side); unix.Close(peer) })
	if os.Chmod(name, 0o666) == nil {
		h.Terminal = name
	}
}
