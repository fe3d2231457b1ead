package main

import (
	"fmt"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/needs"
)

// opened is a tab with the example's policy; what cannot be limited here is
// left out.
func opened(t *testing.T, opts ...sandbox.Option) (*tab, string) {
	t.Helper()
	needs.Program(t, "chromium", "python3")
	dir, err := pageDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	all := slices.Concat(policy(dir, "/dev/zero:/dev/camera:r"), opts)
	if needs.NoController("memory") != nil {
		all = append(all, sandbox.WithBestEffort(sandbox.FeatureMemory, sandbox.FeatureCPU))
	}
	tab, err := open(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tab.close() })
	return tab, dir
}

func painted(t *testing.T, tab *tab) []string {
	t.Helper()
	port, stop := serveOnHost()
	defer stop()
	picture, err := tab.render(t.Context(), port)
	if err != nil {
		t.Fatal(err)
	}
	if b := picture.Bounds(); b.Dx() != 400 || b.Dy() != 300 {
		t.Errorf("the picture is %v", b)
	}
	if r, g, b, _ := picture.At(200, 200).RGBA(); r&g&b != 0xffff {
		t.Errorf("below the squares it is %v, want white", picture.At(200, 200))
	}
	return answers(picture)
}

// TestPage looks at the picture, and at the same page with the host's network.
func TestPage(t *testing.T) {
	inside, _ := opened(t)
	if got, want := painted(t, inside), []string{"yes", "yes", "yes", "no"}; !slices.Equal(got, want) {
		t.Errorf("the page found %q, want %q", got, want)
	}
	control, _ := opened(t, sandbox.WithNetwork(sandbox.NetworkHost))
	if got, want := painted(t, control), []string{"yes", "yes", "yes", "yes"}; !slices.Equal(got, want) {
		t.Errorf("control: with the host's network the page found %q, want %q", got, want)
	}
}

// TestFiles has the browser open a file of the host by its name there and by
// its name inside.
func TestFiles(t *testing.T) {
	tab, dir := opened(t)
	for path, want := range map[string]bool{
		"/page/page.html":               true,
		filepath.Join(dir, "page.html"): false,
	} {
		document, err := tab.read(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(document, "<title>squares</title>"); got != want {
			t.Errorf("%s was read: %v, want %v\n%s", path, got, want, document)
		}
	}
}

// TestConfinement looks at the user, the capabilities and the devices from
// inside, and at the limits from outside.
func TestConfinement(t *testing.T) {
	tab, _ := opened(t)
	run := func(args ...string) string {
		out, err := tab.run(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	uid := os.Getuid()
	if uid == 0 {
		uid = 65534
	}
	status := run("cat", "/proc/self/status")
	for _, want := range []string{fmt.Sprintf(`(?m)^Uid:(\s%d){4}$`, uid), `(?m)^CapBnd:\s0+$`, `(?m)^NoNewPrivs:\s1$`, `(?m)^Seccomp:\s2$`} {
		if !regexp.MustCompile(want).MatchString(status) {
			t.Errorf("no %s in\n%s", want, status)
		}
	}
	const devices = `cd /dev; for d in *; do if [ ! -L $d ] && { [ -c $d ] || [ -b $d ]; }; then echo $d; fi; done`
	want := []string{"camera", "full", "null", "random", "tty", "urandom", "zero"}
	if got := strings.Fields(run("sh", "-c", devices)); !slices.Equal(got, want) {
		t.Errorf("devices %q, want %q", got, want)
	}
	if got := run("head", "-c", "4", "/dev/camera"); got != "\x00\x00\x00\x00" {
		t.Errorf("the camera gives %q", got)
	}
	if needs.NoController("memory") != nil {
		return
	}
	stats, err := tab.Stats()
	if err != nil || stats.Memory.Limit != 512<<20 || stats.Pids.Limit != 200 {
		t.Errorf("stats %v, %v; want 512 MiB and 200 processes", stats, err)
	}
}

// TestOutput checks the file that the example writes, and that nothing stays
// on the host beside it.
func TestOutput(t *testing.T) {
	needs.Program(t, "chromium", "python3")
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	output := filepath.Join(temp, "page.png")
	var extra []sandbox.Option
	if needs.NoController("memory") != nil {
		extra = append(extra, sandbox.WithBestEffort(sandbox.FeatureMemory, sandbox.FeatureCPU))
	}
	if err := run(t.Context(), output, extra...); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(output)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	picture, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := answers(picture), []string{"yes", "yes", "yes", "no"}; !slices.Equal(got, want) {
		t.Errorf("the file says %q, want %q", got, want)
	}
	filepath.WalkDir(temp, func(path string, d fs.DirEntry, err error) error {
		if path != temp && path != output {
			t.Errorf("left behind: %s", path)
		}
		return err
	})
}
