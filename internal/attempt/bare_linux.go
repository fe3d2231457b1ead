package attempt

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Nobody is the id that root becomes for what an ordinary user is to do.
const Nobody = 65534

// Bare makes a process with every capability in fresh namespaces and nothing
// else: what a sandbox refuses and a kernel would do for its user. No host id
// but an ordinary one is reached.
func Bare() *syscall.SysProcAttr {
	uid, gid := os.Geteuid(), os.Getegid()
	if uid == 0 {
		uid, gid = Nobody, Nobody
	}
	return &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC |
			unix.CLONE_NEWUTS | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: gid, Size: 1}},
		Credential:  &syscall.Credential{Uid: 0, Gid: 0, NoSetGroups: true},
	}
}
