package sandbox_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/lsm"
)

// What is wrong on any host is found by New.
func TestBadLabelsAndRules(t *testing.T) {
	for _, c := range []struct {
		opt    sandbox.Option
		option string
		reason string
	}{
		{sandbox.WithAppArmor(""), "WithAppArmor", "no profile"},
		{sandbox.WithAppArmor("a\nb"), "WithAppArmor", "not the name of a profile"},
		{sandbox.WithAppArmor(" exec"), "WithAppArmor", "not the name of a profile"},
		{sandbox.WithAppArmor(strings.Repeat("x", 5000)), "WithAppArmor", "too long"},
		{sandbox.WithSELinux(lsm.Label{User: "a:b"}), "WithSELinux", `"a:b" is not a user`},
		{sandbox.WithSELinux(lsm.Label{Role: "a b"}), "WithSELinux", `"a b" is not a role`},
		{sandbox.WithSELinux(lsm.Label{Type: "t:s0"}), "WithSELinux", `"t:s0" is not a type`},
		{sandbox.WithSELinux(lsm.Label{Level: "s0 c1"}), "WithSELinux", `"s0 c1" is not a level`},
		{sandbox.WithSELinux(lsm.Label{Level: "s0\x00"}), "WithSELinux", "is not a level"},
		{sandbox.WithSELinuxMountLabel(lsm.Label{Type: `t"`}), "WithSELinuxMountLabel", "is not a type"},
		{sandbox.WithSELinuxMountLabel(lsm.Label{Type: "t"}), "WithSELinuxMountLabel", "needs WithSELinux"},
		{sandbox.WithLandlock(lsm.Rule{}), "WithLandlock", "not a rule"},
		{sandbox.WithLandlock(lsm.ReadOnly("usr")), "WithLandlock", "not an absolute path"},
		{sandbox.WithLandlock(lsm.ReadOnly("/"), lsm.ConnectTCP(0)), "WithLandlock", "port 0"},
		{sandbox.WithSecurityOpt("label:type:a b"), "WithSELinux", `"a b" is not a type`},
		{sandbox.WithSecurityOpt("label:type"), "WithSecurityOpt", "no type"},
		{sandbox.WithSecurityOpt("label:color:red"), "WithSecurityOpt", "user, role, type and level"},
		{sandbox.WithSecurityOpt("apparmor="), "WithSecurityOpt", "no profile"},
	} {
		_, err := sandbox.New(c.opt)
		found := false
		joined, _ := err.(interface{ Unwrap() []error })
		if joined == nil {
			t.Errorf("%s (%s): %v", c.option, c.reason, err)
			continue
		}
		for _, e := range joined.Unwrap() {
			var bad *sandbox.OptionError
			found = found || errors.As(e, &bad) && bad.Option == c.option && strings.Contains(bad.Reason, c.reason)
		}
		if !found {
			t.Errorf("%s (%s): %v", c.option, c.reason, err)
		}
	}
}

// Docker's spellings mean the same as the options.
func TestSecurityOptFormats(t *testing.T) {
	type labels struct {
		profile                 string
		label                   lsm.Label
		disabled, newPrivileges bool
	}
	config := func(opts ...sandbox.Option) labels {
		s, err := sandbox.New(opts...)
		if err != nil {
			t.Fatal(err)
		}
		c := s.Config()
		return labels{c.AppArmor, c.SELinux, c.SELinuxDisabled, c.NewPrivileges}
	}
	for format, want := range map[string]sandbox.Option{
		"label:user:u":      sandbox.WithSELinux(lsm.Label{User: "u"}),
		"label:role:r":      sandbox.WithSELinux(lsm.Label{Role: "r"}),
		"label:type:t":      sandbox.WithSELinux(lsm.Label{Type: "t"}),
		"label:level:s0:c1": sandbox.WithSELinux(lsm.Label{Level: "s0:c1"}),
		"label:disable":     sandbox.WithSELinuxDisabled(),
		"apparmor:p":        sandbox.WithAppArmor("p"),
		"no-new-privileges": sandbox.WithLandlock(), // the default
	} {
		for _, spelling := range []string{format, strings.Replace(format, ":", "=", 1)} {
			if got := config(sandbox.WithSecurityOpt(spelling)); got != config(want) {
				t.Errorf("%s: %+v, want %+v", spelling, got, config(want))
			}
			docker, err := sandbox.FromDockerArgs([]string{"--security-opt", spelling})
			if err != nil || config(docker...) != config(want) {
				t.Errorf("--security-opt %s: %v", spelling, err)
			}
		}
	}
	all := sandbox.WithSecurityOpt("label:user:u", "label=role:r", "label:type:t", "label:level:s0:c1,c2", "apparmor=p", "no-new-privileges:true")
	if got := config(all); got != config(sandbox.WithSELinux(lsm.Label{User: "u", Role: "r", Type: "t", Level: "s0:c1,c2"}), sandbox.WithAppArmor("p")) {
		t.Errorf("together: %+v", got)
	}
}
