package namespace_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/namespace"
)

const nobody = 65534

// onOwnThread runs f on a thread that ends afterwards, whatever f did to it.
// That cannot be the main thread: it never ends, and /proc/PID shows its state.
func onOwnThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked, so that the thread ends with the goroutine
		if unix.Gettid() != os.Getpid() {
			done <- f()
			return
		}
		defer runtime.UnlockOSThread()
		done <- onOwnThread(f) // on another thread, as this one is taken
	}()
	return <-done
}

// withFiles runs a function on a thread of its own that sees the texts at those
// paths in /etc, by mounts in a private mount namespace: the files of the system
// stay as they are. The function must not fail the test by FailNow.
func withFiles(t *testing.T, files map[string]string, f func()) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: showing other files in /etc")
	}
	dir := t.TempDir()
	err := onOwnThread(func() error {
		if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("private mounts: %w", err)
		}
		for path, text := range files {
			source := filepath.Join(dir, filepath.Base(path))
			if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
				return err
			}
			if err := unix.Mount(source, path, "", unix.MS_BIND, ""); err != nil {
				return fmt.Errorf("mount on %s: %w", path, err)
			}
		}
		f()
		return nil
	})
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOENT) {
		t.Skipf("needs userns: this host does not allow a private /etc: %v", err)
	} else if err != nil {
		t.Error(err)
	}
}

func TestRemapOfTheHost(t *testing.T) {
	files := map[string]string{
		"/etc/subuid": dockremap,
		"/etc/subgid": "1234:7000:5\ndockremap:300000:65536\nalice:100000:65536\n",
		"/etc/passwd": "root:x:0:0::/root:/bin/sh\ndockremap:x:1234:1234::/:/bin/false\n",
	}
	withFiles(t, files, func() {
		for _, owner := range []string{"dockremap", "1234"} {
			uids, gids, err := namespace.Remap(owner)
			if err != nil {
				t.Errorf("Remap(%s): %v", owner, err)
			}
			if want := (namespace.IDMaps{{0, 5000, 10000}}); !slices.Equal(uids, want) {
				t.Errorf("Remap(%s): uids %v, want %v", owner, uids, want)
			}
			if want := (namespace.IDMaps{{0, 7000, 5}, {5, 300000, 65536}}); !slices.Equal(gids, want) {
				t.Errorf("Remap(%s): gids %v, want %v", owner, gids, want)
			}
		}
		// alice is not in the passwd file and found by name all the same.
		if uids, _, err := namespace.Subordinate("alice"); err != nil || !slices.Equal(uids, namespace.Ranges{{100000, 65536}}) {
			t.Errorf("Subordinate(alice) = %v, %v", uids, err)
		}
		_, _, err := namespace.Subordinate("mallory")
		var bad *namespace.SubIDError
		if !errors.As(err, &bad) || bad.Owner != "mallory" {
			t.Errorf("Subordinate(mallory): %v", err)
		}

		maps := namespace.IDMaps{{0, 1234, 1}, {1, 5000, 10000}}
		groups := namespace.IDMaps{{0, 1234, 1}, {1, 7000, 5}}
		if err := namespace.CheckOwner(maps, groups, 1234, 1234); err != nil {
			t.Errorf("CheckOwner: %v", err)
		}
		foreign := namespace.IDMaps{{0, 1234, 1}, {1, 100000, 5}}
		err = namespace.CheckOwner(foreign, maps, 1234, 1234)
		if err == nil || !strings.Contains(err.Error(), "uid map: 1:100000:5") || !strings.Contains(err.Error(), "gid map: 1:5000:10000") {
			t.Errorf("CheckOwner of foreign ids: %v", err)
		}
		if err := namespace.CheckOwner(maps, groups, 99, 1234); !errors.As(err, &bad) {
			t.Errorf("CheckOwner of a user without subordinate ids: %v", err)
		}
		if err := namespace.CheckOwner(maps[:1], groups[:1], 1234, 1234); err != nil {
			t.Errorf("CheckOwner of own ids alone: %v", err)
		}
	})
}

func TestOwnIDsNeedNoFile(t *testing.T) {
	uid, gid := uint32(os.Getuid()), uint32(os.Getgid())
	if err := namespace.CheckOwner(namespace.IDMaps{{0, uid, 1}}, namespace.IDMaps{{0, gid, 1}}, uid, gid); err != nil {
		t.Error(err)
	}
}

// startUnmapped starts a program as nobody in a user namespace without maps.
func startUnmapped(t *testing.T) (pid int, stop func()) {
	t.Helper()
	cmd := exec.Command("unshare", "--user", "sh", "-c", "echo ready; exec cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Error(err)
		return 0, nil
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Error(err)
		return 0, nil
	}
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return 0, nil
	}
	stop = func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		t.Errorf("unshare --user said %q, %v", line, err)
		stop()
		return 0, nil
	}
	return cmd.Process.Pid, stop
}

// OwnedBy and the arguments agree with the real tools: what one accepts the
// other writes, and what one refuses the other does.
func TestRealMapTools(t *testing.T) {
	uidTool, gidTool, err := namespace.LookupTools()
	if err != nil {
		t.Skip("needs suid: ", err)
	}
	files := map[string]string{
		"/etc/subuid": "nobody:200000:1000\n65534:201000:1000\nalice:300000:1000\n",
		"/etc/subgid": "nobody:400000:1000\n",
	}
	withFiles(t, files, func() {
		uids, gids, err := namespace.Subordinate("nobody")
		if err != nil {
			t.Error(err)
			return
		}
		for _, test := range []struct {
			what, file string
			tool       string
			argv       func(int, namespace.IDMaps) []string
			ranges     namespace.Ranges
			maps       namespace.IDMaps
			want       bool
		}{
			{"own id", "uid_map", uidTool, namespace.Newuidmap, uids, namespace.IDMaps{{0, nobody, 1}}, true},
			{"own id and a range", "uid_map", uidTool, namespace.Newuidmap, uids, namespace.IDMaps{{0, nobody, 1}, {1, 200000, 1000}}, true},
			{"two extents", "gid_map", gidTool, namespace.Newgidmap, gids, namespace.IDMaps{{0, 400000, 1}, {5, 400500, 500}}, true},
			{"another's ids", "uid_map", uidTool, namespace.Newuidmap, uids, namespace.IDMaps{{0, 300000, 1000}}, false},
			{"one id too many", "gid_map", gidTool, namespace.Newgidmap, gids, namespace.IDMaps{{0, 400000, 1001}}, false},
			{"the host's root", "uid_map", uidTool, namespace.Newuidmap, uids, namespace.IDMaps{{0, 0, 1}}, false},
		} {
			if owned := test.maps.OwnedBy(nobody, test.ranges); (owned == nil) != test.want {
				t.Errorf("%s: OwnedBy: %v", test.what, owned)
			}
			pid, stop := startUnmapped(t)
			if stop == nil {
				return
			}
			argv := test.argv(pid, test.maps)
			cmd := &exec.Cmd{Path: test.tool, Args: argv, SysProcAttr: &syscall.SysProcAttr{
				Credential: &syscall.Credential{Uid: nobody, Gid: nobody},
			}}
			out, runErr := cmd.CombinedOutput()
			written := readMap(t, pid, test.file)
			stop()
			switch {
			case test.want && (runErr != nil || !slices.Equal(written, test.maps)):
				t.Errorf("%s: %v wrote %v: %v %s", test.what, argv, written, runErr, out)
			case !test.want && (runErr == nil || len(written) > 0):
				t.Errorf("%s: %v wrote %v, want a refusal", test.what, argv, written)
			}
		}
	})
}

func readMap(t *testing.T, pid int, file string) namespace.IDMaps {
	t.Helper()
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/" + file)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer f.Close()
	maps, err := namespace.ReadIDMaps(f)
	if err != nil {
		t.Error(err)
	}
	return maps
}

// Validate agrees with the kernel about maps that root writes.
func TestValidateAgreesWithTheKernel(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: writing maps of any ids")
	}
	if os.Getpagesize() != 4096 {
		t.Skip("needs syscall: a larger page admits longer maps than Validate does")
	}
	const highest = 1<<32 - 2
	for what, maps := range map[string]namespace.IDMaps{
		"several extents":        {{0, 5000, 10000}, {10000, 300000, 1}},
		"most extents":           extents(340, 100),
		"the highest id":         {{highest, highest, 1}},
		"none":                   nil,
		"an empty extent":        {{0, 1000, 0}},
		"the id that means none": {{highest + 1, 0, 1}},
		"past the end":           {{0, highest, 2}},
		"overlap inside":         {{0, 1000, 10}, {9, 2000, 1}},
		"overlap outside":        {{0, 1000, 10}, {10, 1009, 1}},
		"too many":               extents(341, 100),
		"too long":               extents(200, 1e9),
	} {
		pid := startIn(t, namespace.User)
		err := os.WriteFile("/proc/"+strconv.Itoa(pid)+"/uid_map", []byte(maps.Text()), 0)
		if len(maps) == 0 {
			err = syscall.EINVAL // an empty write does not reach the kernel's check
		}
		invalid := maps.Validate()
		if (err == nil) != (invalid == nil) || err != nil && !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%s: the kernel says %v, Validate %v", what, err, invalid)
		}
		if written := readMap(t, pid, "uid_map"); err == nil && !slices.Equal(written, maps) {
			t.Errorf("%s: reads back %v, want %v", what, written, maps)
		}
	}
}
