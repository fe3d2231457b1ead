package caps_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox/caps"
)

func TestSetArithmetic(t *testing.T) {
	a, b := caps.Of(caps.Chown, caps.Kill), caps.Of(caps.Kill, caps.CheckpointRestore)
	for _, test := range []struct {
		what      string
		got, want caps.Set
	}{
		{"Of nothing", caps.Of(), 0},
		{"Of twice the same", caps.Of(caps.Kill, caps.Kill), 1 << 5},
		{"Of a number that does not exist", caps.Of(64, 255), 0},
		{"bit numbers", b, 1<<5 | 1<<40},
		{"With", a.With(caps.BPF), 1 | 1<<5 | 1<<39},
		{"Without", a.Without(caps.Kill, caps.BPF), 1},
		{"Union", a.Union(b), 1 | 1<<5 | 1<<40},
		{"Intersect", a.Intersect(b), 1 << 5},
		{"Minus", a.Minus(b), 1},
		{"All", caps.All, 0x1ffffffffff},
		{"Default, as Docker's containers show it in CapEff", caps.Default(), 0xa80425fb},
	} {
		if test.got != test.want {
			t.Errorf("%s = %#x, want %#x", test.what, uint64(test.got), uint64(test.want))
		}
	}
	if !a.Has(caps.Kill) || a.Has(caps.BPF) || a.Has(64) {
		t.Error("Has is wrong")
	}
	if !a.SubsetOf(caps.All) || a.SubsetOf(b) || !caps.Set(0).SubsetOf(0) {
		t.Error("SubsetOf is wrong")
	}
	if caps.Set(0).Empty() != true || a.Empty() || a.Len() != 2 {
		t.Error("Empty or Len is wrong")
	}
}

func TestSetText(t *testing.T) {
	for _, test := range []struct {
		set  caps.Set
		text string
		json string
	}{
		{0, "none", `[]`},
		{caps.Of(caps.NetRaw), "cap_net_raw", `["CAP_NET_RAW"]`},
		{caps.Of(caps.Kill, caps.Chown), "cap_chown,cap_kill", `["CAP_CHOWN","CAP_KILL"]`},
		{caps.Of(caps.BPF, 63), "cap_bpf,cap_63", `["CAP_BPF","CAP_63"]`},
		{caps.All, "all", ""},
	} {
		if got := test.set.String(); got != test.text {
			t.Errorf("String = %q, want %q", got, test.text)
		}
		var back caps.Set
		if err := back.UnmarshalText([]byte(test.text)); err != nil || back != test.set {
			t.Errorf("UnmarshalText(%q) = %v, %v", test.text, back, err)
		}
		data, err := json.Marshal(test.set)
		if err != nil || test.json != "" && string(data) != test.json {
			t.Errorf("Marshal(%v) = %s, %v; want %s", test.set, data, err, test.json)
		}
		back = 12345
		if err := json.Unmarshal(data, &back); err != nil || back != test.set {
			t.Errorf("Unmarshal(%s) = %v, %v", data, back, err)
		}
	}
	if got := caps.All.List(); len(got) != 41 || got[0] != caps.Chown || got[40] != caps.CheckpointRestore {
		t.Errorf("All.List() = %v", got)
	}
	if caps.Set(0).List() != nil || caps.Set(0).Names() != nil {
		t.Error("the lists of the empty set are not nil")
	}
	if got := (^caps.Set(0)).List(); len(got) != 64 || got[63] != 63 {
		t.Errorf("list of the full mask = %v", got)
	}
}

func TestParseSetAcceptsAnySpelling(t *testing.T) {
	want := caps.Of(caps.NetRaw, caps.Kill)
	for _, text := range []string{"net_raw,KILL", "CAP_KILL,cap_net_raw", "kill,kill,net_raw"} {
		if got, err := caps.ParseSet(text); err != nil || got != want {
			t.Errorf("ParseSet(%q) = %v, %v", text, got, err)
		}
	}
	if got, err := caps.ParseSet("ALL"); err != nil || got != caps.All {
		t.Errorf("ParseSet(ALL) = %v, %v", got, err)
	}
}

func TestSetRefusesBadNames(t *testing.T) {
	for _, text := range []string{"", ",", "kill,", "all,kill", "kill, net_raw", "foo"} {
		if got, err := caps.ParseSet(text); err == nil || got != 0 {
			t.Errorf("ParseSet(%q) = %v, %v; want an error and no set", text, got, err)
		}
	}
	set := caps.Of(caps.Kill)
	for _, data := range []string{`["foo","kill","bar"]`, `"kill"`, `[1]`, `{}`, `["all"]`} {
		if err := json.Unmarshal([]byte(data), &set); err == nil || set != caps.Of(caps.Kill) {
			t.Errorf("Unmarshal(%s) = %v, %v; want an error and the set unchanged", data, set, err)
		}
	}
	if err := json.Unmarshal([]byte(`null`), &set); err != nil || set != caps.Of(caps.Kill) {
		t.Errorf("Unmarshal(null) = %v, %v; want no change", set, err)
	}
}

func TestChange(t *testing.T) {
	base := caps.Of(caps.Chown, caps.Kill, caps.NetRaw)
	for _, test := range []struct {
		what      string
		add, drop []string
		want      caps.Set
	}{
		{"nothing", nil, nil, base},
		{"add", []string{"sys_admin"}, nil, base.With(caps.SysAdmin)},
		{"drop", nil, []string{"net_raw"}, base.Without(caps.NetRaw)},
		{"drop what is not there", nil, []string{"bpf"}, base},
		{"add and drop", []string{"CAP_BPF"}, []string{"Kill"}, caps.Of(caps.Chown, caps.NetRaw, caps.BPF)},
		{"the same name in both is granted", []string{"kill"}, []string{"kill"}, base},
		{"add all", []string{"ALL"}, nil, caps.All},
		{"add all, drop one", []string{"all"}, []string{"sys_admin"}, caps.All.Without(caps.SysAdmin)},
		{"add all and one, drop that one", []string{"all", "kill"}, []string{"kill"}, caps.All.Without(caps.Kill)},
		{"drop all", nil, []string{"All"}, 0},
		{"drop all, add one", []string{"bpf"}, []string{"all"}, caps.Of(caps.BPF)},
		{"drop all and one, add that one", []string{"bpf"}, []string{"all", "bpf"}, caps.Of(caps.BPF)},
		{"all in both", []string{"all"}, []string{"all"}, caps.All},
		{"all in both, one dropped", []string{"all"}, []string{"all", "bpf"}, caps.All.Without(caps.BPF)},
	} {
		got, err := caps.Change{Add: test.add, Drop: test.drop}.Apply(base)
		if err != nil || got != test.want {
			t.Errorf("%s: %v, %v; want %v", test.what, got, err, test.want)
		}
	}
}

func TestChangeReportsEveryBadName(t *testing.T) {
	change := caps.Change{Add: []string{"all", "net_rwa", "kill", ""}, Drop: []string{"chwon", "kill"}}
	set, err := change.Apply(caps.Default())
	if err == nil || !set.Empty() {
		t.Fatalf("Apply = %v, %v; want an error and the empty set", set, err)
	}
	lines := strings.Split(err.Error(), "\n")
	want := []string{
		`capability "net_rwa": no such capability (did you mean CAP_NET_RAW?)`,
		`capability "": empty name`,
		`capability "chwon": no such capability (did you mean CAP_CHOWN?)`,
	}
	if !slices.Equal(lines, want) {
		t.Errorf("errors:\n%s\nwant:\n%s", err, strings.Join(want, "\n"))
	}
	var bad *caps.NameError
	if !errors.As(err, &bad) || bad.Name != "net_rwa" {
		t.Errorf("errors.As found %+v", bad)
	}
}

func TestChangeWithinWhatIsAvailable(t *testing.T) {
	available := caps.All.Without(caps.SysResource)
	base := caps.Of(caps.Kill, caps.SysResource)
	for _, test := range []struct {
		what   string
		change caps.Change
		want   caps.Set
	}{
		{"the base is cut down", caps.Change{}, caps.Of(caps.Kill)},
		{"all is what there is", caps.Change{Add: []string{"all"}}, available},
		{"dropping what is not there", caps.Change{Drop: []string{"sys_resource"}}, caps.Of(caps.Kill)},
	} {
		if got, err := test.change.ApplyWithin(base, available); err != nil || got != test.want {
			t.Errorf("%s: %v, %v; want %v", test.what, got, err, test.want)
		}
	}
	for _, change := range []caps.Change{
		{Add: []string{"sys_resource"}},
		{Add: []string{"sys_resource", "all"}},
		{Add: []string{"sys_resource"}, Drop: []string{"all"}},
	} {
		got, err := change.ApplyWithin(base, available)
		var bad *caps.NameError
		if !errors.As(err, &bad) || bad.Name != "CAP_SYS_RESOURCE" || !got.Empty() {
			t.Errorf("%+v: %v, %v; want a NameError for CAP_SYS_RESOURCE", change, got, err)
		}
	}
	if _, err := (caps.Change{Add: []string{"CAP_41"}}).Apply(0); err == nil {
		t.Error("Apply added a capability that the package does not know")
	}
}
