package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What the probe program does, by its first argument.
const (
	Run       = "run"       // FACTS NAME...: try probes, print an Answer for each
	Act       = "act"       // FACTS NAME: try one in this process
	Bystander = "bystander" // WORD: be there until the end of standard input
)

// An Answer is what became of one attempt, as a line of JSON.
type Answer struct {
	Name    string
	Refused string `json:",omitempty"` // why it did not succeed
	Trouble string `json:",omitempty"` // why that says nothing
}

// IsCommand says whether arguments are the probe program's.
func IsCommand(args []string) bool {
	return len(args) > 2 && (args[1] == Run || args[1] == Act || args[1] == Bystander)
}

// Main is the probe program. It returns the exit status.
func Main(args []string) int {
	if !IsCommand(args) {
		fmt.Fprintln(os.Stderr, "this program is started by sandboxtest")
		return 2
	}
	if args[1] == Bystander {
		fmt.Println("ready")
		io.Copy(io.Discard, os.Stdin)
		return 0
	}
	var f Facts
	if err := json.Unmarshal([]byte(args[2]), &f); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if args[1] == Act {
		f.act(args[3])
		return 0
	}
	if f.Supervisor == 0 && !f.StandIn {
		f.Supervisor = os.Getppid()
	}
	for _, name := range args[3:] {
		if json.NewEncoder(os.Stdout).Encode(f.try(name)) != nil {
			return 1
		}
	}
	return 0
}

// act tries a probe and prints why it did not succeed.
func (f *Facts) act(name string) {
	p := Find(name)
	if p == nil {
		fmt.Fprintf(os.Stderr, "no probe %q", name)
		syscall.Exit(2)
	}
	if err := f.stepAside(p); err != nil {
		fmt.Print("trouble: it would touch the host, and its namespaces cannot be left: " + outcome(err))
		return
	}
	answer := "open"
	if err := p.act(f); err != nil {
		answer = "refused: " + outcome(err)
	}
	fmt.Print(answer)
}

// stepAside takes an act that changes mounts or the host name out of the host's
// namespaces, which is where the probes are if there is no sandbox at all, or one
// that leaves them out.
func (f *Facts) stepAside(p *Probe) error {
	if p.Control != Bare {
		return nil
	}
	data, err := capabilities()
	if err != nil || data[0].Effective&(1<<unix.CAP_SYS_ADMIN) == 0 {
		return nil // nothing can be harmed
	}
	for _, k := range kinds {
		if k.name != "mnt" && k.name != "uts" || sameNamespace(f, k.name) != nil {
			continue
		}
		if err := unix.Unshare(k.flag); err != nil {
			return err
		}
		if k.name == "mnt" {
			if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// outcome is the name of an errno, or an error's text.
func outcome(err error) string {
	var errno syscall.Errno
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.String()
	case errors.As(err, &errno) && unix.ErrnoName(errno) != "":
		return unix.ErrnoName(errno)
	}
	return err.Error()
}

// try has a probe tried by a process of its own, which it may spoil.
func (f *Facts) try(name string) Answer {
	facts := *f
	if f.StandIn && strings.Contains(name, "supervisor") {
		pid, end, err := standIn()
		if err != nil {
			return Answer{Name: name, Trouble: err.Error()}
		}
		defer end()
		facts.Supervisor = pid
	}
	text, err := json.Marshal(facts)
	if err != nil {
		return Answer{Name: name, Trouble: err.Error()}
	}
	const patience = time.Minute
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(ctx, self(), Act, string(text), name)
	cmd.Stdout, cmd.Stderr = &out, &complaints
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	answer := Answer{Name: name}
	status := exitStatus(cmd)
	refused, isRefused := strings.CutPrefix(out.String(), "refused: ")
	trouble, isTrouble := strings.CutPrefix(out.String(), "trouble: ")
	switch {
	case ctx.Err() != nil:
		answer.Trouble = "it did not finish"
	case status.Signaled() && (status.Signal() == unix.SIGSYS || status.Signal() == unix.SIGKILL):
		answer.Refused = "killed by " + unix.SignalName(status.Signal())
	case err != nil:
		first, _, _ := strings.Cut(complaints.String(), "\n")
		answer.Trouble = strings.TrimSpace(err.Error() + ": " + first)
	case isRefused:
		answer.Refused = refused
	case isTrouble:
		answer.Trouble = trouble
	case out.String() != "open":
		answer.Trouble = fmt.Sprintf("it answered %q", out.String())
	}
	return answer
}

func exitStatus(cmd *exec.Cmd) syscall.WaitStatus {
	if cmd.ProcessState == nil {
		return 0
	}
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return status
}

// self is this program, which may be out of its own sight.
func self() string {
	const link = "/proc/self/exe"
	if _, err := os.Readlink(link); err != nil {
		return os.Args[0]
	}
	return link
}

// standIn starts a process for the acts that a supervisor would suffer from.
func standIn() (pid int, end func(), err error) {
	cmd := exec.Command(self(), Bystander, "stand-in")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return 0, nil, err
	}
	if err := cmd.Start(); err != nil {
		return 0, nil, err
	}
	return cmd.Process.Pid, func() {
		stdin.Close()
		cmd.Process.Kill()
		cmd.Wait()
	}, nil
}
