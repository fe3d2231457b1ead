package namespace_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/seed-d1379373/sandbox/namespace"
)

func TestSet(t *testing.T) {
	s := namespace.User.With(namespace.Network | namespace.Mount)
	if !s.Has(namespace.User) || !s.Has(namespace.User|namespace.Network) || s.Has(namespace.User|namespace.Time) {
		t.Error("Has is wrong")
	}
	if got, want := s.Without(namespace.User), namespace.Network|namespace.Mount; got != want {
		t.Errorf("Without = %v, want %v", got, want)
	}
	if s.Empty() || !s.Without(s).Empty() {
		t.Error("Empty is wrong")
	}
	if got, want := s.Kinds(), []namespace.Set{namespace.User, namespace.Mount, namespace.Network}; !slices.Equal(got, want) {
		t.Errorf("Kinds = %v, want %v", got, want)
	}
	if got := namespace.All.Kinds(); len(got) != 8 {
		t.Errorf("All has the kinds %v", got)
	}
}

func TestSetText(t *testing.T) {
	for _, test := range []struct {
		set        namespace.Set
		text, json string
	}{
		{0, "none", `[]`},
		{namespace.Mount, "mnt", `["mnt"]`},
		{namespace.Time | namespace.User, "user,time", `["user","time"]`},
		{namespace.All, "user,mnt,pid,ipc,uts,net,cgroup,time", `["user","mnt","pid","ipc","uts","net","cgroup","time"]`},
	} {
		if got := test.set.String(); got != test.text {
			t.Errorf("String = %q, want %q", got, test.text)
		}
		data, err := json.Marshal(test.set)
		if err != nil || string(data) != test.json {
			t.Errorf("Marshal = %s, %v; want %s", data, err, test.json)
		}
		back := namespace.UTS
		if err := json.Unmarshal(data, &back); err != nil || back != test.set {
			t.Errorf("Unmarshal(%s) = %v, %v", data, back, err)
		}
	}
}

func TestSetWithUnknownBits(t *testing.T) {
	s := namespace.User | 0x1
	if got := s.String(); got != "user,0x1" {
		t.Errorf("String = %q", got)
	}
	if data, err := json.Marshal(s); err == nil {
		t.Errorf("Marshal = %s", data)
	}
}

func TestSetUnmarshalRefuses(t *testing.T) {
	set := namespace.PID
	for _, data := range []string{`["network"]`, `["user","NET"]`, `"user"`, `[""]`, `3`} {
		if err := json.Unmarshal([]byte(data), &set); err == nil || set != namespace.PID {
			t.Errorf("Unmarshal(%s) = %v, %v; want an error and no change", data, set, err)
		}
	}
	if err := json.Unmarshal([]byte(`null`), &set); err != nil || set != namespace.PID {
		t.Errorf("Unmarshal(null) = %v, %v; want no change", set, err)
	}
}

func TestParseKind(t *testing.T) {
	for _, kind := range namespace.All.Kinds() {
		if got, err := namespace.ParseKind(kind.String()); err != nil || got != kind {
			t.Errorf("ParseKind(%q) = %v, %v", kind, got, err)
		}
	}
	_, err := namespace.ParseKind("network")
	var bad *namespace.KindError
	if !errors.As(err, &bad) || bad.Name != "network" {
		t.Errorf("ParseKind(network): %v", err)
	}
}

func TestPath(t *testing.T) {
	for _, test := range []struct {
		pid  int
		kind namespace.Set
		want string
	}{
		{1, namespace.Mount, "/proc/1/ns/mnt"},
		{4194304, namespace.Cgroup, "/proc/4194304/ns/cgroup"},
		{0, namespace.Network, "/proc/thread-self/ns/net"},
		{-1, namespace.Network, ""},
		{1, 0, ""},
		{1, namespace.User | namespace.PID, ""},
	} {
		if got := namespace.Path(test.pid, test.kind); got != test.want {
			t.Errorf("Path(%d, %v) = %q, want %q", test.pid, test.kind, got, test.want)
		}
	}
}
