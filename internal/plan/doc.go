// Package plan lowers a resolved sandbox to the launcher's program. It does no
// I/O and needs no kernel: the same [Spec] gives the same program everywhere,
// so a program can be printed, compared with a golden file and reviewed.
//
// Three processes run one program:
//
//	outer    started by the host with os/exec, in the host's namespaces.
//	         Makes PID 1, forwards signals to it, and takes the sandbox down
//	         when the host is gone (end of file on the control socket) or
//	         when it is killed itself (parent-death signal of PID 1).
//	PID 1    builds the view, makes the command, reaps, forwards, reports.
//	command  drops everything and becomes the program.
//
// PID 1 and the command share one address space until execve, so the memory
// of the set-up is never charged to the sandbox's own limit.
//
// # Two orders of set-up
//
// A caller with real privilege ([Spec.Privileged]) builds the view before it
// enters the user namespace. The mount namespace then belongs to the host's
// user namespace: nothing inside, whatever capabilities it holds there, can
// change a mount. An ordinary caller needs the user namespace first, to be
// allowed to mount at all.
package plan
