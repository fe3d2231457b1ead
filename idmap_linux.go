package sandbox

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/plan"
	"github.com/seed-d1379373/sandbox/namespace"
)

// owners are those of id-mapped binds, each once.
func (s *settings) owners() (owners []Owner) {
	for _, m := range s.Mounts {
		if m.Owner != nil && !slices.Contains(owners, *m.Owner) {
			owners = append(owners, *m.Owner)
		}
	}
	return owners
}

// idMap is the number of an owner's map, from 1 on.
func (v *view) idMap(o Owner) (int, error) {
	if !v.host.canMount {
		return 0, &UnsupportedError{"an id-mapped bind", "this process has no CAP_SYS_ADMIN in the initial user namespace", "run as root, or use WithBind", nil}
	}
	return 1 + slices.Index(v.settings.owners(), o), nil
}

// idMappings are the user namespaces of id-mapped binds, made at the first
// start. No process is in them: the kernel takes nothing but their maps.
type idMappings struct {
	mu    sync.Mutex
	files []*os.File
}

// open returns the namespaces, in the order of the owners.
func (m *idMappings) open(owners []Owner, id *identity) ([]*os.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, o := range owners[len(m.files):] {
		f, err := makeIDMapping(o, id)
		if err != nil {
			return nil, err
		}
		m.files = append(m.files, f)
	}
	return m.files, nil
}

func (m *idMappings) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var errs []error
	for _, f := range m.files {
		errs = append(errs, f.Close())
	}
	m.files = nil
	return errors.Join(errs...)
}

// makeIDMapping makes a user namespace in which the owner's ids are inside, and
// outside those of the command.
func makeIDMapping(o Owner, id *identity) (*os.File, error) {
	uid, gid, ok := id.outside()
	if !ok {
		return nil, &SetupError{"map the ids of a bind", "", errors.New("the command's ids are not mapped")}
	}
	mapped := identity{
		uids: namespace.IDMaps{{Inside: o.UID, Outside: uid, Count: 1}},
		gids: namespace.IDMaps{{Inside: o.GID, Outside: gid, Count: 1}},
	}
	return runHelper(plan.IDMapping(3), func(pid int) (*os.File, error) {
		if err := mapped.write(pid); err != nil {
			return nil, err
		}
		return os.Open(fmt.Sprintf("/proc/%d/ns/user", pid))
	})
}

// explainIDMap names the cause of a mount whose ids cannot be mapped.
func explainIDMap(e *SetupError) error {
	source := strings.TrimPrefix(e.Step, "map the ids of ")
	switch {
	case errors.Is(e.Err, unix.EINVAL), errors.Is(e.Err, unix.ENOSYS):
		return &UnsupportedError{"an id-mapped bind", "the file system of " + source + ", or of a mount below it, does not allow id-mapped mounts in this kernel",
			"use another file system (ext4 and xfs have it from Linux 5.12, btrfs 5.15, overlayfs 5.19, tmpfs 6.3), or WithBind", e}
	case errors.Is(e.Err, unix.EPERM):
		return &UnsupportedError{"an id-mapped bind", source + ", or a mount below it, belongs to another user namespace or has its ids mapped already", "use WithBind", e}
	}
	return e
}
