// Package seccomp describes, as data, which system calls a program may make,
// and compiles that description to the classic BPF program that the kernel's
// seccomp filter mode runs (seccomp(2), Documentation/userspace-api/seccomp_filter.rst).
// It installs nothing: [Policy.Compile] returns instructions, and whoever
// starts the program loads them, after setting no_new_privs.
//
// A [Policy] reads and writes Docker's profile format and the linux.seccomp
// object of the OCI runtime specification, so a profile written for docker run
// or podman run works here. [Default] is Docker's own profile, hardened;
// [Unconfined] stands for no filter.
//
// # Which rule decides
//
// For each call, in this order:
//
//  1. An architecture that the policy does not permit kills the process,
//     whatever the default action is. Permitted are the native one and the
//     ones listed in Architectures or, for the native one, in ArchMap. An x32
//     call (number bit 0x40000000 on amd64) without permission gets ENOSYS, as
//     it does from a kernel built without x32.
//  2. Of the rules that name the call and have arguments that all match, the
//     one with the strictest action.
//  3. Of the rules that name the call and have no arguments, the one with the
//     strictest action.
//  4. For a number that the policy's Unlisted field calls unlisted: ENOSYS.
//  5. The default action.
//
// Strictness is the kernel's own precedence among stacked filters: kill
// process, kill thread, trap, errno, notify, trace, log, allow. Between two
// rules of equal action the first listed wins, which matters for errno values.
//
// Steps 2 and 3 differ from libseccomp, which drops rules with arguments as
// soon as the same call has a rule without, and otherwise keeps the rule that
// came first. Here "ioctl is allowed" and "ioctl with TIOCSTI is refused" mean
// what they say in either order, and a refusal added to a profile is never
// defeated by an allowance elsewhere in it.
//
// A rule's condition on capabilities, architectures and kernel version is
// decided when the policy is compiled, from the [Target].
//
// # What a filter cannot do
//
// It sees the number, the architecture and six register values of a call, and
// nothing behind a pointer: no paths, no socket addresses, no clone3 flags. It
// does not see what io_uring does on a program's behalf. It narrows the attack
// surface of the kernel; it does not replace namespaces, capabilities or an
// LSM. Filters cannot be removed, and apply to everything that the program
// executes later.
package seccomp
