// Seccomp runs one small program on the host and in three sandboxes: with the
// default filter, with a profile in Docker's format, and with none. It prints
// what each of them made of its system calls.
//
//	go run ./examples/seccomp
//	go run ./examples/seccomp -profile my.json
//
// It needs Debian's python3.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/seccomp"
)

// attempts are harmless. The clock does not exist, so that a call which reaches
// the kernel fails as invalid, and one that does not reach it as the filter says.
var attempts = []struct{ what, command string }{
	{"make a user namespace", `unshare -U true`},
	{"set a clock that does not exist", `python3 -c 'import time; time.clock_settime(99, 0)'`},
	{"make a directory", `d=$(mktemp -d) && rmdir $d`},
	{"change a mode", `f=$(mktemp); trap "rm $f" EXIT; chmod 640 $f`},
	{"open an IPv4 socket", `python3 -c 'import socket; socket.socket(socket.AF_INET)'`},
	{"open a Unix socket", `python3 -c 'import socket; socket.socket(socket.AF_UNIX)'`},
}

// script prints a line for each attempt: "yes", or the kernel's answer.
func script() string {
	var b strings.Builder
	b.WriteString("try() { if m=$(sh -c \"$1\" 2>&1); then echo yes; else m=${m##*] }; echo \"${m##*: }\"; fi; }\n")
	for _, a := range attempts {
		fmt.Fprintf(&b, "try '%s'\n", strings.ReplaceAll(a.command, "'", `'\''`))
	}
	return b.String()
}

// A way is one to run the program; without a policy it is the host's own.
type way struct {
	name   string
	policy *seccomp.Policy
}

func ways(profile string) ([]way, error) {
	custom, err := seccomp.Load(profile)
	if err != nil {
		return nil, err
	}
	return []way{
		{"ON THE HOST", nil},
		{"DEFAULT", seccomp.Default()}, // what a sandbox has without WithSeccomp
		{"PROFILE", custom},
		{"UNCONFINED", seccomp.Unconfined},
	}, nil
}

// run returns the answers to the attempts.
func (w way) run(ctx context.Context) ([]string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command("sh", "-c", script())
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var err error
	if w.policy == nil {
		err = cmd.Run()
	} else {
		_, err = sandbox.Run(ctx, cmd, sandbox.WithSeccomp(w.policy))
	}
	answers := strings.Split(strings.TrimSuffix(stdout.String(), "\n"), "\n")
	if err == nil && len(answers) != len(attempts) {
		err = fmt.Errorf("%d answers to %d attempts", len(answers), len(attempts))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s%s", w.name, err, &stdout, &stderr)
	}
	return answers, nil
}

// compare writes a table with a column for each way, and returns the columns.
func compare(ctx context.Context, out io.Writer, profile string) (map[string][]string, error) {
	all, err := ways(profile)
	if err != nil {
		return nil, err
	}
	columns := map[string][]string{}
	t := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	for _, w := range all {
		if columns[w.name], err = w.run(ctx); err != nil {
			return nil, err
		}
		fmt.Fprint(t, "\t", w.name)
	}
	for n, a := range attempts {
		fmt.Fprint(t, "\n", a.what)
		for _, w := range all {
			fmt.Fprint(t, "\t", columns[w.name][n])
		}
	}
	fmt.Fprintln(t)
	return columns, t.Flush()
}

func main() {
	profile := flag.String("profile", "examples/seccomp/profile.json", "a profile in Docker's format")
	flag.Parse()
	if _, err := compare(context.Background(), os.Stdout, *profile); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
