// Package sandboxtest tries to break out of a sandbox. It has some two hundred
// hostile probes: single acts that a program might try from inside, each harmless
// where it succeeds, each with the vulnerability or manual page that says why it
// matters. A program that embeds the sandbox proves its own options on its own
// kernel with one test:
//
//	func TestMySandbox(t *testing.T) {
//		sandboxtest.TestSandbox(t, sandbox.WithUser("nobody"), sandbox.WithPids(64))
//	}
//
// An opening that is wanted is declared, by name or by pattern:
//
//	sandboxtest.TestSandbox(t, sandbox.WithNetwork(sandbox.NetworkHost),
//		sandboxtest.Open("network/*", "namespaces/shared-net", "ipc/*"))
//
// [Audit] runs the same probes through any launcher, such as bwrap or runc, and
// returns a table.
//
// # Verdicts
//
// Each probe is tried twice: in the sandbox, and as a positive control without
// one, which shows that it would notice an opening. Where the act needs privilege
// or would touch the host, the control runs with every capability in namespaces
// of its own. So a probe is
//
//   - closed if it was refused inside and the control succeeded,
//   - open if it succeeded inside,
//   - untried if it was refused in both places, which says nothing about the
//     sandbox: this kernel lacks the feature, or the caller the right. A caller
//     that is root can try most.
//
// A few probes stay open in every sandbox that is useful, because programs need
// what they read; [Probe].StaysOpen says why. The probes find what is known. No
// number of closed ones proves that there is no other way out.
//
// # How the probes get inside
//
// They are a static program that is built with the go command, for which there
// is no hook in main or TestMain: the test binary may be anything. The go
// command must find the package github.com/seed-d1379373/sandbox/sandboxtest/probe,
// as it does where the sandbox is a requirement in go.mod; a vendor directory
// has it after "go get -tool" of that package. On a machine without Go, build it
// beforehand with CGO_ENABLED=0 and name the file in the environment variable
// SANDBOXTEST_PROBE.
//
// # What it does to the process
//
// While probes run, the calling process has what a careless host program has: an
// environment variable, two descriptors that its children inherit, and SIGHUP
// ignored. A thread of its own has a umask of 0, another working directory and
// session keyring. There are servers, a file in the temporary directory, System V
// objects and a child process to be found. All of it is gone when the audit ends.
package sandboxtest
