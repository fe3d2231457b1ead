package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/needs"
)

// installed is a data directory with the system tables, and the policy for it.
// What cannot be limited here is left out.
func installed(t *testing.T) (string, []sandbox.Option) {
	t.Helper()
	needs.Program(t, "mariadb", "mariadbd", "mariadb-install-db")
	dir, err := dataDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	opts := policy(dir)
	if needs.NoController("memory") != nil {
		opts = append(opts, sandbox.WithBestEffort(sandbox.FeatureMemory, sandbox.FeatureCPU))
	}
	if err := install(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	return dir, opts
}

func started(t *testing.T, dir string, opts []sandbox.Option) *server {
	t.Helper()
	s, err := serve(t.Context(), dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Kill()
		s.Wait()
	})
	return s
}

func (s *server) mustQuery(t *testing.T, sql string) string {
	t.Helper()
	out, err := s.query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func stopped(t *testing.T, s *server) *sandbox.Result {
	t.Helper()
	result, err := s.stop()
	if err != nil || result.Reason != sandbox.Exited || result.ExitCode != 0 {
		t.Fatalf("the server %v, error %v; want a clean exit", result, err)
	}
	return result
}

// TestRows writes rows and reads them back, from a second server too.
func TestRows(t *testing.T) {
	dir, opts := installed(t)
	s := started(t, dir, opts)
	s.mustQuery(t, `CREATE DATABASE shop; USE shop;
		CREATE TABLE goods (id INT PRIMARY KEY, name VARCHAR(40)) ENGINE=InnoDB;
		INSERT INTO goods VALUES (1, 'bucket'), (2, 'spade');`)
	const read, want = "SELECT id, name FROM shop.goods ORDER BY id", "1\tbucket\n2\tspade\n"
	if got := s.mustQuery(t, read); got != want {
		t.Errorf("rows %q, want %q", got, want)
	}
	stopped(t, s)
	if _, err := s.query(t.Context(), read); err == nil {
		t.Error("the server answers after its end")
	}

	again := started(t, dir, opts)
	if got := again.mustQuery(t, read); got != want {
		t.Errorf("rows after a restart %q, want %q", got, want)
	}
	stopped(t, again)
}

// TestConfinement looks at the running server from the host, with this process
// as the control.
func TestConfinement(t *testing.T) {
	dir, opts := installed(t)
	s := started(t, dir, opts)
	for _, ns := range []string{"ipc", "net", "mnt", "pid", "user"} {
		if inside, host := namespaceOf(t, s.PID(), ns), namespaceOf(t, os.Getpid(), ns); inside == host {
			t.Errorf("the server is in the host's %s namespace, %s", ns, inside)
		}
	}
	if got := statusOf(t, s.PID(), "CapBnd"); got != "0000000000000000" {
		t.Errorf("capability bounding set %s, want none", got)
	}
	if statusOf(t, os.Getpid(), "CapBnd") == "0000000000000000" {
		t.Error("control: this process has an empty bounding set itself")
	}
	// The server's superuser reads what the server can: a file in its directory,
	// and neither that file by its name on the host nor one beside it.
	outside := t.TempDir()
	for _, d := range []string{dir, outside} {
		if err := os.WriteFile(filepath.Join(d, "note"), []byte("readable by all\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"/data/note":                   "1\n",
		filepath.Join(dir, "note"):     "0\n",
		filepath.Join(outside, "note"): "0\n",
	} {
		if got := s.mustQuery(t, fmt.Sprintf("SELECT LOAD_FILE('%s') IS NOT NULL", path)); got != want {
			t.Errorf("LOAD_FILE(%s) gave %q, want %q", path, got, want)
		}
	}
	stopped(t, s)
}

func namespaceOf(t *testing.T, pid int, name string) string {
	t.Helper()
	link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, name))
	if err != nil {
		t.Fatal(err)
	}
	return link
}

func statusOf(t *testing.T, pid int, field string) string {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + field + `:\s*(.*)$`).FindSubmatch(status)
	if m == nil {
		t.Fatalf("no %s in the status of process %d", field, pid)
	}
	return string(m[1])
}

// TestLimits reads the limits where the host keeps them, and then runs into
// the one for memory.
func TestLimits(t *testing.T) {
	needs.Controller(t, "memory")
	dir, opts := installed(t)
	s := started(t, dir, opts)
	limits := limitsOf(s.PID())
	for _, want := range []string{`/memory\.(max|limit_in_bytes) = 268435456$`, `/cpu\.(weight = 100|shares = 1024)$`} {
		if !slices.ContainsFunc(limits, regexp.MustCompile(want).MatchString) {
			t.Errorf("limits %q, want one like %s", limits, want)
		}
	}
	result := stopped(t, s)
	if result.Usage.Memory == 0 || result.Usage.Memory > 256<<20 {
		t.Errorf("peak memory %d, want some, and no more than 256 MiB", result.Usage.Memory)
	}
	for _, l := range limits {
		if group := filepath.Dir(strings.Fields(l)[0]); exists(group) {
			t.Errorf("%s is left behind", group)
		}
	}

	s = started(t, dir, opts)
	s.mustQuery(t, "SET GLOBAL max_allowed_packet = 1024*1024*1024")
	const big = "SELECT LENGTH(REPEAT('x', %d * 1024 * 1024))"
	if got := s.mustQuery(t, fmt.Sprintf(big, 32)); got != "33554432\n" {
		t.Errorf("control: 32 MiB gave %q", got)
	}
	out, failure := s.query(t.Context(), fmt.Sprintf(big, 900))
	s.Kill() // dead already, or there would be nothing to wait for
	result, err := s.Wait()
	var exit *sandbox.ExitError
	if !errors.As(err, &exit) || result.Reason != sandbox.OOMKilled || result.Usage.OOMKills == 0 {
		t.Errorf("900 MiB gave %q, %v, and the server %v with %d OOM kills, error %v; want OOMKilled", out, failure, result, result.Usage.OOMKills, err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestUnsupported is for a caller that has no cgroup: the limits that the
// policy names are an error that says what to do, unless they are declared a
// best effort.
func TestUnsupported(t *testing.T) {
	if needs.NoController("memory") == nil {
		t.Skip("needs no-cgroup: this caller can limit memory")
	}
	dir := t.TempDir()
	_, err := serve(t.Context(), dir, policy(dir))
	var unsupported *sandbox.UnsupportedError
	if !errors.As(err, &unsupported) || !errors.Is(err, errors.ErrUnsupported) {
		t.Fatalf("error %v, want an UnsupportedError", err)
	}
	if unsupported.Feature != string(sandbox.FeatureMemory) || unsupported.Reason == "" || unsupported.Fix == "" {
		t.Errorf("%+v, want the feature memory, a reason and a fix", unsupported)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("the error is not one line: %v", err)
	}

	dir, opts := installed(t) // with best effort
	s := started(t, dir, opts)
	report := stopped(t, s).Report
	for _, f := range []sandbox.Feature{sandbox.FeatureMemory, sandbox.FeatureCPU} {
		if e, _ := report.Entry(f); e.State != sandbox.Missing || e.Detail == "" || e.Fix == "" {
			t.Errorf("the report says %+v of %s, want missing with a reason and a fix", e, f)
		}
	}
}
