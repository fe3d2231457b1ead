package caps_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox/caps"
)

func TestParseSpellings(t *testing.T) {
	for _, name := range []string{"net_raw", "NET_RAW", "CAP_NET_RAW", "cap_net_raw", "Cap_Net_Raw", "cap_NET_RAW"} {
		if c, err := caps.Parse(name); err != nil || c != caps.NetRaw {
			t.Errorf("Parse(%q) = %v, %v; want CAP_NET_RAW", name, c, err)
		}
	}
}

func TestParseIsInverseOfString(t *testing.T) {
	for c := caps.Cap(0); c <= 63; c++ {
		for _, name := range []string{c.String(), strings.ToLower(c.String()), strings.TrimPrefix(c.String(), "CAP_")} {
			if got, err := caps.Parse(name); err != nil || got != c {
				t.Errorf("Parse(%q) = %v, %v; want %v", name, got, err, c)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, test := range []struct{ name, suggestion string }{
		{"", ""},
		{"CAP_", ""},
		{"all", ""},
		{"CAP_ALL", ""},
		{" net_raw", "CAP_NET_RAW"},
		{"net_raw\n", "CAP_NET_RAW"},
		{"netraw", "CAP_NET_RAW"},
		{"net-raw", "CAP_NET_RAW"},
		{"net_rwa", "CAP_NET_RAW"},
		{"sysadmin", "CAP_SYS_ADMIN"},
		{"CAP_CAP_KILL", ""},
		{"dac_overide", "CAP_DAC_OVERRIDE"},
		{"\u017fys_admin", "CAP_SYS_ADMIN"}, // a long s, whose upper case is S
		{"CAP_0", ""},
		{"0", ""},
		{"CAP_40", ""},
		{"CAP_041", ""},
		{"CAP_64", ""},
		{"-1", ""},
		{"xyzzy", ""},
		{strings.Repeat("A", 1<<20), ""},
	} {
		_, err := caps.Parse(test.name)
		var bad *caps.NameError
		if !errors.As(err, &bad) {
			t.Errorf("Parse(%.20q): error %v is not a NameError", test.name, err)
			continue
		}
		if bad.Name != test.name || bad.Reason == "" || bad.Suggestion != test.suggestion {
			t.Errorf("Parse(%.20q): reason %q, suggestion %q; want suggestion %q", test.name, bad.Reason, bad.Suggestion, test.suggestion)
		}
		if strings.ContainsAny(err.Error(), "\n\r") {
			t.Errorf("Parse(%.20q): the error has more than one line", test.name)
		}
	}
}

func TestCapInJSON(t *testing.T) {
	type config struct {
		Cap  caps.Cap
		Keys map[caps.Cap]int
	}
	data, err := json.Marshal(config{Cap: caps.BPF, Keys: map[caps.Cap]int{caps.Kill: 1}})
	if want := `{"Cap":"CAP_BPF","Keys":{"CAP_KILL":1}}`; err != nil || string(data) != want {
		t.Errorf("Marshal = %s, %v; want %s", data, err, want)
	}
	var back config
	if err := json.Unmarshal([]byte(`{"Cap":"bpf","Keys":{"kill":1}}`), &back); err != nil || back.Cap != caps.BPF || back.Keys[caps.Kill] != 1 {
		t.Errorf("Unmarshal = %+v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"Cap":"bogus"}`), &back); err == nil || back.Cap != caps.BPF {
		t.Errorf("Unmarshal of a bad name = %v, value %v; want an error and the value unchanged", err, back.Cap)
	}
	if _, err := caps.Cap(64).MarshalText(); err == nil {
		t.Error("MarshalText accepted 64")
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"net_raw", "CAP_SYS_ADMIN", "all", "", "CAP_", "cap_41", "CAP_063", "chown,kill", "ſys_admin", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		c, err := caps.Parse(name)
		if err != nil {
			var bad *caps.NameError
			if !errors.As(err, &bad) || bad.Name != name {
				t.Fatalf("Parse(%q): error %#v", name, err)
			}
			if bad.Suggestion != "" {
				if _, err := caps.Parse(bad.Suggestion); err != nil {
					t.Fatalf("Parse(%q) suggests %q, which it refuses", name, bad.Suggestion)
				}
			}
			return
		}
		if c > 63 {
			t.Fatalf("Parse(%q) = %d, which no set can hold", name, c)
		}
		if !strings.EqualFold(strings.TrimPrefix(c.String(), "CAP_"), strings.TrimPrefix(strings.ToUpper(name), "CAP_")) {
			t.Fatalf("Parse(%q) = %v", name, c)
		}
	})
}
