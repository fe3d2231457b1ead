package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/leak"
)

func faults() []Scenario {
	return []Scenario{
		{"fault cancel", cancelAnywhere},
		{"fault kill the launcher", killLauncher},
		{"fault stop the launcher", stopLauncher},
		{"fault kill the host", killHost},
	}
}

// after is closed when the time is up or the context ends.
func after(ctx context.Context, d time.Duration) <-chan struct{} {
	timed, cancel := context.WithTimeout(ctx, d)
	context.AfterFunc(timed, cancel)
	return timed.Done()
}

func cancelAnywhere(ctx context.Context, _ *Env) error {
	short, cancel := context.WithTimeout(ctx, soon())
	defer cancel()
	_, err := sandbox.Run(short, exec.Command("sleep", "1000"), limited()...)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("not canceled: %w", err)
}

// launcherOf is one of the processes between this one and the command.
func launcherOf(p *sandbox.Process) (int, error) {
	var between []int
	for st, ok := leak.ReadStat(p.PID()); ok && st.Parent > 1; st, ok = leak.ReadStat(st.Parent) {
		if st.Parent == os.Getpid() && len(between) > 0 {
			return between[rand.IntN(len(between))], nil
		}
		between = append(between, st.Parent)
	}
	return 0, fmt.Errorf("process %d is not below this one, but %v", p.PID(), between)
}

// killLauncher kills one of the launcher's processes; the sandbox ends with it.
func killLauncher(ctx context.Context, _ *Env) error {
	p, err := sandbox.Start(ctx, exec.Command("sleep", "1000"), limited()...)
	if err != nil {
		return err
	}
	victim, err := launcherOf(p)
	<-after(ctx, soon())
	if err != nil || unix.Kill(victim, unix.SIGKILL) != nil {
		p.Kill()
	}
	res, waited := p.Wait()
	return errors.Join(err, check(res, waited, want{sandbox.Signaled, 0}, want{sandbox.Canceled, 0}))
}

// stopLauncher stops one; the sandbox can be killed all the same.
func stopLauncher(ctx context.Context, _ *Env) error {
	p, err := sandbox.Start(ctx, exec.Command("sleep", "1000"), limited()...)
	if err != nil {
		return err
	}
	victim, err := launcherOf(p)
	if err == nil {
		err = unix.Kill(victim, unix.SIGSTOP)
	}
	<-after(ctx, soon())
	p.Kill()
	res, waited := p.Wait()
	return errors.Join(err, check(res, waited, want{sandbox.Signaled, 0}, want{sandbox.Canceled, 0}))
}

// killHost kills a whole host program at some moment. This one adopts what is
// left, and finds it in the end if it lives.
func killHost(ctx context.Context, e *Env) error {
	host := exec.Command(e.Self, helperWord, "host")
	if err := host.Start(); err != nil {
		return err
	}
	<-after(ctx, 2*soon())
	host.Process.Kill()
	host.Wait()
	e.hosts.add(host.Process.Pid)
	return nil
}

// hostToBeKilled starts sandboxes until it is.
func hostToBeKilled([]string) error {
	box, err := sandbox.New(limited()...)
	for err == nil {
		var p *sandbox.Process
		if p, err = box.Start(context.Background(), exec.Command("sh", "-c", "setsid sleep 1000 & exec sleep 1000")); err == nil {
			time.Sleep(time.Millisecond)
			if rand.IntN(2) == 0 {
				p.Kill()
				p.Wait()
			}
		}
	}
	fmt.Fprintln(os.Stderr, "host:", err)
	return err
}
