package vmtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Matrix is one run of the tests in all its rows.
type Matrix struct {
	Rows     []Row
	Packages []string // patterns of path.Match on the directory in the module; none for all
	TestRun  string   // pattern of -test.run, without spaces and quotes; the row's own choice without
	Guests   int      // that run at once
	Timeout  time.Duration
	Strict   bool // unexplained skips are failures
	Verbose  bool // show all output as it comes
	Cache    *Cache
	Module   string
	Log      io.Writer

	work string     // directory that a run writes to
	mu   sync.Mutex // of Log
}

// A Result is what one row did.
type Result struct {
	Row      Row
	Packages []Package
	Err      error // the guest itself failed
	Took     time.Duration
	CPU      time.Duration // of the emulator: the cost, on a busy machine too
}

// Prepare gets what the rows need: emulators, kernels, disks. Most of the time
// goes to downloads, so all is done at once.
func (m *Matrix) Prepare(ctx context.Context) error {
	packages := map[string][]string{}
	var steps []func() error
	for _, r := range m.Rows {
		if err := m.Cache.need(ctx, emulator(r, "", "", "", "")[0]); err != nil {
			return err
		}
		if packages[r.Arch] == nil {
			packages[r.Arch] = []string{busybox}
			steps = append(steps, func() error { _, err := m.Cache.disk(ctx, r.Arch); return err })
		}
		if kernel := kernels[r.Arch+"-"+r.Kernel]; !slices.Contains(packages[r.Arch], kernel) {
			packages[r.Arch] = append(packages[r.Arch], kernel)
		}
	}
	for arch, names := range packages {
		steps = append(steps, func() error { _, err := m.Cache.packages(ctx, arch, names...); return err })
	}
	if err := atOnce(steps...); err != nil {
		return err
	}
	for _, r := range m.Rows {
		if _, err := m.parts(ctx, r); err != nil {
			return fmt.Errorf("row %s: %w", r.Name, err)
		}
	}
	return m.Cache.handOver()
}

// atOnce runs functions concurrently and gives all their errors.
func atOnce(steps ...func() error) error {
	errs := make([]error, len(steps))
	var wg sync.WaitGroup
	for i, step := range steps {
		wg.Go(func() { errs[i] = step() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// parts are the files that a row's guest is made of, apart from the tests.
type parts struct {
	kernel, disk, busybox, policy string
	modules                       [][]byte
}

func (m *Matrix) parts(ctx context.Context, r Row) (p parts, err error) {
	if r.Systemd && foreign(r.Arch) {
		return p, fmt.Errorf("the guest with systemd must be of this machine's architecture")
	}
	if p.disk, err = m.Cache.disk(ctx, r.Arch); err != nil {
		return p, err
	}
	if p.kernel, p.modules, err = m.Cache.kernel(ctx, r); err != nil {
		return p, err
	}
	dirs, err := m.Cache.packages(ctx, r.Arch, busybox)
	if err != nil {
		return p, err
	}
	p.busybox = filepath.Join(dirs[busybox], "bin", "busybox")
	if r.LSM == "selinux" {
		p.policy, err = m.Cache.policy(ctx)
	}
	return p, err
}

// LeaveOut removes the rows that cannot be prepared by this user, and says which,
// why, and what would help.
func (m *Matrix) LeaveOut(ctx context.Context) {
	rows := map[string][]string{} // by the reason
	m.Rows = slices.DeleteFunc(slices.Clone(m.Rows), func(r Row) bool {
		err := m.Cache.need(ctx, emulator(r, "", "", "", "")[0])
		if err == nil {
			_, err = m.parts(ctx, r)
		}
		if err != nil {
			rows[err.Error()] = append(rows[err.Error()], r.Name)
		}
		return err != nil
	})
	for _, reason := range slices.Sorted(maps.Keys(rows)) {
		m.say("", "THESE VIRTUAL MACHINES ARE LEFT OUT: %s:\n  %s", strings.Join(rows[reason], ", "), reason)
	}
}

// Run runs the matrix and gives a result for each row, in their order. An
// error means that nothing could be run.
func (m *Matrix) Run(ctx context.Context) (results []Result, err error) {
	if m.work, err = m.Cache.workDir(); err != nil {
		return nil, err
	}
	scratch, err := os.MkdirTemp(m.work, "run-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	binaries := map[string][]binary{}
	if err := atOnce(
		func() error { return m.Prepare(ctx) },
		func() error { return m.compile(ctx, scratch, binaries) },
	); err != nil {
		return nil, err
	}
	results = make([]Result, len(m.Rows))
	free := make(chan struct{}, max(1, m.Guests))
	var wg sync.WaitGroup
	for i, r := range m.Rows {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			start := time.Now()
			results[i] = m.runTwice(ctx, r, binaries[r.Arch], scratch)
			results[i].Took = time.Since(start)
			m.say(r.Name, "%s in %.0f s, %.0f s of CPU time", state(results[i], m.Strict), results[i].Took.Seconds(), results[i].CPU.Seconds())
		})
	}
	wg.Wait()
	return results, nil
}

// compile builds the tests for each architecture of the rows.
func (m *Matrix) compile(ctx context.Context, dir string, binaries map[string][]binary) (err error) {
	for _, r := range m.Rows {
		if binaries[r.Arch] != nil {
			continue
		}
		m.say("", "building the tests for %s", r.Arch)
		keep := func(pkg string) bool { return m.wanted(r.Arch, pkg) }
		if binaries[r.Arch], err = compile(ctx, m.Module, r.Arch, dir, keep); err != nil {
			return err
		}
		for _, b := range binaries[r.Arch] {
			if b.failed != "" {
				m.say("", "%s", b.failed)
			}
		}
		if len(binaries[r.Arch]) == 0 {
			return fmt.Errorf("no package with tests matches %q", m.Packages)
		}
	}
	return nil
}

// promiseTest looks whether the guest has what its row promises.
const promiseTest = "internal/vmtest/promise"

// wanted tells whether a package's tests run in any row of an architecture.
func (m *Matrix) wanted(arch, pkg string) bool {
	switch {
	case pkg == promiseTest:
		return true
	case len(m.Packages) == 0 && strings.HasPrefix(pkg, "internal/vmtest"), len(m.Packages) > 0 && !match(m.Packages, pkg):
		return false
	}
	return slices.ContainsFunc(m.Rows, func(r Row) bool { return r.Arch == arch && r.runs(pkg) })
}

// runTwice runs a row, and once more if it fails: an emulated machine is so slow at
// times that a test's own timing is off. What fails twice has failed; what failed once
// stays in the log.
func (m *Matrix) runTwice(ctx context.Context, r Row, binaries []binary, scratch string) Result {
	first := m.runRow(ctx, r, binaries, scratch)
	if len(first.Broken(m.Strict)) == 0 || ctx.Err() != nil {
		return first
	}
	m.say(r.Name, "%s at the first attempt, after %.0f s of CPU time; once more", state(first, m.Strict), first.CPU.Seconds())
	second := m.runRow(ctx, r, binaries, scratch)
	second.CPU += first.CPU
	return second
}

func (m *Matrix) runRow(ctx context.Context, r Row, binaries []binary, scratch string) (res Result) {
	res.Row = r
	binaries = slices.DeleteFunc(slices.Clone(binaries), func(b binary) bool { return !r.runs(b.pkg) })
	p, err := m.parts(ctx, r)
	if err != nil {
		res.Err = err
		return res
	}
	for _, b := range binaries {
		if b.failed != "" {
			res.Packages = append(res.Packages, Package{Name: b.pkg, Status: notBuilt, Output: b.failed})
		}
	}
	nonce := rand.Text()
	j := job{
		row: r, nonce: nonce, module: m.Module, binaries: binaries,
		testArgs: []string{"-test.v=test2json", "-test.paniconexit0", "-test.timeout=" + (m.Timeout * 3 / 4).String()},
		testRun:  m.TestRun, modules: p.modules, busybox: p.busybox, policy: p.policy,
	}
	image := filepath.Join(scratch, r.Name+".cpio")
	defer os.Remove(image)
	if res.Err = j.initramfs(image); res.Err != nil {
		return res
	}
	logs := filepath.Join(m.work, "logs")
	if res.Err = os.MkdirAll(logs, 0o755); res.Err != nil {
		return res
	}
	console := filepath.Join(logs, r.Name+".console")
	_ = os.Remove(console)
	log, err := os.Create(filepath.Join(logs, r.Name+".log"))
	if err != nil {
		res.Err = err
		return res
	}
	defer log.Close()
	progress := &progress{since: time.Now()}
	live := func(line string) {
		if text := progress.line(line, time.Now()); text != "" {
			m.say(r.Name, "%s", text)
		}
		line = strings.ReplaceAll(line, marker, "")
		fmt.Fprintln(log, line)
		if m.Verbose {
			m.say(r.Name, "%s", line)
		}
	}
	m.say(r.Name, "starting: %s", r.Describe())
	res.CPU, res.Err = boot(ctx, emulator(r, p.kernel, image, p.disk, console), nonce, m.Timeout, live, func(p Package) {
		res.Packages = append(res.Packages, p)
		m.report(r, p)
	})
	if len(res.Packages) < len(binaries) && res.Err == nil {
		res.Err = fmt.Errorf("only %d of %d packages have a result", len(res.Packages), len(binaries))
	}
	if res.Err != nil {
		res.Err = fmt.Errorf("%w%s", res.Err, consoleTail(console))
	}
	return res
}

// report shows a package that ended, with the output of its failures.
func (m *Matrix) report(r Row, p Package) {
	word := "ok  "
	if !p.ok() {
		word = "FAIL"
	}
	m.say(r.Name, "%s %s: %d passed, %d failed, %d skipped in %.0f s", word, p.Name, p.passed, len(p.failed), len(p.skips), p.Took.Seconds())
	if p.ok() || m.Verbose {
		return
	}
	for _, f := range p.failed {
		m.say(r.Name, "--- FAIL: %s\n%s", f.Test, f.Output)
	}
	if p.Status != 1 || len(p.failed) == 0 { // 1 is what failed tests give
		m.say(r.Name, "%s ended with status %d; unfinished: %s; its last lines:\n%s",
			p.Name, p.Status, strings.Join(p.open, " "), strings.ReplaceAll(tail(p.Output, 40), marker, ""))
	}
}

// say prints whole lines, each with the row's name before it.
func (m *Matrix) say(row, format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if row != "" {
		row = "[" + row + "] "
	}
	for line := range strings.Lines(fmt.Sprintf(format, args...)) {
		fmt.Fprintf(m.Log, "%s%s\n", row, strings.TrimRight(line, "\n"))
	}
}
