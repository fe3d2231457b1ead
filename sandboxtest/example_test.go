package sandboxtest_test

import (
	"testing"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/sandboxtest"
)

// A program that embeds the sandbox proves what it uses, and declares what it
// opens.
func ExampleTestSandbox() {
	_ = func(t *testing.T) { // a test of the program's own
		sandboxtest.TestSandbox(t,
			sandbox.WithNetwork(sandbox.NetworkHost),
			sandbox.WithPids(64),
			sandboxtest.Open("network/*", "namespaces/shared-net"))
	}
}
