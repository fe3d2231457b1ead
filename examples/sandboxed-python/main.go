// Sandboxed-python runs Python snippets that nobody trusts, and prints what
// became of each. They come from standard input, separated by lines of three
// dashes; without input it runs its own, one for each verdict.
//
//	go run ./examples/sandboxed-python
//	go run ./examples/sandboxed-python < snippets.txt
//
// It needs Debian's python3. The limits of memory and CPU time need a cgroup; an
// ordinary user without one is told so, and -best-effort limits each process.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/seccomp"
)

//go:embed snippets.txt
var examples string

// policy is what every snippet is held to.
func policy(bestEffort bool) []sandbox.Option {
	const memory = 64 << 20
	opts := []sandbox.Option{
		sandbox.WithMemory(memory),
		sandbox.WithPids(16),
		sandbox.WithCPUTime(2 * time.Second),
		sandbox.WithTimeout(10 * time.Second), // for one that sleeps
		sandbox.WithOutputLimit(4 << 10),
		sandbox.WithRlimit("FSIZE", 1<<20, 1<<20),
		// The default filter refuses these calls. No honest snippet makes them, so
		// that one which does is stopped.
		sandbox.WithSeccomp(seccomp.Default().With(seccomp.Rule{
			Names:  []string{"unshare", "setns", "mount", "ptrace", "bpf", "keyctl", "io_uring_setup", "init_module"},
			Action: seccomp.ActKillProcess,
		})),
	}
	if bestEffort {
		opts = append(opts, sandbox.WithBestEffort(sandbox.FeatureMemory, sandbox.FeatureCPUTime), sandbox.WithRlimit("AS", 4*memory, 4*memory))
	}
	return opts
}

// sigXCPU is Linux's signal for a process that has used up its CPU time.
const sigXCPU = syscall.Signal(24)

// A verdict is what became of a snippet.
type verdict struct {
	snippet, outcome, detail string
}

// run runs a snippet. The interpreter reads it from standard input, so that all
// of them are the same command for the sandbox, which then starts faster.
func run(ctx context.Context, s *sandbox.Sandbox, snippet string) (verdict, error) {
	var stdout, stderr strings.Builder
	cmd := exec.Command("python3", "-I", "-")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(snippet), &stdout, &stderr
	result, err := s.Run(ctx, cmd)
	var exit *sandbox.ExitError
	if err != nil && !errors.As(err, &exit) {
		return verdict{}, err // it did not run
	}
	v := verdict{snippet: line(snippet, 0), detail: fmt.Sprint(result)}
	switch result.Reason {
	case sandbox.Exited:
		v.outcome, v.detail = judge(result.ExitCode, line(stderr.String(), -1))
		if v.outcome == "ok" {
			v.detail = line(stdout.String(), 0)
		}
	case sandbox.TimedOut, sandbox.CPUTimeExceeded:
		v.outcome = "timeout"
	case sandbox.OOMKilled:
		v.outcome = "memory"
	case sandbox.OutputLimit:
		v.outcome = "output limit"
	case sandbox.SeccompKilled:
		v.outcome = "seccomp"
	default:
		v.outcome = "killed"
		if result.Signal == sigXCPU { // where no cgroup counts the time
			v.outcome = "timeout"
		}
	}
	return v, nil
}

// judge is for a snippet that ended by itself. What kind of error it was is its
// own word, as the sandbox only knows that it failed.
func judge(status int, last string) (outcome, detail string) {
	switch {
	case status == 0:
		return "ok", ""
	case strings.HasPrefix(last, "MemoryError"):
		return "memory", last
	case strings.Contains(last, "Network is unreachable"):
		return "network refused", last
	}
	return "error", last
}

// line is the first line of a text, or with -1 the last.
func line(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if n < 0 {
		n += len(lines)
	}
	return lines[n]
}

// split finds the snippets.
func split(text string) (snippets []string) {
	var snippet strings.Builder
	next := func() {
		if strings.TrimSpace(snippet.String()) != "" {
			snippets = append(snippets, snippet.String())
		}
		snippet.Reset()
	}
	for l := range strings.Lines(text) {
		if strings.TrimRight(l, "\r\n") == "---" {
			next()
		} else {
			snippet.WriteString(l)
		}
	}
	next()
	return snippets
}

// judgeAll runs the snippets one after the other and prints the verdicts. What
// they printed is quoted: it may hold anything, also for a terminal.
func judgeAll(ctx context.Context, w io.Writer, text string, opts ...sandbox.Option) ([]verdict, error) {
	s, err := sandbox.New(opts...)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "VERDICT\tSNIPPET\tDETAIL")
	var all []verdict
	for _, snippet := range split(text) {
		v, err := run(ctx, s, snippet)
		if err != nil {
			return all, err
		}
		all = append(all, v)
		fmt.Fprintf(t, "%s\t%.45q\t%.80q\n", v.outcome, v.snippet, v.detail)
	}
	return all, t.Flush()
}

func main() {
	bestEffort := flag.Bool("best-effort", false, "limit each process where the host cannot limit all together")
	flag.Parse()
	text := examples
	if st, err := os.Stdin.Stat(); err == nil && st.Mode()&os.ModeCharDevice == 0 {
		input, err := io.ReadAll(os.Stdin)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		text = string(input)
	}
	if _, err := judgeAll(context.Background(), os.Stdout, text, policy(*bestEffort)...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
