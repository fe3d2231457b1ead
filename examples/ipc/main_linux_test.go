package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/needs"
)

var (
	everything = []string{"by System V", "by POSIX", "by shared memory"}
	nothing    = slices.Repeat([]string{"nothing: No such file or directory"}, 3)
)

// played runs one of the scenes, each of which the test knows.
func played(t *testing.T, what string) ([]string, error) {
	t.Helper()
	needs.Program(t, "python3")
	for _, s := range scenes {
		if s.what == what {
			return play(t.Context(), s)
		}
	}
	t.Fatalf("there is no scene %q", what)
	return nil, nil
}

func receives(t *testing.T, what string, want []string) {
	t.Helper()
	got, err := played(t, what)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: received %q, want %q", what, got, want)
	}
}

func TestApart(t *testing.T) {
	receives(t, "apart", nothing)
	receives(t, "without any IPC", nothing)
}

func TestJoined(t *testing.T) {
	needs.Root(t, "joining a namespace needs CAP_SYS_ADMIN")
	receives(t, "joined", everything)
}

// TestJoinedByUser is for an ordinary caller, who is told why not.
func TestJoinedByUser(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("needs user: root may join")
	}
	_, err := played(t, "joined")
	var unsupported *sandbox.UnsupportedError
	if !errors.As(err, &unsupported) || unsupported.Fix == "" {
		t.Errorf("error %v, want an UnsupportedError with a fix", err)
	}
}

func TestPrivate(t *testing.T) {
	_, err := played(t, "joining a private one")
	var option *sandbox.OptionError
	if !errors.As(err, &option) || option.Option != "WithIPC" || !strings.Contains(option.Reason, "IPC namespace is private") {
		t.Errorf("error %v, want one that says that the namespace is private", err)
	}
}

// TestHost passes messages through the host's namespace and leaves nothing in it.
func TestHost(t *testing.T) {
	want := slices.Clone(everything)
	got, err := played(t, "both the host's")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("/dev/mqueue"); err != nil && os.Geteuid() != 0 && got[1] == "nothing: Permission denied" {
		want[1] = got[1] // by Landlock; see sandbox.IPCHost
	}
	if !slices.Equal(got, want) {
		t.Errorf("received %q, want %q", got, want)
	}
	queues, err := os.ReadFile("/proc/sysvipc/msg")
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprint(os.Getpid())
	for line := range strings.Lines(string(queues)) {
		if f := strings.Fields(line); len(f) > 0 && f[0] == name {
			t.Errorf("left behind: %s", line)
		}
	}
	if _, err := os.Stat("/dev/shm/" + name); err == nil {
		t.Error("left behind: the file in /dev/shm")
	}
}
