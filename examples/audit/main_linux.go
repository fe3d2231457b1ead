// Audit tries hostile probes in a sandbox and prints what is closed and what is
// open: with no options, or with flags of docker run; and beside it in other
// sandboxes that are installed.
//
//	go run ./examples/audit
//	go run ./examples/audit --network host --cap-add net_admin
//	go run ./examples/audit -with bwrap,runc,crun
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"text/tabwriter"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/sandboxtest"
)

// A column is what a sandbox does with the probes.
type column struct {
	name string
	*sandboxtest.Table
}

// audit tries the probes in a sandbox with these flags of docker run, and by the
// other launchers. Which of those do not work on this host is told in notes.
func audit(ctx context.Context, with, flags []string, patterns ...string) (columns []column, notes []error, err error) {
	var opts []sandbox.Option
	if len(flags) > 0 { // docker's capabilities come with its flags
		if opts, err = sandbox.FromDockerArgs(flags); err != nil {
			return nil, nil, err
		}
	}
	dir, err := os.MkdirTemp("", "audit-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	runs := []func(*exec.Cmd) error{sandboxtest.In(ctx, opts...)}
	for _, name := range with {
		run, err := launcher(name, dir)
		if err != nil {
			return nil, nil, err
		}
		runs = append(runs, run)
	}
	auditor, err := sandboxtest.NewAuditor(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer auditor.Close()
	for i, name := range append([]string{"sandbox"}, with...) {
		table, err := auditor.Audit(ctx, runs[i], patterns...)
		switch {
		case err != nil && i == 0:
			return nil, nil, err
		case err != nil:
			notes = append(notes, fmt.Errorf("%s: %w", name, err))
			continue
		}
		columns = append(columns, column{name, table})
	}
	return columns, notes, nil
}

// show prints a row for each probe that could be tried, with what was tried where
// one is open, and totals.
func show(w io.Writer, columns []column) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(first string, cell func(column) string, last string) {
		fmt.Fprint(t, first)
		for _, c := range columns {
			fmt.Fprint(t, "\t", cell(c))
		}
		fmt.Fprint(t, "\t", last, "\n")
	}
	name := func(c column) string { return c.name }
	line("PROBE", name, "")
	untried := 0
	for i, r := range columns[0].Rows {
		open, tried := false, false
		for _, c := range columns {
			open = open || c.Rows[i].Verdict == sandboxtest.Opened
			tried = tried || c.Rows[i].Verdict != sandboxtest.Untried
		}
		if !tried {
			untried++
			continue
		}
		note := ""
		if open {
			note = r.Tries + ": " + r.Why
		}
		line(r.Name, func(c column) string { return c.Rows[i].Verdict.String() }, note)
	}
	fmt.Fprintln(t)
	line("CLOSED", name, "")
	total := func(group string) func(column) string {
		return func(c column) string {
			closed := c.Count(group, sandboxtest.Closed)
			return fmt.Sprintf("%d of %d", closed, closed+c.Count(group, sandboxtest.Opened))
		}
	}
	for _, group := range columns[0].Groups() {
		line(group, total(group), "")
	}
	line("all", total(""), "")
	t.Flush()
	fmt.Fprintf(w, "\n%d more could not be tried: this kernel lacks what they need, or this user may not try it.\n", untried)
}

// split takes -with and its value off the arguments; the rest is docker's.
func split(args []string) (with, flags []string) {
	if len(args) > 1 && args[0] == "-with" {
		return strings.Split(args[1], ","), args[2:]
	}
	return nil, args
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	with, flags := split(os.Args[1:])
	columns, notes, err := audit(ctx, with, flags)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	show(os.Stdout, columns)
	for _, note := range notes {
		fmt.Println(note)
	}
}
