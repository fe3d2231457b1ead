package sandbox_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/launch"
	"github.com/seed-d1379373/sandbox/internal/plan"
)

// prepare runs a program that prepares a view, as the library does at the
// second start of a sandbox, and says what its launcher said first.
func prepare(p *launch.Program) (launch.Message, error) {
	image, err := p.Image()
	if err != nil {
		return launch.Message{}, err
	}
	control, peer, err := launch.NewControl()
	if err != nil {
		return launch.Message{}, err
	}
	defer control.Close()
	defer peer.Close()
	executable, err := launch.NewMemoryExecutable(image, launch.Floor(4, int(peer.Fd())))
	if err != nil {
		return launch.Message{}, err
	}
	defer executable.Close()
	cmd := &exec.Cmd{Path: executable.Path, ExtraFiles: []*os.File{peer}}
	if err := cmd.Start(); err != nil {
		return launch.Message{}, err
	}
	defer cmd.Wait()
	defer control.Hangup()
	peer.Close()
	control.SetDeadline(time.Now().Add(patience))
	m, err := control.Receive()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		cmd.Process.Kill()
	}
	return m, err
}

// Each call of the program that prepares a view fails once. The host hears of
// it, and then makes the whole view at every start.
func TestEveryCallOfThePreparationFails(t *testing.T) {
	needRoot(t, "only real privilege can prepare a view")
	box, err := sandbox.New()
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	spec, err := sandbox.LoweredSpec(box)
	if err != nil {
		t.Fatal(err)
	}
	spec.Files = plan.Files{Keep: 3, Control: 3}
	if m, err := prepare(spec.Preparation()); err != nil || m.Kind != launch.MessageMap {
		t.Fatalf("undisturbed: %+v, %v", m, err)
	}
	before := takeInventory()
	for _, call := range launcherCalls(spec.Preparation()) {
		for _, errno := range errnosOf(t, call) {
			program := spec.Preparation()
			program.Fail(call.index, errno)
			m, err := prepare(program)
			reported := m.Kind == launch.MessageFail && m.Index == call.index && m.Errno == errno
			// A directory that is said to be there, and is not, is missed later.
			goesOn := call.mayFail(errno) && (m.Kind == launch.MessageMap || m.Kind == launch.MessageFail)
			// After the hand-over there is nothing left to report.
			late := call.step == "hand the mount namespace over" || call.step == "report the failure"
			if !reported && !goesOn && !late {
				t.Errorf("%v fails with %v: %+v, %v", call, unix.Errno(errno), m, err)
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%v fails with %v: hangs", call, unix.Errno(errno))
			}
			if left := before.leftBehind(); left != "" {
				t.Fatalf("%v fails with %v: left behind:\n%s", call, unix.Errno(errno), left)
			}
		}
	}
}

// A prepared view and one that a start makes for itself look the same.
func TestPreparedViewIsTheSame(t *testing.T) {
	needRoot(t, "only real privilege can prepare a view")
	views := map[string]string{}
	for name, c := range variants(t) {
		err := c.run(forbearing(t), nil, func(p *sandbox.Process) {
			views[name] = fmt.Sprint(mountsOf(p.PID()))
			for _, dir := range []string{"/", "/dev", "/etc"} {
				entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/root%s", p.PID(), dir))
				for _, e := range entries {
					info, _ := e.Info()
					views[name] += fmt.Sprintf("\n%s/%s %v", dir, e.Name(), info.Mode())
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if views["cold"] != views["prepared"] || len(views["cold"]) < 500 {
		t.Errorf("cold:\n%s\nprepared:\n%s", views["cold"], views["prepared"])
	}
}
