package caps_test

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
	libcap "kernel.org/pub/linux/libs/security/libcap/cap"

	"github.com/seed-d1379373/sandbox/caps"
)

func TestNamesAndNumbersAgreeWithLibcap(t *testing.T) {
	if got := caps.All.Len(); got != libcap.NamedCount {
		t.Errorf("%d capabilities, libcap has %d", got, libcap.NamedCount)
	}
	for _, c := range caps.All.List() {
		text := caps.Of(c).String()
		if want := libcap.Value(c).String(); text != want {
			t.Errorf("capability %d is %q, libcap has %q", c, text, want)
		}
		if value, err := libcap.FromName(text); err != nil || value != libcap.Value(c) {
			t.Errorf("libcap reads %q as %d, %v; want %d", text, value, err, c)
		}
	}
	// One constant of each spelling rule, by libcap's names for the numbers.
	for c, value := range map[caps.Cap]libcap.Value{
		caps.Chown: libcap.CHOWN, caps.DACReadSearch: libcap.DAC_READ_SEARCH, caps.SetGID: libcap.SETGID,
		caps.SetPCap: libcap.SETPCAP, caps.NetRaw: libcap.NET_RAW, caps.SysRawIO: libcap.SYS_RAWIO,
		caps.SysTTYConfig: libcap.SYS_TTY_CONFIG, caps.SetFCap: libcap.SETFCAP, caps.MACAdmin: libcap.MAC_ADMIN,
		caps.PerfMon: libcap.PERFMON, caps.BPF: libcap.BPF, caps.CheckpointRestore: libcap.CHECKPOINT_RESTORE,
	} {
		if libcap.Value(c) != value {
			t.Errorf("%v is %d, libcap has %d", c, c, value)
		}
	}
}

func TestSetTextIsReadByLibcap(t *testing.T) {
	for _, s := range []caps.Set{caps.Of(caps.Kill), caps.Default(), caps.All.Without(caps.SysAdmin), caps.All, 0} {
		parsed, err := libcap.FromText(s.String() + "=p")
		if s.Empty() {
			parsed, err = libcap.FromText("=")
		}
		if err != nil {
			t.Errorf("libcap refuses %q: %v", s, err)
			continue
		}
		for _, c := range caps.All.List() {
			if has, err := parsed.GetFlag(libcap.Permitted, libcap.Value(c)); err != nil || has != s.Has(c) {
				t.Errorf("libcap has %v in %q: %v, %v; want %v", c, s, has, err, s.Has(c))
			}
		}
	}
}

func TestLastAgreesWithPrctl(t *testing.T) {
	last, err := caps.Last()
	if err != nil {
		t.Fatal(err)
	}
	known := func(c caps.Cap) bool {
		_, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0)
		return err == nil
	}
	if !known(last) || known(last+1) {
		t.Errorf("Last = %v, but prctl knows it: %v, and the next: %v", last, known(last), known(last+1))
	}
	supported, err := caps.Supported()
	if err != nil || supported.Len() != int(last)+1 || !supported.Has(last) {
		t.Errorf("Supported = %v, %v; want 0 to %d", supported, err, last)
	}
}

func TestProcessAgreesWithCapget(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	state, err := caps.Process(0)
	if err != nil {
		t.Fatal(err)
	}
	version := caps.Header()
	header := unix.CapUserHeader{Version: version[0], Pid: int32(version[1])}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		t.Fatal(err)
	}
	want := [6]uint32{
		data[0].Effective, data[0].Permitted, data[0].Inheritable,
		data[1].Effective, data[1].Permitted, data[1].Inheritable,
	}
	if got := state.Data(); got != want {
		t.Errorf("Data of the own state = %#x, capget has %#x", got, want)
	}
	if err := state.Validate(); err != nil {
		t.Error(err)
	}
	supported, err := caps.Supported()
	if err != nil || !state.Bounding.SubsetOf(supported) {
		t.Errorf("bounding set %v is not part of %v, %v", state.Bounding, supported, err)
	}
}

// The kernel accepts what Data encodes: a thread gives up every capability
// but one and reads back exactly that.
func TestDataIsWhatCapsetTakes(t *testing.T) {
	var want, got caps.State
	err := onOwnThread(func() (err error) {
		if want, err = caps.Process(0); err != nil {
			return err
		}
		keep := want.Permitted.Intersect(caps.Of(caps.CheckpointRestore, caps.Kill))
		want.Permitted, want.Effective = keep, keep.Without(caps.Kill)
		want.Inheritable, want.Ambient = 0, 0
		version, words := caps.Header(), want.Data()
		header := unix.CapUserHeader{Version: version[0], Pid: int32(version[1])}
		data := [2]unix.CapUserData{
			{Effective: words[0], Permitted: words[1], Inheritable: words[2]},
			{Effective: words[3], Permitted: words[4], Inheritable: words[5]},
		}
		if err := unix.Capset(&header, &data[0]); err != nil {
			return err
		}
		got, err = caps.Process(0)
		return err
	})
	if err != nil || got != want {
		t.Errorf("state after capset = %+v, %v; want %+v", got, err, want)
	}
}

// onOwnThread runs f on a thread that ends afterwards, whatever f did to it.
// That cannot be the main thread: it never ends, and /proc/PID shows its state.
func onOwnThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked, so that the thread ends with the goroutine
		if unix.Gettid() != os.Getpid() {
			done <- f()
			return
		}
		defer runtime.UnlockOSThread()
		done <- onOwnThread(f) // on another thread, as this one is taken
	}()
	return <-done
}

func TestProcessOfAChild(t *testing.T) {
	cmd := exec.Command("cat")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	own, err := caps.Process(os.Getpid())
	if err != nil {
		t.Error(err)
	}
	child, err := caps.Process(cmd.Process.Pid)
	if err != nil || child.Bounding != own.Bounding {
		t.Errorf("state of the child = %+v, %v; want the bounding set %v", child, err, own.Bounding)
	}
	_ = stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := caps.Process(cmd.Process.Pid); !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ESRCH) {
		t.Errorf("Process of an ended child: %v", err)
	}
}

func TestProcessRefusesImpossiblePids(t *testing.T) {
	if _, err := caps.Process(-1); err == nil {
		t.Error("Process(-1) succeeded")
	}
	if _, err := caps.Process(math.MaxInt32); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Process of no process: %v", err)
	}
}
