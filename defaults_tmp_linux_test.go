package sandbox_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
)

const mib = 1 << 20

func TestTemporaryFileSystems(t *testing.T) {
	mounts := mountLines(sandboxed()(t, "cat", "/proc/self/mountinfo"))
	for _, dir := range []string{"/tmp", "/dev/shm"} {
		i := slices.IndexFunc(mounts, func(m mount) bool { return m.point == dir })
		if i < 0 {
			t.Errorf("%s is no mount", dir)
			continue
		}
		opts := strings.Split(mounts[i].options, ",")
		if mounts[i].fstype != "tmpfs" || !slices.Contains(opts, "nosuid") || !slices.Contains(opts, "nodev") || slices.Contains(opts, "ro") {
			t.Errorf("%s: %+v", dir, mounts[i])
		}
		got := ask[size](t, sandboxed(), "statfs", dir)
		if got.Bytes != 64*mib || got.Files == 0 || got.Files > 64*mib/1024 {
			t.Errorf("%s holds %+v, want 64 MiB and a limit of files", dir, got)
		}
		if got := sandboxed()(t, "stat", "-c", "%a", dir); strings.TrimSpace(got) != "1777" {
			t.Errorf("%s has mode %s", dir, got)
		}
	}
}

// The limit of bytes holds, and the option for it moves it.
func TestTemporaryFileSystemsAreFull(t *testing.T) {
	for _, c := range []struct {
		dir    string
		larger sandbox.Option
	}{
		{"/tmp", sandbox.WithTmpfs("/tmp", 80*mib)},
		{"/dev/shm", sandbox.WithShmSize(80 * mib)},
	} {
		if got := ask[filled](t, sandboxed(), "fill", c.dir); got.Count != 64*mib || got.Err != "ENOSPC" {
			t.Errorf("%s took %+v, want 64 MiB", c.dir, got)
		}
		if got := ask[filled](t, sandboxed(c.larger), "fill", c.dir); got.Count != 80*mib || got.Err != "ENOSPC" {
			t.Errorf("%s made larger took %+v, want 80 MiB", c.dir, got)
		}
	}
}

// Empty files cost kernel memory, too, and their number is limited.
func TestTemporaryFileSystemsRunOutOfFiles(t *testing.T) {
	for _, dir := range []string{"/tmp", "/dev/shm"} {
		limit := ask[size](t, sandboxed(), "statfs", dir).Files
		got := ask[filled](t, sandboxed(), "files", dir, "20000")
		if got.Err != "ENOSPC" || got.Count == 0 || got.Count >= int64(limit) {
			t.Errorf("%s took %+v of %d files", dir, got, limit)
		}
	}
	small := ask[filled](t, sandboxed(sandbox.WithTmpfs("/tmp", mib)), "files", "/tmp", "2000")
	if small.Err != "ENOSPC" || small.Count > mib/1024 {
		t.Errorf("1 MiB took %+v", small)
	}
	dir := openDir(t)
	if got := ask[filled](t, sandboxed(sandbox.WithBind(dir, "/data")), "files", "/data", "2000"); got.Err != "ok" {
		t.Errorf("control: a directory of the host took %+v", got)
	}
}

// What one sandbox writes is seen by no other and not by the host.
func TestTemporaryFileSystemsArePrivate(t *testing.T) {
	shared := openDir(t)
	bind := sandbox.WithBind(shared, "/data")
	names := []string{"/tmp/sandbox-test-private", "/dev/shm/sandbox-test-private", "/data/shared"}
	first := startCommand(t, []string{"sh", "-c", "touch " + strings.Join(names, " ") + "; echo ready; cat"}, bind)
	if first.first != "ready\n" {
		t.Fatal(first.out())
	}
	wantResults(t, sandboxed(bind), "another sandbox", map[string]string{
		"stat:" + names[0]: "ENOENT", "stat:" + names[1]: "ENOENT", "stat:" + names[2]: "ok",
	})
	wantResults(t, onHost, "the host", map[string]string{"stat:" + names[0]: "ENOENT", "stat:" + names[1]: "ENOENT"})
	if _, err := os.Stat(shared + "/shared"); err != nil {
		t.Errorf("control: %v", err)
	}
	if _, err := first.end(); err != nil {
		t.Error(err)
	}
	// The next run of the same policy starts with an empty one.
	s, err := sandbox.New()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 2 {
		cmd, _ := command([]string{"sh", "-c", "ls -A /tmp /dev/shm; touch /tmp/left /dev/shm/left"}, nil)
		var out strings.Builder
		cmd.Stdout = &out
		if _, err := s.Run(t.Context(), cmd); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "left") {
			t.Errorf("a fresh sandbox has %s", out.String())
		}
	}
}
