// The command runs this module's tests in virtual machines; see package
// vmtest. Its exit status is 0 when every row passed, 1 when one failed, and
// 2 when nothing could be run.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/seed-d1379373/sandbox/internal/vmtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status, err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "vmtest:", err)
	}
	os.Exit(status)
}

func run(ctx context.Context) (status int, err error) {
	rows := flag.String("rows", "*", "comma-separated `patterns` of rows")
	packages := flag.String("packages", "", "comma-separated `patterns` of packages, as directories in the module; all without")
	testRun := flag.String("run", "", "only the tests that match this `regexp` (no spaces)")
	list := flag.Bool("list", false, "list the rows and end")
	prepare := flag.Bool("prepare", false, "get and build what the rows need and end")
	orSkip := flag.Bool("or-skip", false, "where an ordinary user cannot prepare what the rows need, say so and end with status 0")
	guests := flag.Int("guests", 2, "`number` of guests that run at once")
	timeout := flag.Duration("timeout", 15*time.Minute, "for each guest")
	strict := flag.Bool("strict", false, "a skip whose reason names no feature is a failure")
	verbose := flag.Bool("v", false, "show all output as it comes")
	cache := flag.String("cache", "", "`directory` for downloads and disks (default $XDG_CACHE_HOME/sandbox-vmtest, or .cache/vmtest in the module)")
	mirror := flag.String("mirror", "http://deb.debian.org", "where Debian's archive is")
	flag.Parse()
	if flag.NArg() > 0 {
		return 2, fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	chosen, err := vmtest.Select(vmtest.Rows(), *rows)
	if err != nil {
		return 2, err
	}
	if *list {
		for _, r := range chosen {
			fmt.Printf("%-22s %s kernel %s, %s; promises %s\n", r.Name, r.Arch, r.Kernel, r.LSM, strings.Join(r.Promises, " "))
		}
		return 0, nil
	}
	module, err := vmtest.Module(ctx)
	if err != nil {
		return 2, err
	}
	if *cache == "" {
		*cache = vmtest.DefaultCacheDir(module)
	}
	if err := os.MkdirAll(*cache, 0o755); err != nil {
		return 2, err
	}
	m := &vmtest.Matrix{
		Rows: chosen, Guests: *guests, Timeout: *timeout, Strict: *strict, Verbose: *verbose, Module: module, Log: os.Stdout,
		Cache: &vmtest.Cache{Dir: *cache, Mirror: *mirror, Log: os.Stdout},
	}
	if *packages != "" {
		m.Packages = strings.Split(*packages, ",")
	}
	if *testRun != "" {
		if strings.ContainsAny(*testRun, " '\n") {
			return 2, fmt.Errorf("-run %q: no spaces and no single quotes, please", *testRun)
		}
		m.TestRun = *testRun
	}
	if *prepare {
		if err := m.Prepare(ctx); err != nil {
			return 2, err
		}
		return 0, nil
	}
	if *orSkip && os.Geteuid() != 0 {
		if err := m.Prepare(ctx); err != nil && ctx.Err() == nil {
			fmt.Printf("THE VIRTUAL MACHINES DO NOT RUN: %v\n", err)
			return 0, nil
		}
	}
	results, err := m.Run(ctx)
	if err != nil {
		return 2, err
	}
	fmt.Printf("\n%s", vmtest.Table(results, *strict))
	for _, r := range results {
		if r.Err != nil {
			fmt.Printf("\n%s: %v\n", r.Row.Name, r.Err)
		}
		if len(r.Broken(*strict)) > 0 {
			status = 1
		}
	}
	return status, nil
}
