// Quickstart shows what a sandbox does: it runs one small program twice, once
// on the host and once in a sandbox with no options, and prints what the
// program could and could not do.
//
//	go run ./examples/quickstart
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/seed-d1379373/sandbox"
)

// An attempt is something that the small program tries. All of them are
// harmless, and all of them work on the host.
type attempt struct {
	what    string
	command string // for sh; an exit status of 0 means that it worked
	allowed bool   // in a sandbox without options
}

// attempts use what the host program has prepared in the variables DIR (a
// directory), PID (its own process id) and PORT (where it listens).
var attempts = []attempt{
	{"compute", `test $(seq 10 | sort -n | wc -l) = 10`, true},
	{"run the system's programs", `ls /usr/bin/env && awk 'BEGIN { exit 0 }'`, true},
	{"write to /tmp", `f=$(mktemp /tmp/XXXXXX) && echo hello > $f && rm $f`, true},
	{"start and signal processes of its own", `sleep 9 & kill $!`, true},
	{"see its parent's environment", `: ${TOKEN:?not set}`, false},
	{"read a file of the host program", `cat $DIR/secret`, false},
	{"write beside it", `touch $DIR/planted`, false},
	{"see the host program among the processes", `ls -d /proc/$PID`, false},
	{"send it a signal", `kill -0 $PID`, false},
	{"connect to its port on 127.0.0.1", `bash -c ': < /dev/tcp/127.0.0.1/$PORT'`, false},
	{"look into /home and /var", `ls /home /var/lib`, false},
	{"become root of a namespace and mount", `unshare -Ur -m mount -t tmpfs none /mnt`, false},
}

// script is the small program. It prints a line for each attempt: nothing, or
// the end of the message with which it failed.
func script() string {
	var b strings.Builder
	b.WriteString("try() { if m=$(eval \"$1\" 2>&1 >/dev/null); then echo; else m=${m##*: }; echo \"${m:-status $?}\"; fi; }\n")
	for _, a := range attempts {
		fmt.Fprintf(&b, "try '%s'\n", strings.ReplaceAll(a.command, "'", `'\''`))
	}
	return b.String()
}

// A row is the outcome of an attempt; "" means that it worked.
type row struct {
	attempt
	host, inside string
}

// compare runs the small program on the host and in a sandbox.
func compare(ctx context.Context) ([]row, *sandbox.Result, error) {
	dir, err := os.MkdirTemp("", "quickstart-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("the launch code\n"), 0o600); err != nil {
		return nil, nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	os.Setenv("TOKEN", "a secret of the host program")
	known := fmt.Sprintf("DIR=%s\nPID=%d\nPORT=%s\nexport DIR PID PORT\n", dir, os.Getpid(), port)

	// On the host.
	var host, inside bytes.Buffer
	cmd := exec.CommandContext(ctx, "sh", "-c", known+script())
	cmd.Stdout = &host
	if err := cmd.Run(); err != nil {
		return nil, nil, err
	}

	// In a sandbox. This is all that it takes.
	cmd = exec.Command("sh", "-c", known+script())
	cmd.Stdout = &inside
	result, err := sandbox.Run(ctx, cmd)
	if err != nil {
		return nil, nil, err
	}

	h, i := strings.Split(host.String(), "\n"), strings.Split(inside.String(), "\n")
	if len(h) <= len(attempts) || len(i) <= len(attempts) {
		return nil, nil, fmt.Errorf("the small program did not finish:\n%s%s", &host, &inside)
	}
	rows := make([]row, len(attempts))
	for n, a := range attempts {
		rows[n] = row{a, h[n], i[n]}
	}
	return rows, result, nil
}

func show(w io.Writer, rows []row, result *sandbox.Result) {
	answer := func(failure string) string {
		if failure == "" {
			return "yes"
		}
		return "no: " + failure
	}
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "THE PROGRAM COULD\tON THE HOST\tIN THE SANDBOX")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%s\n", r.what, answer(r.host), answer(r.inside))
	}
	t.Flush()
	fmt.Fprintf(w, "\nThe sandbox was set up in %.1f ms.\n", float64(result.Setup.Microseconds())/1000)
	missing := result.Report.Missing()
	if len(missing) == 0 {
		fmt.Fprintln(w, "This host can enforce everything that a sandbox has by default.")
	}
	for _, m := range missing {
		fmt.Fprintf(w, "Not enforced on this host: %s: %s. To change that: %s.\n", m.Feature, m.Detail, m.Fix)
	}
}

func main() {
	rows, result, err := compare(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	show(os.Stdout, rows, result)
}
