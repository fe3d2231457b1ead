package sandbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/seed-d1379373/sandbox"
)

// reused is what became of one sandbox of the last resort in several uses.
type reused struct {
	Plan      string
	Outputs   []string // of commands that ran at once
	Pool      string
	Ready     bool   // the pool had one
	Exec      string // the feature that is missing
	NotFound  bool
	Directory string // Dir "/tmp" is there
	OwnEnv    string
	Left      []string // errors that should not be
}

// reuseLastResort uses one Sandbox in every way.
func reuseLastResort([]string) int {
	var r reused
	note := func(err error) {
		if err != nil {
			r.Left = append(r.Left, err.Error())
		}
	}
	box, err := sandbox.New(lastResortOptions([]string{"last resort"})...)
	if err != nil {
		return complain(err)
	}
	defer box.Close()
	output := func(run func(context.Context, *exec.Cmd) (*sandbox.Result, error), change func(*exec.Cmd), argv ...string) string {
		cmd := exec.Command(argv[0], argv[1:]...)
		var out strings.Builder
		cmd.Stdout = &out
		if change != nil {
			change(cmd)
		}
		_, err := run(context.Background(), cmd)
		note(err)
		return out.String()
	}
	plan, err := box.Plan(exec.Command("true"))
	note(err)
	if err == nil {
		r.Plan = plan.String()
	}
	r.Outputs = make([]string, 8)
	var all sync.WaitGroup
	for i := range r.Outputs {
		all.Go(func() { r.Outputs[i] = output(box.Run, nil, "sh", "-c", "echo $TMPDIR; touch $TMPDIR/x; sleep 0.1") })
	}
	all.Wait()
	r.Directory = output(box.Run, func(c *exec.Cmd) { c.Dir = "/tmp" }, "pwd")
	r.OwnEnv = output(box.Run, func(c *exec.Cmd) { c.Env = []string{"PATH=/usr/bin:/bin", "HOME=/x"} }, "sh", "-c", "echo $HOME $TMPDIR")
	_, err = box.Run(context.Background(), exec.Command("no-such-program"))
	r.NotFound = errors.Is(err, exec.ErrNotFound)
	pool, err := box.Pool(context.Background(), 1)
	note(err)
	if err == nil {
		r.Pool = output(pool.Run, nil, "sh", "-c", "echo $TMPDIR; touch $TMPDIR/x && echo written")
		r.Ready = pool.State().Warm == 1
		note(pool.Close())
	}
	cmd := exec.Command("cat")
	stdin, err := cmd.StdinPipe()
	note(err)
	p, err := box.Start(context.Background(), cmd)
	note(err)
	if err == nil {
		_, err = p.Exec(context.Background(), exec.Command("true"))
		var missing *sandbox.UnsupportedError
		if errors.As(err, &missing) {
			r.Exec = missing.Feature
		}
		stdin.Close()
		p.Wait()
	}
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		return complain(err)
	}
	return 0
}

func TestLastResortIsReused(t *testing.T) {
	needScopes(t)
	host := underFilterAs(t, somebody, noNamespaces(), nil, "reuse-last-resort")
	out, err := host.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, host.Stderr)
	}
	var r reused
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if len(r.Left) > 0 {
		t.Errorf("errors: %q", r.Left)
	}
	for _, step := range []string{"adopt orphans", "keep signals among descendants", "enforce Landlock ruleset"} {
		if !strings.Contains(r.Plan, step) {
			t.Errorf("no step %q in the plan:\n%s", step, r.Plan)
		}
	}
	seen := map[string]bool{}
	for _, line := range append(r.Outputs, r.Directory) {
		dir := strings.TrimSpace(line)
		if dir == "" || seen[dir] || !noFile(dir) {
			t.Errorf("directory %q: used twice %v, gone %v", dir, seen[dir], noFile(dir))
		}
		seen[dir] = true
	}
	dir, said, _ := strings.Cut(r.Pool, "\n")
	if said != "written\n" || !noFile(dir) || !r.Ready {
		t.Errorf("in a pool: %q, gone %v, ready %v", r.Pool, noFile(dir), r.Ready)
	}
	var home string
	if fmt.Sscan(r.OwnEnv, &home, &dir); home != "/x" || !strings.HasPrefix(dir, "/") {
		t.Errorf("environment of the caller's: %q", r.OwnEnv)
	}
	if r.Exec == "" || !r.NotFound {
		t.Errorf("Exec: %q, a program that is not there: %v", r.Exec, r.NotFound)
	}
}
