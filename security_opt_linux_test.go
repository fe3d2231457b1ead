package sandbox_test

import (
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/lsm"
)

// docker are the options of docker run's --security-opt flags.
func docker(t *testing.T, formats ...string) []sandbox.Option {
	t.Helper()
	var args []string
	for _, f := range formats {
		args = append(args, "--security-opt", f)
	}
	opts, err := sandbox.FromDockerArgs(args)
	if err != nil {
		t.Fatal(err)
	}
	return opts
}

// Each of Docker's label formats is in force, in both spellings.
func TestDockerLabelFormats(t *testing.T) {
	own := needSELinux(t).Own
	for format, want := range map[string]lsm.Label{
		"label:user:user_u":        {User: "user_u"},
		"label=role:sandbox_r":     {Role: "sandbox_r"},
		"label:type:svirt_t":       {Type: "svirt_t"},
		"label:level:s0:c100,c200": {Level: "s0:c100,c200"},
	} {
		formats := []string{format}
		if want.Role != "" { // which the host program's type does not go with
			formats, want.Type = append(formats, "label:type:container_t"), "container_t"
		}
		got, err := lsm.ParseLabel(ownLabel(t, docker(t, formats...)...))
		if err != nil {
			t.Fatal(err)
		}
		if want.Level == "" {
			got.Level, want.Level = "", "" // its own categories
			want = want.Over(own)
			want.Level = ""
		} else {
			want = want.Over(own)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", format, got, want)
		}
	}
	if got := ownLabel(t, docker(t, "label:disable")...); got != own.String() {
		t.Errorf("label:disable: %s", got)
	}
}

// Docker's format for a profile is in force.
func TestDockerAppArmorFormat(t *testing.T) {
	needAppArmor(t)
	for _, format := range []string{"apparmor:" + denies, "apparmor=" + denies} {
		opts := append(shown(t), docker(t, format)...)
		wantResults(t, sandboxed(opts...), format, map[string]string{"read:/etc/shells": "EACCES", "read:/etc/passwd": "ok"})
	}
	opts := append(shown(t), docker(t, "apparmor=unconfined")...)
	wantResults(t, sandboxed(opts...), "control", map[string]string{"read:/etc/shells": "ok"})
}

// no-new-privileges is the last of Docker's seven.
func TestDockerNoNewPrivilegesFormat(t *testing.T) {
	for format, want := range map[string]string{"no-new-privileges": "1", "no-new-privileges:true": "1", "no-new-privileges=false": "0"} {
		out := sandboxed(docker(t, format)...)(t, "grep", "NoNewPrivs", "/proc/self/status")
		if strings.Fields(out)[1] != want {
			t.Errorf("%s: %s", format, out)
		}
	}
}
