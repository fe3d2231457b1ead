// Hostconfig runs short jobs that configure a network: they turn forwarding
// over and add an address. Each has a network of its own, and what it may change
// there depends on its privileges; a job of root's also configures the network
// of a service that runs without privileges. The host's stays as it was.
//
//	go run ./examples/hostconfig
//
// It needs Debian's iproute2.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"

	"github.com/seed-d1379373/sandbox"
)

const (
	// configure does what it is allowed to do.
	configure = `
		sysctl=/proc/sys/net/ipv4/ip_forward
		test -w $sysctl && echo $((1 - $(cat $sysctl))) > $sysctl
		ip address add 192.0.2.1/32 dev lo 2>/dev/null
	`
	// look prints a line for each of the settings.
	look = `
		cat /proc/sys/net/ipv4/ip_forward
		if ip -oneline address show dev lo | grep -q ' 192.0.2.1/'; then echo yes; else echo no; fi
	`
)

var settings = []string{"net.ipv4.ip_forward", "lo has 192.0.2.1"}

// answers makes a column of what look printed.
func answers(out string, err error) ([]string, error) {
	lines := strings.Fields(out)
	if err == nil && len(lines) != len(settings) {
		err = fmt.Errorf("unexpected output %q", out)
	}
	return lines, err
}

func onHost(ctx context.Context) ([]string, error) {
	var out strings.Builder
	cmd := exec.CommandContext(ctx, "sh", "-c", look)
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	err := cmd.Run()
	return answers(out.String(), err)
}

// job runs a script in a sandbox, which ends with it.
func job(ctx context.Context, script string, opts ...sandbox.Option) ([]string, error) {
	var out strings.Builder
	cmd := exec.Command("sh", "-c", script)
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	_, err := sandbox.Run(ctx, cmd, opts...)
	return answers(out.String(), err)
}

// service has a privileged job configure the network of a service, and returns
// what the service sees then.
func service(ctx context.Context) ([]string, error) {
	p, err := sandbox.Start(ctx, exec.Command("sleep", "infinity"))
	if err != nil {
		return nil, err
	}
	defer func() { p.Kill(); p.Wait() }()
	if _, err := job(ctx, configure+look, sandbox.WithPrivileged(), sandbox.WithNetwork(sandbox.NetworkFrom(p))); err != nil {
		return nil, err
	}
	var out strings.Builder
	cmd := exec.Command("sh", "-c", look)
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	_, err = p.Exec(ctx, cmd)
	return answers(out.String(), err)
}

// A column is one look at the settings.
type column struct {
	name string
	look func() ([]string, error)
}

func columns(ctx context.Context) []column {
	sandboxed := func(opts ...sandbox.Option) func() ([]string, error) {
		return func() ([]string, error) { return job(ctx, configure+look, opts...) }
	}
	all := []column{
		{"HOST BEFORE", func() ([]string, error) { return onHost(ctx) }},
		{"DEFAULT", sandboxed()},
		{"NET_ADMIN", sandboxed(sandbox.AddCap("net_admin"))},
		{"PRIVILEGED", sandboxed(sandbox.WithPrivileged())},
	}
	if os.Getuid() == 0 { // joining a network is for root
		all = append(all, column{"SERVICE", func() ([]string, error) { return service(ctx) }})
	}
	return append(all, column{"HOST AFTER", all[0].look})
}

// compare prints the columns, and returns them by their names.
func compare(ctx context.Context, w io.Writer) (map[string][]string, error) {
	found := map[string][]string{}
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	rows := make([]string, len(settings))
	for _, c := range columns(ctx) {
		answers, err := c.look()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		found[c.name] = answers
		fmt.Fprint(t, "\t", c.name)
		for i, a := range answers {
			rows[i] += "\t" + a
		}
	}
	fmt.Fprintln(t)
	for i, row := range rows {
		fmt.Fprintln(t, settings[i]+row)
	}
	return found, t.Flush()
}

func main() {
	if _, err := compare(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
