// Privileged runs one small program on the host, in a sandbox without options,
// in a privileged one, and in one with the host's network too, and prints side
// by side what each of them is and can do.
//
//	go run ./examples/privileged
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/caps"
)

// facts are what the small program prints a line about, by a command for sh.
var facts = []struct{ what, command string }{
	{"user", `id -u`},
	{"capabilities", `awk '/^CapEff/ { print $2 }' /proc/self/status`},
	{"devices", `for d in /dev/*; do [ -L $d ] || [ ! -c $d ] && [ ! -b $d ] || echo; done | wc -l`},
	{"network interfaces", `awk -F: '/:/ { gsub(" ", ""); print $1 }' /proc/net/dev | sort | paste -sd' '`},
	{"processes in sight", `ls -d /proc/[0-9]* | wc -l`},
	{"seccomp filter", `case $(awk '/^Seccomp:/ { print $2 }' /proc/self/status) in 0) echo no;; *) echo yes;; esac`},
	{"can read the kernel's log", try(`true < /dev/kmsg`)},
	{"can mount", try(`unshare -m mount -t tmpfs none /tmp`)},
	{"can set its host name", try(`unshare -u hostname other`)},
	{"can write below /usr", try(`test -w /usr`)},
}

func try(command string) string {
	return "if " + command + " >/dev/null 2>&1; then echo yes; else echo no; fi"
}

// A way is one to run the program; no options are the host's own way.
type way struct {
	name string
	opts []sandbox.Option
	host bool
}

var ways = []way{
	{name: "ON THE HOST", host: true},
	{name: "DEFAULT"},
	{name: "PRIVILEGED", opts: []sandbox.Option{sandbox.WithPrivileged()}},
	{name: "AND HOST NETWORK", opts: []sandbox.Option{sandbox.WithPrivileged(), sandbox.WithNetwork(sandbox.NetworkHost)}},
}

// run returns the answers of the small program.
func (w way) run(ctx context.Context) ([]string, error) {
	var script strings.Builder
	for _, f := range facts {
		fmt.Fprintln(&script, f.command)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.Command("sh", "-c", script.String())
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var err error
	if w.host {
		err = cmd.Run()
	} else {
		_, err = sandbox.Run(ctx, cmd, w.opts...)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", w.name, err, &stderr)
	}
	answers := strings.Split(strings.TrimSuffix(stdout.String(), "\n"), "\n")
	if len(answers) != len(facts) {
		return nil, fmt.Errorf("%s: %d answers to %d questions\n%s%s", w.name, len(answers), len(facts), &stdout, &stderr)
	}
	set, err := strconv.ParseUint(answers[1], 16, 64)
	answers[1] = fmt.Sprint(caps.Set(set).Len())
	return answers, err
}

// compare asks in every way: a column of answers for each.
func compare(ctx context.Context) ([][]string, error) {
	var columns [][]string
	for _, w := range ways {
		column, err := w.run(ctx)
		if err != nil {
			return nil, err
		}
		columns = append(columns, column)
	}
	return columns, nil
}

func show(w io.Writer, columns [][]string) {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, way := range ways {
		fmt.Fprint(t, "\t", way.name)
	}
	for n, f := range facts {
		fmt.Fprint(t, "\n", f.what)
		for _, column := range columns {
			fmt.Fprint(t, "\t", column[n])
		}
	}
	fmt.Fprintln(t)
	t.Flush()
}

func main() {
	columns, err := compare(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	show(os.Stdout, columns)
}
