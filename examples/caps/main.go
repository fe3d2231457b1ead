// Caps drops capabilities from a sandbox and adds some, and shows which its
// command then has and what it can do with them.
//
//	go run ./examples/caps
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/caps"
)

var policies = [][]sandbox.Option{
	{sandbox.WithUser("root")}, // who has Docker's default set
	{sandbox.WithUser("root"), sandbox.DropCap("net_raw")},
	{sandbox.WithUser("root"), sandbox.AddCap("sys_admin")},
	{sandbox.WithUser("root"), sandbox.DropCap("all"), sandbox.AddCap("net_raw")},
	{sandbox.WithUser("nobody")}, // who has none
	{sandbox.WithUser("nobody"), sandbox.AddCap("CAP_NET_RAW", "SYS_ADMIN")},
}

// script prints the capabilities of its own process, and a line for each act:
// nothing, or why it failed.
const script = `grep ^Cap /proc/self/status
try() { if m=$("$@" 2>&1); then echo; else echo "${m##*: }"; fi; }
try perl -MSocket -e 'socket(my $s, PF_INET, SOCK_RAW, 1) or die ": $!\n"'
try mount -t tmpfs none /tmp`

// An outcome is what a command had and could do; "" means that it worked.
type outcome struct {
	config    sandbox.Config
	caps      caps.State
	rawSocket string // for which it needs net_raw
	mount     string // for which it needs sys_admin
}

func try(ctx context.Context, opts []sandbox.Option) (o outcome, err error) {
	s, err := sandbox.New(opts...)
	if err != nil {
		return o, err
	}
	defer s.Close()
	o.config = s.Config()
	cmd := exec.Command("sh", "-c", script)
	var out, failure bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &failure
	if _, err := s.Run(ctx, cmd); err != nil {
		return o, fmt.Errorf("%w\n%s", err, &failure)
	}
	if o.caps, err = caps.ParseStatus(bytes.NewReader(out.Bytes())); err != nil {
		return o, err
	}
	lines := strings.Split(out.String(), "\n") // five sets and two acts
	if len(lines) < 7 {
		return o, fmt.Errorf("the script did not finish: %q", lines)
	}
	o.rawSocket, o.mount = lines[5], lines[6]
	return o, nil
}

// show prints two tables: what was asked for and could be done, and which
// capabilities that is.
func show(w io.Writer, outcomes []outcome) {
	answer := func(has bool, failure string) string {
		if failure != "" {
			return fmt.Sprintf("%v, %s", has, failure)
		}
		return fmt.Sprintf("%v, works", has)
	}
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "USER\tADDED\tDROPPED\tNET_RAW, A RAW SOCKET\tSYS_ADMIN, A MOUNT")
	for _, o := range outcomes {
		has := o.caps.Effective.Has
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", o.config.User, strings.Join(o.config.CapAdd, " "), strings.Join(o.config.CapDrop, " "),
			answer(has(caps.NetRaw), o.rawSocket), answer(has(caps.SysAdmin), o.mount))
	}
	fmt.Fprintln(t, "\nUSER\tADDED\tDROPPED\tEFFECTIVE")
	for _, o := range outcomes {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", o.config.User, strings.Join(o.config.CapAdd, " "), strings.Join(o.config.CapDrop, " "), o.caps.Effective)
	}
	t.Flush()
}

func main() {
	var outcomes []outcome
	for _, opts := range policies {
		o, err := try(context.Background(), opts)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		outcomes = append(outcomes, o)
	}
	show(os.Stdout, outcomes)
}
