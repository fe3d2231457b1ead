package lsm

import (
	"strings"
	"testing"
)

func TestParseConfinement(t *testing.T) {
	for text, want := range map[string]struct {
		c        Confinement
		enforced bool
		profiles int
	}{
		"unconfined\n":                          {Confinement{"unconfined", ""}, false, 0},
		"docker-default (enforce)\n":            {Confinement{"docker-default", "enforce"}, true, 1},
		"snap.a.b (complain)":                   {Confinement{"snap.a.b", "complain"}, false, 1},
		"flags (unconfined)":                    {Confinement{"flags", "unconfined"}, false, 1},
		"kills (kill)":                          {Confinement{"kills", "kill"}, true, 1},
		"/usr/bin/man//filter (enforce)\n\x00":  {Confinement{"/usr/bin/man//filter", "enforce"}, true, 1},
		"odd (name) (enforce)":                  {Confinement{"odd (name)", "enforce"}, true, 1},
		"outer//&inner (mixed)":                 {Confinement{"outer//&inner", "mixed"}, true, 2},
		":ns://profile (enforce)":               {Confinement{":ns://profile", "enforce"}, true, 1},
		"":                                      {Confinement{}, false, 0},
		"system_u:system_r:container_t:s0:c1\n": {Confinement{"system_u:system_r:container_t:s0:c1", ""}, false, 1},
	} {
		c := ParseConfinement(text)
		if c != want.c || c.Enforced() != want.enforced || len(c.Profiles()) != want.profiles {
			t.Errorf("%q: %+v, enforced %v, profiles %q", text, c, c.Enforced(), c.Profiles())
		}
		if c.String() != strings.TrimRight(text, "\n\x00") {
			t.Errorf("%q became %q", text, c)
		}
	}
}

// A caller that is confined keeps its own profile.
func TestAppArmorExec(t *testing.T) {
	for own, want := range map[string]string{"unconfined": "exec p", "mine (enforce)": "stack p", "mine (complain)": "stack p", "a//&b (mixed)": "stack p"} {
		if a := AppArmorExec("p", ParseConfinement(own)); a.Value != want || a.File != "apparmor/exec" || a.Answer != "p (" {
			t.Errorf("from %s: %+v", own, a)
		}
	}
}

func TestCheckProfile(t *testing.T) {
	for _, name := range []string{"docker-default", "/usr/bin/man", "a//b", "with space", ":ns:p"} {
		if err := CheckProfile(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", " ", "a\nb", "a\x00", " a", "a\t", strings.Repeat("x", 4096)} {
		if CheckProfile(name) == nil {
			t.Errorf("%q is allowed", name)
		}
	}
}
