package namespace_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox/namespace"
)

// A result is what any of the mode parsers returns.
type result struct{ mode, target string }

var modeParsers = map[string]func(string) (result, error){
	"ipc": func(s string) (result, error) {
		m, name, err := namespace.ParseIPC(s)
		return result{string(m), name}, err
	},
	"network": func(s string) (result, error) {
		m, target, err := namespace.ParseNetwork(s)
		return result{string(m), target}, err
	},
	"pid": func(s string) (result, error) {
		m, name, err := namespace.ParsePID(s)
		return result{string(m), name}, err
	},
	"uts": func(s string) (result, error) {
		m, err := namespace.ParseUTS(s)
		return result{string(m), ""}, err
	},
	"cgroup": func(s string) (result, error) {
		m, err := namespace.ParseCgroup(s)
		return result{string(m), ""}, err
	},
}

func TestParseModes(t *testing.T) {
	for _, test := range []struct {
		parser, spec string
		want         result
	}{
		{"ipc", "", result{"private", ""}},
		{"ipc", "private", result{"private", ""}},
		{"ipc", "shareable", result{"shareable", ""}},
		{"ipc", "host", result{"host", ""}},
		{"ipc", "none", result{"none", ""}},
		{"ipc", "container:producer", result{"container", "producer"}},
		{"ipc", "container:a", result{"container", "a"}},
		{"network", "", result{"none", ""}},
		{"network", "none", result{"none", ""}},
		{"network", "host", result{"host", ""}},
		{"network", "container:web_1.a-b", result{"container", "web_1.a-b"}},
		{"network", "ns:/run/netns/blue", result{"ns", "/run/netns/blue"}},
		{"pid", "", result{"private", ""}},
		{"pid", "private", result{"private", ""}},
		{"pid", "host", result{"host", ""}},
		{"pid", "container:9f3c", result{"container", "9f3c"}},
		{"uts", "", result{"private", ""}},
		{"uts", "private", result{"private", ""}},
		{"uts", "host", result{"host", ""}},
		{"cgroup", "", result{"private", ""}},
		{"cgroup", "private", result{"private", ""}},
		{"cgroup", "host", result{"host", ""}},
	} {
		if got, err := modeParsers[test.parser](test.spec); err != nil || got != test.want {
			t.Errorf("%s %q: %+v, %v; want %+v", test.parser, test.spec, got, err, test.want)
		}
	}
}

func TestParseModesRefuses(t *testing.T) {
	for _, test := range []struct{ parser, spec, want string }{
		{"ipc", "Host", `invalid IPC mode "Host": want private, shareable, host, none or container:NAME`},
		{"ipc", "container", `invalid IPC mode "container": want private, shareable, host, none or container:NAME`},
		{"ipc", "container:", `invalid IPC mode "container:": no name after container:`},
		{"ipc", "container:../x", `invalid IPC mode "container:../x": a name is letters, digits, '_', '.' and '-', the first a letter or digit`},
		{"ipc", " private", `invalid IPC mode " private": want private, shareable, host, none or container:NAME`},
		{"network", "bridge", `invalid network mode "bridge": there is no such network here, want none, host, container:NAME or ns:PATH`},
		{"network", "ns", `invalid network mode "ns": want none, host, container:NAME or ns:PATH`},
		{"network", "ns:", `invalid network mode "ns:": the path of the namespace is not absolute`},
		{"network", "ns:run", `invalid network mode "ns:run": the path of the namespace is not absolute`},
		{"network", "ns:/a\x00b", `invalid network mode "ns:/a\x00b": the path of the namespace is not absolute`},
		{"pid", "container", `invalid PID mode "container": want private, host or container:NAME`},
		{"uts", "container:x", `invalid UTS mode "container:x": want private or host`},
		{"cgroup", "none", `invalid cgroup namespace mode "none": want private or host`},
	} {
		got, err := modeParsers[test.parser](test.spec)
		var bad *namespace.ModeError
		if !errors.As(err, &bad) || bad.Value != test.spec || got != (result{}) {
			t.Errorf("%s %q: %+v, %v; want a ModeError", test.parser, test.spec, got, err)
		} else if err.Error() != test.want {
			t.Errorf("%s %q: %v; want %s", test.parser, test.spec, err, test.want)
		}
	}
}

func FuzzParseModes(f *testing.F) {
	for _, seed := range []string{"", "private", "shareable", "host", "none", "bridge", "container:producer", "container:", "container:-x", "ns:/run/netns/blue", "ns:x", "host\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		for name, parse := range modeParsers {
			got, err := parse(spec)
			if err != nil {
				var bad *namespace.ModeError
				if !errors.As(err, &bad) || bad.Value != spec || got != (result{}) || strings.Contains(err.Error(), "\n") {
					t.Fatalf("%s %q: %+v, %q", name, spec, got, err)
				}
				continue
			}
			again := got.mode
			if got.target != "" {
				again += ":" + got.target
			}
			if spec != "" && again != spec {
				t.Fatalf("%s %q: %+v", name, spec, got)
			}
		}
	})
}
