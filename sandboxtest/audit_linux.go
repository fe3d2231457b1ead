package sandboxtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path"
	"strings"

	"github.com/seed-d1379373/sandbox/internal/attempt"
	"github.com/seed-d1379373/sandbox/sandboxtest/internal/probe"
)

// Audit tries the probes in a sandbox that run makes. run gets a command whose
// Path is a static program on the host and must run it to its end inside, with
// its Args, Stdout and Stderr, however it makes the file visible there; see
// [In] and [Through]. It is called more than once if the sandbox ends early.
//
// With patterns, in the syntax of [path.Match], only the probes whose names match
// one are tried. The error says that the audit could not be made; open probes
// are no error.
func Audit(ctx context.Context, run func(*exec.Cmd) error, patterns ...string) (*Table, error) {
	a, err := NewAuditor(ctx)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	return a.Audit(ctx, run, patterns...)
}

// An Auditor audits several sandboxes with one probe program and one set of
// controls.
type Auditor struct {
	program  *program
	controls map[string]probe.Answer
}

// NewAuditor builds the probe program. Close removes it.
func NewAuditor(ctx context.Context) (*Auditor, error) {
	p, err := build(ctx)
	if err != nil {
		return nil, err
	}
	return &Auditor{p, map[string]probe.Answer{}}, nil
}

// Close removes the probe program.
func (a *Auditor) Close() error { return a.program.remove() }

// Audit is as the function Audit.
func (a *Auditor) Audit(ctx context.Context, run func(*exec.Cmd) error, patterns ...string) (*Table, error) {
	chosen, err := choose(patterns)
	if err != nil {
		return nil, err
	}
	h, err := prepare(a.program.path)
	if err != nil {
		return nil, fmt.Errorf("prepare the host for probes: %w", err)
	}
	defer h.remove()
	var inside map[string]probe.Answer
	err = h.carelessly(func() error {
		a.control(ctx, h, chosen)
		inside, err = a.session(ctx, h.Facts, run, chosen)
		return err
	})
	if err != nil {
		return nil, err
	}
	t := &Table{}
	for _, p := range chosen {
		row := judge(inside[p.Name], a.controls[p.Name])
		row.Probe = Probe{p.Name, p.Group(), p.Tries, p.Why, probe.StaysOpen(p.Name)}
		t.Rows = append(t.Rows, row)
	}
	return t, nil
}

// choose selects probes; a pattern that selects none is a mistake.
func choose(patterns []string) ([]probe.Probe, error) {
	all := probe.All()
	if len(patterns) == 0 {
		return all, nil
	}
	var chosen []probe.Probe
	used := map[string]bool{}
	for _, p := range all {
		taken := false
		for _, pattern := range patterns {
			if ok, err := path.Match(pattern, p.Name); err != nil {
				return nil, fmt.Errorf("probe pattern %q: %w", pattern, err)
			} else if ok {
				used[pattern], taken = true, true
			}
		}
		if taken {
			chosen = append(chosen, p)
		}
	}
	for _, pattern := range patterns {
		if !used[pattern] {
			return nil, fmt.Errorf("no probe matches %q", pattern)
		}
	}
	return chosen, nil
}

// judge compares an attempt with its control.
func judge(inside, control probe.Answer) Row {
	switch {
	case inside.Trouble != "":
		return Row{Verdict: Untried, Detail: inside.Trouble}
	case inside.Refused == "":
		return Row{Verdict: Opened}
	case control.Trouble != "":
		return Row{Verdict: Untried, Detail: "without a sandbox: " + control.Trouble}
	case control.Refused != "":
		return Row{Verdict: Untried, Detail: "refused without a sandbox, too: " + control.Refused}
	}
	return Row{Verdict: Closed, Detail: inside.Refused}
}

// control tries those probes without a sandbox that have not been yet.
func (a *Auditor) control(ctx context.Context, h *host, chosen []probe.Probe) {
	facts := h.Facts
	facts.StandIn = true
	for _, kind := range []probe.Control{probe.Plain, probe.Bare} {
		var missing []probe.Probe
		for _, p := range chosen {
			if _, done := a.controls[p.Name]; !done && p.Control == kind {
				missing = append(missing, p)
			}
		}
		answers, err := a.session(ctx, facts, func(cmd *exec.Cmd) error {
			if kind == probe.Bare {
				cmd.SysProcAttr = attempt.Bare()
			}
			return cmd.Run()
		}, missing)
		for _, p := range missing {
			a.controls[p.Name] = answers[p.Name]
			if err != nil {
				a.controls[p.Name] = probe.Answer{Name: p.Name, Trouble: err.Error()}
			}
		}
	}
}

// session has probes tried in one place. Where that ends before the last one
// has been tried, it is made again for the rest.
func (a *Auditor) session(ctx context.Context, facts probe.Facts, run func(*exec.Cmd) error, probes []probe.Probe) (map[string]probe.Answer, error) {
	text, err := json.Marshal(facts)
	if err != nil {
		return nil, err
	}
	answers := map[string]probe.Answer{}
	for len(answers) < len(probes) {
		rest := probes[len(answers):]
		args := []string{probe.Run, string(text)}
		for _, p := range rest {
			args = append(args, p.Name)
		}
		cmd := exec.CommandContext(ctx, a.program.path, args...)
		var out, complaints bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &complaints
		err := run(cmd)
		got, bad := decode(out.Bytes())
		for i, answer := range got {
			if i >= len(rest) || answer.Name != rest[i].Name {
				return nil, fmt.Errorf("the probe program answered %q out of order", answer.Name)
			}
			answers[answer.Name] = answer
		}
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case len(got) == len(rest):
		case len(answers) == 0:
			return nil, fmt.Errorf("no probe could be started: %w", failure(err, bad, complaints.String()))
		default:
			last := rest[len(got)]
			answers[last.Name] = ended(last, failure(err, bad, complaints.String()))
		}
	}
	return answers, nil
}

// ended says what it means that a sandbox came to its end while a probe was
// tried.
func ended(p probe.Probe, err error) probe.Answer {
	a := probe.Answer{Name: p.Name}
	switch {
	case p.Name == "supervisor/kill": // which is how it succeeds
	case p.Group() == "resources":
		a.Refused = "the sandbox was ended"
	default:
		a.Trouble = "the sandbox ended: " + err.Error()
	}
	return a
}

// failure is the error of a run that did not give all answers.
func failure(err, bad error, complaints string) error {
	if err == nil {
		if err = bad; err == nil {
			err = fmt.Errorf("it ended without an answer")
		}
	}
	if text := strings.TrimSpace(complaints); text != "" {
		return fmt.Errorf("%w: %s", err, text[max(0, len(text)-500):])
	}
	return err
}

func decode(out []byte) ([]probe.Answer, error) {
	var answers []probe.Answer
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var a probe.Answer
		if err := d.Decode(&a); err != nil {
			return answers, fmt.Errorf("the probe program's answer: %w", err)
		}
		answers = append(answers, a)
	}
	return answers, nil
}
