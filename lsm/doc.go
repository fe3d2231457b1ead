// Package lsm describes confinement by the Linux security modules AppArmor,
// SELinux and Landlock, and finds out what this host's kernel says about it. It
// confines nothing itself: it computes what a launcher has to write and to
// check, as plain data.
//
//	label, err := lsm.ParseLabel("system_u:system_r:container_t:s0")
//	pair, err := lsm.AllocateCategories()             // nobody else's while it is held
//	label.Level = pair.Level("s0")                    // s0:c17,c803
//	attr := lsm.SELinuxExec(label)                    // for the next execve
//	ruleset, lost := lsm.Lower(abi, lsm.ReadOnly("/usr"), lsm.ConnectTCP(443))
//
// # AppArmor and SELinux
//
// A label takes effect at the next execve(2). It is written to a file of
// /proc/thread-self/attr just before ([Attr]), and reading that file tells whether
// the kernel took it. [Try] does both on a thread that ends right afterwards, so
// that a profile that is not loaded, a type that the policy does not know, or a
// module that is not there is known before anything starts, also to an
// ordinary user, who may not read the list of profiles.
//
// AppArmor: a program that is unconfined gives a profile by "exec"; one that is
// confined itself by "stack", which adds the profile to its own and works
// under no_new_privs, too. SELinux: an explicit label under no_new_privs needs
// the permission process2 nnp_transition in the policy, or a type that is bounded
// by the caller's; without it execve fails with EPERM.
//
// Both are global settings of the machine, made by its administrator. A profile
// or type allows what it allows: this package does not look inside.
//
// # Landlock
//
// A [Rule] names what is allowed; files, TCP ports and the like that no rule
// names are refused. What a kernel can restrict depends on its ABI version
// (landlock(7)). [Lower] gives the rights for a version together with what of the
// rules that version cannot enforce, so that nothing is lost unnoticed.
//
// # Denials
//
// None of the three tells a program, or the one that confined it, what it has denied:
// the denied call fails, and for AppArmor and SELinux the kernel writes a record to the
// audit log, where the policy wants one. Reading that takes CAP_AUDIT_READ or root's log
// file. Landlock writes records since Linux 6.15, and by default none about programs
// that were executed within a domain. A label or ruleset that is in force can be told,
// single denials cannot.
//
// # Three answers
//
// Functions that ask the host return an error when it could not be told, which
// is something else than no.
package lsm
