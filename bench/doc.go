// Bench measures what a start in a sandbox costs: this library, a C program
// that does the same by hand, and other sandboxes, in turn in one run, so that a
// change of the machine's speed meets all of them. It writes the figures as JSON
// and the page docs/performance.md with its plots from them.
//
//	make bench                     # everything, as root: installs the rivals first
//	cd bench && go run .           # the same with what is installed; no page without -page
//	cd bench && go run . -parts latency,heap -quick
//	cd bench && go run . -from results.json -page ../docs   # the page alone
//
// Everyone starts the same static program, which ends at once, with the same
// part of the host's files. What a way gives is looked at from inside and printed
// beside its time. Rivals that are not installed are left out, and the page says
// so.
//
// It is a module of its own, so that what it compares with stays out of the
// library's go.mod.
package main
