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

// options are the command line.
type options struct {
	rows, packages, testRun, cache, mirror string
	list, prepare, orSkip, strict, verbose bool
	guests                                 int
	timeout                                time.Duration
}

func parse() (o options, err error) {
	flag.StringVar(&o.rows, "rows", "*", "comma-separated `patterns` of rows")
	flag.StringVar(&o.packages, "packages", "", "comma-separated `patterns` of packages, as directories in the module; all without")
	flag.StringVar(&o.testRun, "run", "", "only the tests that match this `regexp` (no spaces)")
	flag.BoolVar(&o.list, "list", false, "list the rows and end")
	flag.BoolVar(&o.prepare, "prepare", false, "get and build what the rows need and end")
	flag.BoolVar(&o.orSkip, "or-skip", false, "leave out the rows that an ordinary user cannot prepare, and say so")
	flag.IntVar(&o.guests, "guests", 2, "`number` of guests that run at once")
	flag.DurationVar(&o.timeout, "timeout", 25*time.Minute, "for each guest")
	flag.BoolVar(&o.strict, "strict", false, "a skip whose reason names no feature is a failure")
	flag.BoolVar(&o.verbose, "v", false, "show all output as it comes")
	flag.StringVar(&o.cache, "cache", "", "`directory` for downloads and disks (default $XDG_CACHE_HOME/sandbox-vmtest, or .cache/vmtest in the module)")
	flag.StringVar(&o.mirror, "mirror", "http://deb.debian.org", "where Debian's archive is")
	flag.Parse()
	switch {
	case flag.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flag.Arg(0))
	case strings.ContainsAny(o.testRun, " '\n"):
		return o, fmt.Errorf("-run %q: no spaces and no single quotes, please", o.testRun)
	}
	return o, nil
}

func run(ctx context.Context) (status int, err error) {
	o, err := parse()
	if err != nil {
		return 2, err
	}
	rows, err := vmtest.Select(vmtest.Rows(), o.rows)
	if err != nil {
		return 2, err
	}
	if o.list {
		for _, r := range rows {
			fmt.Printf("%-22s %s; promises %s\n", r.Name, r.Describe(), strings.Join(r.Promises, " "))
		}
		return 0, nil
	}
	m, err := matrix(ctx, o, rows)
	if err != nil {
		return 2, err
	}
	if o.prepare {
		if err := m.Prepare(ctx); err != nil {
			return 2, err
		}
		return 0, nil
	}
	if o.orSkip && os.Geteuid() != 0 {
		if m.LeaveOut(ctx); len(m.Rows) == 0 {
			return 0, nil
		}
	}
	results, err := m.Run(ctx)
	if err != nil {
		return 2, err
	}
	return show(results, o.strict), nil
}

func matrix(ctx context.Context, o options, rows []vmtest.Row) (*vmtest.Matrix, error) {
	module, err := vmtest.Module(ctx)
	if err != nil {
		return nil, err
	}
	if o.cache == "" {
		o.cache = vmtest.DefaultCacheDir(module)
	}
	m := &vmtest.Matrix{
		Rows: rows, TestRun: o.testRun, Guests: o.guests, Timeout: o.timeout, Strict: o.strict, Verbose: o.verbose, Module: module, Log: os.Stdout,
		Cache: &vmtest.Cache{Dir: o.cache, Mirror: o.mirror, Log: os.Stdout},
	}
	if o.packages != "" {
		m.Packages = strings.Split(o.packages, ",")
	}
	return m, nil
}

// show prints the table and gives the exit status.
func show(results []vmtest.Result, strict bool) (status int) {
	fmt.Printf("\n%s", vmtest.Table(results, strict))
	for _, r := range results {
		if r.Err != nil {
			fmt.Printf("\n%s: %v\n", r.Row.Name, r.Err)
		}
		if len(r.Broken(strict)) > 0 {
			status = 1
		}
	}
	return status
}
