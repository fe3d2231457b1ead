// Cpushares has busy sandboxes compete for one CPU and measures how they share
// it: 1024 shares against 512 is two to one, and 2048 takes half from two of
// 1024.
//
//	go run ./examples/cpushares
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/seed-d1379373/sandbox"
)

// rounds are the shares of the sandboxes that compete. 2048 of 3584 is more
// than half; it is half of 4096.
var rounds = [][]uint64{{1024, 512}, {1024, 512, 2048}, {1024, 1024, 2048}}

// compete keeps a sandbox busy for each of the shares, all on one CPU, and
// returns the CPU time that each got while all together used up a window.
// What else the machine does makes that take longer and changes no ratio.
func compete(ctx context.Context, cpu string, window time.Duration, shares []uint64) ([]time.Duration, error) {
	var running []*sandbox.Process
	defer func() {
		for _, p := range running {
			p.Kill()
			p.Wait()
		}
	}()
	for _, n := range shares {
		p, err := sandbox.Start(ctx, exec.Command("sh", "-c", "while :; do :; done"),
			sandbox.WithCPUShares(n),
			sandbox.WithCPUSet(cpu))
		if err != nil {
			return nil, err
		}
		running = append(running, p)
	}

	// The window begins when all of them are at work.
	const atWork = 50 * time.Millisecond
	start, err := until(ctx, running, func(used []time.Duration) bool { return slices.Min(used) > atWork })
	if err != nil {
		return nil, err
	}
	used, err := until(ctx, running, func(used []time.Duration) bool { return sum(used)-sum(start) > window })
	for i := range used {
		used[i] -= start[i]
	}
	return used, err
}

// until reads the CPU time of each sandbox until it is enough.
func until(ctx context.Context, running []*sandbox.Process, enough func([]time.Duration) bool) ([]time.Duration, error) {
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		used := make([]time.Duration, len(running))
		for i, p := range running {
			stats, err := p.Stats()
			if err != nil {
				return nil, err
			}
			used[i] = stats.CPU.Usage
		}
		if enough(used) {
			return used, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func sum[T uint64 | time.Duration](all []T) (total T) {
	for _, n := range all {
		total += n
	}
	return total
}

// show prints what each sandbox got, and what its shares promise.
func show(w io.Writer, shares []uint64, used []time.Duration) {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "SHARES\tCPU TIME\tMEASURED\tEXPECTED")
	for i, n := range shares {
		fmt.Fprintf(t, "%d\t%.2fs\t%.1f%%\t%.1f%%\n", n, used[i].Seconds(),
			100*float64(used[i])/float64(sum(used)), 100*float64(n)/float64(sum(shares)))
	}
	t.Flush()
	fmt.Fprintln(w)
}

func main() {
	cpu := flag.String("cpu", "0", "the `CPU` to compete for")
	window := flag.Duration("window", 3*time.Second, "the CPU `time` that all together use in a round")
	flag.Parse()
	for _, shares := range rounds {
		used, err := compete(context.Background(), *cpu, *window, shares)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		show(os.Stdout, shares, used)
	}
}
