package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/needs"
	"github.com/seed-d1379373/sandbox/namespace"
)

// A remapping is what a host program does on a host whose user databases say
// what the test wants.
type remapping struct {
	Files  map[string]string // replace those of the host
	User   int               // the host program's user and group
	Remap  string            // of WithUserRemap; empty for WithIDMap
	Maps   []namespace.IDMap
	As     string // of WithUser
	Binds  map[string]string
	Script string
}

// run has another process do it, in a mount namespace of its own. What it
// prints is the command's output, or the error.
func (r remapping) run(t *testing.T) (out, failure string) {
	t.Helper()
	needs.Root(t, "only root can put other files in the place of the user databases")
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for target, text := range r.Files {
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(target)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	spec, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(probeBinary, "remap", dir, string(spec))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, &stdout, &stderr)
	}
	return stdout.String(), stderr.String()
}

// replaceFiles is the first stage: it mounts the files and becomes the user.
func replaceFiles(args []string) int {
	var r remapping
	if err := json.Unmarshal([]byte(args[1]), &r); err != nil {
		return complain(err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return complain(err)
	}
	for target := range r.Files {
		if _, err := os.Stat(target); errors.Is(err, os.ErrNotExist) {
			return complain(errors.New("the host has no " + target + " to mount over"))
		}
		if err := unix.Mount(filepath.Join(args[0], filepath.Base(target)), target, "", unix.MS_BIND, ""); err != nil {
			return complain(err)
		}
	}
	if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(r.User), syscall.Setuid(r.User)); err != nil {
		return complain(err)
	}
	return complain(unix.Exec("/proc/self/exe", []string{"remap", "remapped", args[1]}, []string{"PATH=/usr/bin:/bin", "TMPDIR=/tmp"}))
}

// runRemapped is the second stage, a host program.
func runRemapped(args []string) int {
	var r remapping
	if err := json.Unmarshal([]byte(args[0]), &r); err != nil {
		return complain(err)
	}
	opts := []sandbox.Option{sandbox.WithUserRemap(r.Remap)}
	if r.Remap == "" {
		opts = []sandbox.Option{sandbox.WithIDMap(r.Maps, r.Maps)}
	}
	if r.As != "" {
		opts = append(opts, sandbox.WithUser(r.As))
	}
	for source, target := range r.Binds {
		opts = append(opts, sandbox.WithBind(source, target))
	}
	cmd := exec.Command("sh", "-c", r.Script)
	cmd.Stdout = os.Stdout
	if _, err := sandbox.Run(context.Background(), cmd, opts...); err != nil {
		complain(err)
	}
	return 0
}

const (
	remapPasswd = "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/tmp:/bin/sh\ndockremap:x:998:998::/tmp:/bin/sh\n"
	remapSubid  = "dockremap:5000:10000\nalice:300000:65536\n"
)

func remapFiles(subuid string) map[string]string {
	return map[string]string{"/etc/passwd": remapPasswd, "/etc/subuid": subuid, "/etc/subgid": subuid}
}

// TestUserRemap: root inside owns its shared directory, and is an ordinary user
// to the host's files.
func TestUserRemap(t *testing.T) {
	needs.Root(t, "only root can put other files in the place of the user databases")
	for _, c := range []struct {
		name    string
		r       remapping
		outside int // root inside
	}{
		{"by root", remapping{User: 0, Remap: "dockremap"}, 5000},
		{"by an ordinary user", remapping{User: 1000, Remap: "alice"}, 300000},
		{"by an ordinary user's id", remapping{User: 1000, Remap: "1000"}, 300000},
		{"maps by root", remapping{User: 0, Maps: []namespace.IDMap{{Inside: 0, Outside: 70000, Count: 10}, {Inside: 2000, Outside: 80000, Count: 1}}}, 70000},
		{"maps by an ordinary user", remapping{User: 1000, Maps: []namespace.IDMap{{Inside: 0, Outside: 300000, Count: 1000}, {Inside: 2000, Outside: 301000, Count: 1}}}, 300000},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.r.User != 0 {
				needs.Program(t, "newuidmap")
			}
			host, shared := openDir(t), openDir(t)
			if err := errors.Join(os.Chmod(host, 0o755), os.Chmod(shared, 0o755), os.Chown(shared, c.outside, c.outside),
				os.WriteFile(filepath.Join(host, "file"), nil, 0o644)); err != nil {
				t.Fatal(err)
			}
			c.r.Files = remapFiles(remapSubid)
			c.r.Binds = map[string]string{host: "/host", shared: "/shared"}
			c.r.Script = "id -u; stat -c %u /host/file /shared; touch /host/afile 2>/dev/null || echo refused; touch /shared/afile && chown 2000:2000 /shared/afile; touch /shared/own"
			out, failure := c.r.run(t)
			if want := "0\n65534\n0\nrefused\n"; out != want || failure != "" {
				t.Fatalf("got %q, want %q; %s", out, want, failure)
			}
			uids := namespace.IDMaps(c.r.Maps)
			if uids == nil {
				uids = namespace.IDMaps{{Inside: 0, Outside: uint32(c.outside), Count: 5000}}
			}
			given, _ := uids.ToOutside(2000)
			for file, want := range map[string]uint32{"afile": given, "own": uint32(c.outside)} {
				var st unix.Stat_t
				if err := unix.Stat(filepath.Join(shared, file), &st); err != nil || st.Uid != want || st.Gid != want {
					t.Errorf("%s belongs to %d:%d outside, want %d; %v", file, st.Uid, st.Gid, want, err)
				}
			}
		})
	}
}

// TestUserRemapErrors: ranges that are bad, or another's, are explained.
func TestUserRemapErrors(t *testing.T) {
	maps := func(m ...namespace.IDMap) []namespace.IDMap { return m }
	for _, c := range []struct {
		name, subid string
		r           remapping
		want        string
	}{
		{"no entry", "alice:300000:65536\n", remapping{Remap: "dockremap"},
			`sandbox: WithUserRemap(dockremap): /etc/subuid: subordinate ids of "dockremap": there is no entry; to fix it: run usermod --add-subuids 365536-431071 dockremap; /etc/subgid: subordinate ids of "dockremap": there is no entry; to fix it: run usermod --add-subgids 365536-431071 dockremap`},
		{"empty", "dockremap:5000:0\n", remapping{Remap: "dockremap"}, `entry "dockremap:5000:0" is empty`},
		{"overlap", "dockremap:5000:10000\nalice:14999:1\n", remapping{Remap: "dockremap"}, `grants ids that "alice:14999:1" grants to another`},
		{"unknown user", remapSubid, remapping{Remap: "nobodyatall"}, `subordinate ids of "nobodyatall": there is no entry`},
		{"another's range", remapSubid, remapping{User: 1000, Remap: "dockremap"},
			"sandbox: the id map cannot be enforced: uid map: 0:5000:10000: the ids outside are neither the caller's own, 1000, nor among its subordinate ids; gid map: 0:5000:10000: the ids outside are neither the caller's own, 1000, nor among its subordinate ids; have root add ranges for this user with usermod --add-subuids and --add-subgids"},
		{"unowned ids", remapSubid, remapping{User: 1000, Maps: maps(namespace.IDMap{Inside: 0, Outside: 400000, Count: 1})},
			"have root add ranges for this user with usermod --add-subuids and --add-subgids"},
		{"a user that is not mapped", remapSubid, remapping{Maps: maps(namespace.IDMap{Inside: 0, Outside: 5000, Count: 10}), As: "2000:2000"},
			"sandbox: WithUser(2000:2000): user 2000 is not among the mapped ids 0:5000:10"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.r.Files, c.r.Script = remapFiles(c.subid), "echo ran"
			out, failure := c.r.run(t)
			if out != "" || !strings.Contains(failure, c.want) || strings.Count(failure, "\n") != 1 {
				t.Errorf("got %q, and the error\n%s, want\n%s", out, failure, c.want)
			}
		})
	}
}
