package vmtest

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// listCpio reads an archive as the kernel does: one line for each record.
func listCpio(t *testing.T, data []byte) (lines []string) {
	t.Helper()
	for len(data) > 0 {
		if len(data) < 110 || string(data[:6]) != "070701" {
			t.Fatalf("no header at %.20q", data)
		}
		field := func(i int) int {
			n, err := strconv.ParseUint(string(data[6+8*i:14+8*i]), 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			return int(n)
		}
		mode, size, nameSize := field(1), field(6), field(11)
		name := string(data[110 : 110+nameSize-1])
		start := (110 + nameSize + 3) &^ 3
		content := string(data[start : start+size])
		data = data[(start+size+3)&^3:]
		if name == "TRAILER!!!" {
			if len(data) != 0 {
				t.Errorf("%d bytes after the trailer", len(data))
			}
			return lines
		}
		lines = append(lines, fmt.Sprintf("%o %s %q", mode, name, content))
	}
	t.Fatal("no trailer")
	return nil
}

func TestArchive(t *testing.T) {
	src := t.TempDir()
	for name, mode := range map[string]os.FileMode{"a/run.sh": 0o755, "a/b/data": 0o640, ".git/x": 0o644, "skipped": 0o644} {
		if err := os.MkdirAll(filepath.Join(src, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(src, name), []byte(name), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(src, name), mode); err != nil { // whatever the umask
			t.Fatal(err)
		}
	}
	if err := os.Symlink("run.sh", filepath.Join(src, "a/link")); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	a := newArchive(&b)
	a.file("bin/one", 0o755, []byte("1"))
	a.symlink("bin/sh", "one")
	a.dir("/dev/")
	a.tree("job/src", src, func(rel string, _ fs.DirEntry) bool { return rel == ".git" || rel == "skipped" })
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`40755 bin ""`, `100755 bin/one "1"`, `120777 bin/sh "one"`, `40755 dev ""`, `40755 job ""`, `40755 job/src ""`,
		`40755 job/src/a ""`, `40755 job/src/a/b ""`, `100640 job/src/a/b/data "a/b/data"`, `120777 job/src/a/link "run.sh"`, `100755 job/src/a/run.sh "a/run.sh"`,
	}
	if got := listCpio(t, b.Bytes()); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestArchiveKeepsTheFirstError(t *testing.T) {
	a := newArchive(&bytes.Buffer{})
	a.copy("x", filepath.Join(t.TempDir(), "missing"))
	a.file("y", 0o644, nil)
	if err := a.close(); !os.IsNotExist(err) {
		t.Errorf("error %v", err)
	}
}
