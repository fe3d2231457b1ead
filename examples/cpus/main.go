// Cpus limits busy sandboxes to fractions of a CPU and measures what they used,
// and for how long the kernel stopped them.
//
//	go run ./examples/cpus
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"text/tabwriter"
	"time"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/cgroup"
)

// limits are in CPUs; 0 is no limit.
var limits = []float64{0, 0.75, 0.25}

// two busy processes, so that without a limit they use more than one CPU where
// there is more than one.
const busy = "while :; do :; done & while :; do :; done"

// A usage is what a sandbox did with its limit.
type usage struct {
	limit     float64
	cpu, wall time.Duration
	periods   uint64 // of 100 ms, in which it ran
	throttled uint64 // of these, those in which it was stopped
	stopped   time.Duration
}

// measure keeps a sandbox busy until it has used this much CPU time.
func measure(ctx context.Context, limit float64, window time.Duration) (u usage, err error) {
	// By the weight a busy machine leaves the sandbox as much as it may have.
	opts := []sandbox.Option{sandbox.WithCPUShares(262144)}
	if limit > 0 {
		opts = append(opts, sandbox.WithCPUs(limit))
	}
	p, err := sandbox.Start(ctx, exec.Command("sh", "-c", busy), opts...)
	if err != nil {
		return u, err
	}
	defer func() {
		p.Kill()
		p.Wait()
	}()

	// Both ends of the window are at the begin of a period, for half a period
	// may hold all that it allows.
	began, first, err := period(ctx, p, limit, 0)
	if err != nil {
		return u, err
	}
	_, last, err := period(ctx, p, limit, first.Usage+window)
	return usage{limit, last.Usage - first.Usage, time.Since(began), last.Periods - first.Periods,
		last.Throttled - first.Throttled, last.ThrottledTime - first.ThrottledTime}, err
}

// period waits until the sandbox has used this much CPU time and, with a limit,
// until a period has ended.
func period(ctx context.Context, p *sandbox.Process, limit float64, used time.Duration) (time.Time, cgroup.CPUStats, error) {
	var last cgroup.CPUStats
	for tick := time.NewTicker(2 * time.Millisecond); ; {
		at := time.Now()
		now, err := p.Stats()
		if err != nil {
			return at, last, err
		}
		if ended := now.CPU.Periods > last.Periods && last.Usage > 0; now.CPU.Usage > used && (ended || limit == 0) {
			return at, now.CPU, nil
		}
		last = now.CPU
		select {
		case <-tick.C:
		case <-ctx.Done():
			return at, last, ctx.Err()
		}
	}
}

// ratio is how many CPUs were used.
func (u usage) ratio() float64 { return float64(u.cpu) / float64(u.wall) }

func show(w io.Writer, all []usage) {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "LIMIT\tCPU TIME\tWALL TIME\tCPUS USED\tPERIODS\tTHROTTLED\tSTOPPED FOR")
	for _, u := range all {
		limit := "none"
		if u.limit > 0 {
			limit = fmt.Sprint(u.limit)
		}
		fmt.Fprintf(t, "%s\t%.2fs\t%.2fs\t%.2f\t%d\t%d\t%.2fs\n",
			limit, u.cpu.Seconds(), u.wall.Seconds(), u.ratio(), u.periods, u.throttled, u.stopped.Seconds())
	}
	t.Flush()
}

func main() {
	window := flag.Duration("window", time.Second, "the CPU `time` that each sandbox uses")
	flag.Parse()
	var all []usage
	for _, limit := range limits {
		u, err := measure(context.Background(), limit, *window)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		all = append(all, u)
	}
	show(os.Stdout, all)
}
