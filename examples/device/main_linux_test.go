package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
)

// onThisHost are the devices that this process may open, of which the test
// needs one; that is the control for all that is refused inside.
func onThisHost(t *testing.T) []device {
	t.Helper()
	devices, err := usable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(devices) == 0 {
		if os.Geteuid() == 0 {
			t.Fatal("root cannot open any of the candidates")
		}
		t.Skip("needs root: an ordinary user may open none of the devices here")
	}
	return devices
}

// opens checks that the devices that can be opened are these and no others.
func opens(t *testing.T, devices []device, want []device, opts ...sandbox.Option) {
	t.Helper()
	got, err := inside(t.Context(), devices, opts...)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(devices) {
		t.Fatalf("%d answers for %d devices: %q", len(got), len(devices), got)
	}
	for i, d := range devices {
		wanted := false
		for _, w := range want {
			wanted = wanted || w == d
		}
		if (got[i] == opened) != wanted {
			t.Errorf("%s (%s): %s; want it opened: %v", d.path, d.access, got[i], wanted)
		}
		if wanted {
			continue
		}
		switch got[i] {
		case "No such file or directory", "Permission denied", "Operation not permitted":
		default:
			t.Errorf("%s: an unexpected failure: %s", d.path, got[i])
		}
	}
}

// TestNamed gives each sandbox one device, by itself and with its access named.
func TestNamed(t *testing.T) {
	devices := onThisHost(t)
	opens(t, devices, nil)
	for i, d := range devices {
		if d.path == "/dev/kmsg" {
			continue // also asks for CAP_SYSLOG
		}
		opens(t, devices, devices[i:i+1], sandbox.WithDevice(d.path+":"+d.path+":"+d.access))
	}
	if len(devices) > 2 {
		opens(t, devices, devices[:2], sandbox.WithDevice(devices[0].path, devices[1].path))
	}
}

// A device that is given for reading cannot be written.
func TestReadOnly(t *testing.T) {
	devices := onThisHost(t)
	d := devices[0]
	if d.access != "rw" {
		t.Skip("needs root: an ordinary user may write to none of the devices here")
	}
	read := device{d.path, "r"}
	opens(t, []device{d, read}, []device{read}, sandbox.WithDevice(d.path+":"+d.path+":r"))
}

// A bound file is no device, not even one that everybody may open.
func TestBound(t *testing.T) {
	devices := onThisHost(t)
	opts := append(bound(devices), sandbox.WithBind("/dev/null", "/dev/bound"))
	opens(t, append(devices, device{"/dev/bound", "rw"}), nil, opts...)
}

// The mapped device is listed with its own type and numbers, and other devices
// of the host are not.
func TestListed(t *testing.T) {
	devices := onThisHost(t)
	want, err := exec.Command("stat", "-c", "%F %t:%T", devices[0].path).Output()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", "stat -c '%F %t:%T' /dev/mapped; ls /dev")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if _, err := sandbox.Run(t.Context(), cmd, sandbox.WithDevice(devices[0].path+":/dev/mapped")); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if !strings.HasPrefix(out.String(), string(want)) || !strings.Contains(string(want), "character special file") {
		t.Errorf("got %q, want %q first", out.String(), want)
	}
	for _, d := range devices {
		if name := strings.TrimPrefix(d.path, "/dev/"); strings.Contains(out.String(), name+"\n") {
			t.Errorf("%s is listed: %s", d.path, &out)
		}
	}
}

func TestTable(t *testing.T) {
	onThisHost(t)
	var out bytes.Buffer
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + out.String())
}
