package sandbox_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	moby "github.com/moby/profiles/seccomp"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/seccomp"
)

// The kernel gives an ordinary caller no namespace: its filter refuses them as
// that of a container does. The caller can do without.

// somebody is an ordinary user who starts the host program, where root runs the
// tests.
const somebody = 54321

// lastResort are the features without which the last resort is taken.
var lastResort = []sandbox.Feature{sandbox.FeatureUserNamespace, sandbox.FeatureNamespaces, sandbox.FeatureMounts}

// lastResortOptions are options of a host program under a filter, by name.
func lastResortOptions(names []string) (opts []sandbox.Option) {
	for _, name := range names {
		name, value, _ := strings.Cut(name, "=")
		switch name {
		case "last resort":
			opts = append(opts, sandbox.WithBestEffort(lastResort...))
		case "feature":
			opts = append(opts, sandbox.WithBestEffort(sandbox.Feature(value)))
		case "read":
			opts = append(opts, sandbox.WithReadOnlyBind(value, value))
		case "write":
			opts = append(opts, sandbox.WithBind(value, value))
		case "network host":
			opts = append(opts, sandbox.WithNetwork(sandbox.NetworkHost))
		}
	}
	return opts
}

// containerPolicy is the filter of Docker, which refuses namespaces.
func containerPolicy(t *testing.T) *seccomp.Policy {
	t.Helper()
	profile, err := json.Marshal(moby.DefaultProfile())
	if err != nil {
		t.Fatal(err)
	}
	policy, err := seccomp.Parse(profile)
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// resort runs a command from a host program to which namespaces are refused,
// without a sandbox and in one with these options.
func resort(t *testing.T, options []string, argv ...string) fromDirty {
	t.Helper()
	what, err := json.Marshal(dirt{LastResort: options})
	if err != nil {
		t.Fatal(err)
	}
	host := underFilterAs(t, somebody, containerPolicy(t), nil, append([]string{"stage", string(what), probeBinary}, argv...)...)
	out, err := host.Output()
	if host.Process != nil {
		rememberHost(host.Process.Pid)
	}
	if err != nil {
		t.Fatalf("the host program: %v: %s%s", err, out, host.Stderr)
	}
	return answerOf(t, out)
}

func TestLastResortRuns(t *testing.T) {
	a := resort(t, []string{"last resort"}, "sh", "-c", "echo done")
	if a.Err != "" || a.Out != "done\n" || a.Control != "done\n" {
		t.Fatalf("%+v", a)
	}
	t.Log(strings.Join(a.Report.Losses, "\n"))
	_ = os.Getpid
}
