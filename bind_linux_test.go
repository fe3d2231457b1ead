package sandbox_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/seed-d1379373/sandbox"
)

// A bind of the host's root is the host's, without the sandbox's own root on top
// of it, also by way of a link, and also in later starts of a sandbox.
func TestBindOfTheHostsRoot(t *testing.T) {
	dir := openDir(t)
	mark := filepath.Join(dir, "mark")
	if err := os.WriteFile(mark, []byte("the host's\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "root")
	if err := os.Symlink("/", link); err != nil {
		t.Fatal(err)
	}
	box, err := sandbox.New(sandbox.WithReadOnlyBind("/", "/host"), sandbox.WithReadOnlyBind(link, "/linked"))
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	for start := range 3 {
		cmd := exec.Command("sh", "-c", "cat /host$0 /linked$0; ls -d /host/host; test $(stat -c %d:%i /host) = $1 && echo same", mark, deviceAndInode(t, "/"))
		var out, failure bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &failure
		if _, err := box.Run(t.Context(), cmd); err != nil {
			t.Errorf("start %d: %v\n%s", start, err, &failure)
		}
		if want := "the host's\nthe host's\nsame\n"; out.String() != want {
			t.Errorf("start %d: got %q, want %q", start, out.String(), want)
		}
	}
}

func deviceAndInode(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.Command("stat", "-c", "%d:%i", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace(out))
}
