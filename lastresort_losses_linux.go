package sandbox

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d1379373/sandbox/internal/plan"
)

// losses are what the last resort lacks, each with its consequence.
func (r *lastResort) losses(view plan.View) []string {
	lost := []string{
		"process ids are the host's: the command cannot see, signal or trace a process outside, but it can find out which process ids exist and whose they are",
		"/proc cannot be opened: the host's would show the processes and command lines of all users",
		"names outside of the view can be looked up by guessing, with sizes, owners, times and the targets of links (stat(2), readlink(2)); what is in a file or directory cannot be read, and nothing there changed",
		"a file outside of the view is refused (EACCES) and not absent (ENOENT), at which some programs give up",
		"users and groups have no names: /etc/passwd and the like would be the host's",
		"modes, owners, times and extended attributes of files cannot be changed by path, nor changes of directories be watched, because Landlock does not look at that: what a linker makes cannot be executed before fchmod(2), and tar complains",
		"there are no terminals of its own: /dev/ptmx and /dev/pts would be the host's",
		"the command is not told apart from process 1 by a namespace: what it leaves behind is adopted by the launcher and killed with it, but lives on if somebody outside kills both processes of the launcher at once",
		"other processes of the command's user share its limits, and Landlock keeps the command from them, not them from it",
	}
	lost = append(lost, r.lostIdentity(), r.lostNetwork(), r.lostIPC())
	if r.scratch {
		lost = append(lost, "/tmp cannot be used: temporary files go to a directory of the host's file system, which TMPDIR names, without a limit on their size")
	}
	if r.UTS == UTSPrivate {
		lost = append(lost, "the host name is the host's, and not "+r.Hostname)
	}
	if !r.Init {
		lost = append(lost, "WithoutInit: the command is not PID 1")
	}
	if slices.ContainsFunc(view.Entries, func(e plan.Entry) bool { b, ok := e.(plan.Bind); return ok && b.Source == b.Path }) {
		lost = append(lost, "nodes of devices that lie below a bound directory can be opened, as far as their modes allow")
	}
	if p := r.policy; p != nil && len(p.Architectures)+len(p.ArchMap) > 0 {
		lost = append(lost, "system calls of other architectures kill the process, whatever the seccomp policy permits")
	}
	return append(lost, r.lost...)
}

func (r *lastResort) lostIdentity() string {
	if r.drop {
		return fmt.Sprintf("the user is %d of the host without a user namespace between: files of that user and group below the view are the command's own", r.id.uid)
	}
	return fmt.Sprintf("the user is the host program's, %d: files of its below the view are the command's own; the bounding set of capabilities stays, which no_new_privs makes useless", r.id.uid)
}

func (r *lastResort) lostNetwork() string {
	if r.Network == NetworkNone {
		return "there is no loopback interface: every socket but a connected pair of Unix sockets is refused by the seccomp filter, because the host's network stack would be behind it"
	}
	return "Unix sockets other than connected pairs are refused by the seccomp filter, because they would reach the host's services by their paths"
}

func (r *lastResort) lostIPC() string {
	if r.IPC == IPCHost {
		return "message queues are refused by the seccomp filter"
	}
	why := "there is no shared memory and no message queue between processes (/dev/shm, System V, POSIX): they would be the host's"
	if !strings.EqualFold(r.IPC.String(), string(IPCPrivate)) && r.IPC != IPCNone {
		why += ", and nobody can share them as IPC mode " + r.IPC.String() + " says"
	}
	return why
}
