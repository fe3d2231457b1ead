// Package faults tests what becomes of a sandbox when the host program's own
// system calls fail, when the host program is killed at one of them, and when
// the context ends there. It has nothing but tests.
//
// No production code knows about it. The host program under test is a second
// process of the test binary, the victim. A seccomp filter of it hands the calls
// of interest to the test, by user notification (seccomp_unotify(2)), and the
// test answers each: go on, or fail with this errno.
package faults
