// Cpuset pins a stresser that would keep all CPUs busy to some of them, and shows
// live how much of each CPU it uses.
//
//	go run ./examples/cpuset -cpus 0 -t 30s
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/seed-d1379373/sandbox"
)

// stress starts as many busy processes as the machine has CPUs, confined to a
// list of them; an empty list is no limit.
func stress(ctx context.Context, cpus string, d time.Duration) (*sandbox.Process, error) {
	script := strings.Repeat("while :; do :; done & ", runtime.NumCPU()) + "wait"
	opts := []sandbox.Option{sandbox.WithTimeout(d)}
	if cpus != "" {
		opts = append(opts, sandbox.WithCPUSet(cpus))
	}
	return sandbox.Start(ctx, exec.Command("sh", "-c", script), opts...)
}

// bars draws what part of each CPU was used.
func bars(use []float64) string {
	const width = 40
	var b strings.Builder
	for cpu, u := range use {
		full := min(int(u*width+0.5), width)
		fmt.Fprintf(&b, "CPU %-3d %s%s %3.0f%%\n", cpu, strings.Repeat("█", full), strings.Repeat("·", width-full), 100*u)
	}
	return b.String()
}

// watch draws until the stresser ends; on a terminal always in the same place.
func watch(w io.Writer, live bool, m *meter, ended <-chan struct{}) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for drawn := false; ; drawn = true {
		select {
		case <-ended:
			return
		case <-tick.C:
		}
		use := m.use()
		if live && drawn {
			fmt.Fprintf(w, "\x1b[%dA", len(use)) // up
		}
		fmt.Fprint(w, bars(use))
		if !live {
			fmt.Fprintln(w)
		}
	}
}

func run(cpus string, d time.Duration) error {
	p, err := stress(context.Background(), cpus, d)
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_, err = p.Wait()
		close(ended)
	}()
	out, _ := os.Stdout.Stat()
	watch(os.Stdout, out.Mode()&os.ModeCharDevice != 0, newMeter(p.PID()), ended)
	var exit *sandbox.ExitError
	if errors.As(err, &exit) && exit.Reason == sandbox.TimedOut {
		return nil // as wanted
	}
	return err
}

func main() {
	cpus := flag.String("cpus", "0", "the CPUs to use, such as 0, 0-1 or 0,2; empty for all")
	d := flag.Duration("t", 5*time.Second, "how `long`")
	flag.Parse()
	if err := run(*cpus, *d); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
