// Soak runs every scenario of package soak for an hour, or as long as -for
// says, and ends with a table and status 1 if anything was wrong or left behind.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"time"

	"github.com/seed-d1379373/sandbox/internal/soak"
)

func main() {
	if code, helper := soak.Main(os.Args); helper {
		os.Exit(code)
	}
	duration := flag.Duration("for", time.Hour, "how long")
	workers := flag.Int("workers", 4*runtime.NumCPU(), "how many scenarios at a time")
	interval := flag.Duration("progress", time.Minute, "how often to say how it goes")
	flag.Parse()
	if err := run(*duration, *interval, *workers); err != nil {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
		os.Exit(1)
	}
	fmt.Println("ok")
}

func run(duration, interval time.Duration, workers int) error {
	const many = 1_000_000
	env, remove, err := soak.NewEnv(many)
	if err != nil {
		return err
	}
	defer remove()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	s := soak.Soak{Env: env, Duration: duration, Workers: workers, Interval: interval, Progress: func(line string) { fmt.Println(line) }}
	return s.Run(ctx)
}
