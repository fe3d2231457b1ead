package cgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// scopeLeaf is the cgroup within a scope for all processes that are in none of
// the groups.
const scopeLeaf = "launcher"

// scopeBound is how long the service manager may take for one request.
const scopeBound = 10 * time.Second

// scope is a unit of systemd that this process may make groups in.
type scope struct {
	unit    string
	cgroup  string // as in /proc/PID/cgroup
	dir     string
	manager *systemd.Conn
}

// close takes the scope away if nothing is left in it, and otherwise leaves
// that to systemd.
func (s *scope) close() {
	s.manager.Close()
	_ = unix.Rmdir(path.Join(s.dir, scopeLeaf))
	_ = unix.Rmdir(s.dir)
}

// DiscoverScope is [Discover] for an ordinary user who was given no cgroup but
// has a systemd user manager, as after a login. It asks the manager over D-Bus
// for a transient scope with Delegate=yes, below which groups are made, with
// the controllers that the manager itself was given: by default memory, cpu and pids.
//
// The scope needs a process to begin with and lives as long as there is one in
// it. That is pid, a child which the caller makes for this, and ends before
// Close. It should end with the caller too, so that systemd takes the scope and
// all groups away when the caller was killed.
//
// It takes cgroup v2 alone, and systemd 238 or later. The error is an
// [*UnsupportedError] where there is no such manager.
// Sources: systemd.scope(5), org.freedesktop.systemd1(5), and
// https://systemd.io/CGROUP_DELEGATION.
func DiscoverScope(ctx context.Context, pid int) (*Hierarchy, error) {
	ctx, cancel := context.WithTimeout(ctx, scopeBound)
	defer cancel()
	if err := pureV2(); err != nil {
		return nil, err
	}
	conn, err := userManager()
	if err != nil {
		return nil, noScope(err)
	}
	h, err := startScope(ctx, conn, pid)
	if err != nil {
		conn.Close()
		return nil, noScope(err)
	}
	return h, nil
}

func noScope(err error) error {
	return &UnsupportedError{
		Feature: "scope",
		Reason:  "the user's systemd gives no cgroup",
		Fix:     "log in to a systemd session, or run loginctl enable-linger and set XDG_RUNTIME_DIR, or run in a delegated cgroup",
		Err:     err,
	}
}

// pureV2 says whether this process is in cgroup v2 and in no other.
func pureV2() error {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return &Error{Op: "read", Path: "/proc/self/cgroup", Err: err}
	}
	if strings.HasPrefix(string(text), "0::") {
		return nil
	}
	return &UnsupportedError{
		Feature: "scope",
		Reason:  "this host has controllers on cgroup v1, which systemd gives to no user",
		Fix:     "boot with systemd.unified_cgroup_hierarchy=1",
	}
}

// userManager connects to the session bus. Unlike the libraries it starts no
// bus where there is none.
func userManager() (*systemd.Conn, error) {
	address := os.Getenv("DBUS_SESSION_BUS_ADDRESS")
	if address == "" {
		dir := os.Getenv("XDG_RUNTIME_DIR")
		if dir == "" {
			dir = "/run/user/" + strconv.Itoa(os.Getuid())
		}
		address = "unix:path=" + dbus.EscapeBusAddressValue(path.Join(dir, "bus"))
	}
	if !strings.HasPrefix(address, "unix:") {
		return nil, fmt.Errorf("the session bus %s is not a local socket", quoted(address))
	}
	return systemd.NewConnection(func() (*dbus.Conn, error) {
		conn, err := dbus.Dial(address)
		if err != nil {
			return nil, err
		}
		err = conn.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Getuid()))})
		if err == nil {
			err = conn.Hello()
		}
		if err != nil {
			conn.Close()
			return nil, err
		}
		return conn, nil
	})
}

func startScope(ctx context.Context, conn *systemd.Conn, pid int) (*Hierarchy, error) {
	self, err := processOwner(os.Getpid())
	if err != nil {
		return nil, err
	}
	s := &scope{unit: groupName(self, uint64(pid)) + ".scope", manager: conn}
	done := make(chan string, 1)
	if _, err := conn.StartTransientUnitContext(ctx, s.unit, "fail", []systemd.Property{
		systemd.PropDescription("Sandboxes of process " + strconv.Itoa(os.Getpid())),
		systemd.PropPids(uint32(pid)),
		{Name: "Delegate", Value: dbus.MakeVariant(true)},
		{Name: "CollectMode", Value: dbus.MakeVariant("inactive-or-failed")},
	}, done); err != nil {
		return nil, err
	}
	select {
	case result := <-done:
		if result != "done" {
			return nil, fmt.Errorf("systemd's job for %s ended as %s", s.unit, result)
		}
	case <-ctx.Done():
		return nil, fmt.Errorf("start %s: %w", s.unit, ctx.Err())
	}
	if s.cgroup, err = unifiedPath(pid); err != nil {
		return nil, err
	}
	if path.Base(s.cgroup) != s.unit {
		return nil, fmt.Errorf("process %d is in %s and not in %s", pid, s.cgroup, s.unit)
	}
	h, err := DiscoverBelow(s.cgroup)
	if err != nil {
		return nil, err
	}
	if err := h.Vacate(scopeLeaf); err != nil {
		h.Close()
		return nil, err
	}
	for _, b := range h.bases {
		s.dir = b.path
	}
	h.scope = s
	return h, nil
}

// unifiedPath is the v2 cgroup of a process.
func unifiedPath(pid int) (string, error) {
	file := fmt.Sprintf("/proc/%d/cgroup", pid)
	text, err := os.ReadFile(file)
	if err != nil {
		return "", &Error{Op: "read", Path: file, Err: err}
	}
	memberships, err := parseMemberships(string(text))
	if err != nil {
		return "", err
	}
	for _, m := range memberships {
		if m.id == 0 {
			return m.path, nil
		}
	}
	return "", &Error{Op: "read", Path: file, Cause: "it is in no v2 cgroup", Err: unix.ENOENT}
}

// Adopt moves a process and its descendants to where they may enter groups: a
// process moves only within a cgroup that its user may write to, and a login
// session is no such. It does nothing but after [DiscoverScope], and there it
// may ask systemd. [Group.Add] does it by itself.
func (h *Hierarchy) Adopt(pid int) error {
	if h.scope == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), scopeBound)
	defer cancel()
	// What a process forks after its move is born inside, and what it forked
	// before is among its children now.
	if err := h.scope.adopt(ctx, pid); err != nil {
		return err
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return nil // it has ended
	}
	if err != nil {
		return err
	}
	for field := range strings.FieldsSeq(string(children)) {
		if child, err := strconv.Atoi(field); err == nil {
			if err := h.Adopt(child); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *scope) adopt(ctx context.Context, pid int) error {
	now, err := unifiedPath(pid)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return nil // it has ended
	}
	if err != nil || strings.HasPrefix(now, s.cgroup+"/") {
		return err
	}
	err = s.manager.AttachProcessesToUnit(ctx, s.unit, "/"+scopeLeaf, []uint32{uint32(pid)})
	if err != nil && unix.Kill(pid, 0) != unix.ESRCH {
		return &Error{Op: "enter", Path: path.Join(s.dir, scopeLeaf), Value: strconv.Itoa(pid), Cause: "asked of systemd over D-Bus", Err: err}
	}
	return nil
}
