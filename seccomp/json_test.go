package seccomp

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	const profile = `{
		"defaultAction": "SCMP_ACT_ERRNO",
		"defaultErrnoRet": 38,
		"archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
		"flags": ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"],
		"syscalls": [
			{"names": ["read", "write"], "action": "SCMP_ACT_ALLOW", "args": [], "comment": "io", "includes": {}, "excludes": null},
			{"name": "clone", "action": "SCMP_ACT_ALLOW",
			 "args": [{"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}],
			 "includes": {"caps": ["CAP_SYS_ADMIN"], "arches": ["amd64"], "minKernel": "4.8"}},
			{"names": ["ptrace"], "action": "SCMP_ACT_ERRNO", "errnoRet": 0}
		]}`
	p, err := Parse([]byte(profile))
	if err != nil {
		t.Fatal(err)
	}
	want := &Policy{
		DefaultAction: ActErrno, DefaultErrno: new(uint16(38)),
		ArchMap: []ArchMapping{{ArchX86_64, []Arch{ArchX86}}},
		Flags:   []Flag{FlagLog, FlagSpecAllow},
		Syscalls: []Rule{
			{Names: []string{"read", "write"}, Action: ActAllow, Args: []Arg{}, Comment: "io"},
			{
				Names: []string{"clone"}, Action: ActAllow,
				Args:     []Arg{{Value: 0x7e020000, Op: OpMaskedEqual}},
				Includes: Condition{Caps: []string{"CAP_SYS_ADMIN"}, Arches: []string{"amd64"}, MinKernel: "4.8"},
			},
			{Names: []string{"ptrace"}, Action: ActErrno, Errno: new(uint16(0))},
		},
	}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got  %+v\nwant %+v", p, want)
	}
	if got := p.LoadFlags(); got != 6 {
		t.Errorf("LoadFlags = %d, want 6", got)
	}
}

func TestParseErrors(t *testing.T) {
	rule := func(s string) string { return `{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[` + s + `]}` }
	arg := func(s string) string {
		return rule(`{"names":["socket"],"action":"SCMP_ACT_ALLOW","args":[` + s + `]}`)
	}
	tests := []struct{ profile, want string }{
		{``, `unexpected EOF`},
		{`null`, `defaultAction: missing`},
		{`[]`, `cannot unmarshal array`},
		{`{}`, `defaultAction: missing`},
		{`{"defaultAction":"SCMP_ACT_ERRNO"} {}`, `text after the end of the document`},
		{`"unconfined"`, `cannot unmarshal string`},
		{`{"defaultAction":"ALLOW"}`, `defaultAction: "ALLOW": unknown action`},
		{`{"defaultAction":"SCMP_ACT_NOTIFY"}`, `defaultAction: "SCMP_ACT_NOTIFY": not possible as a default`},
		{`{"defaultAction":"SCMP_ACT_ALLOW","defaultErrnoRet":1}`, `defaultErrnoRet: "1": SCMP_ACT_ALLOW takes no errno`},
		{`{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":4096}`, `beyond the kernel's largest errno, 4095`},
		{`{"defaultAction":"SCMP_ACT_ERRNO","defaultErrno":"EFOO"}`, `defaultErrno: "EFOO": unknown errno name`},
		{`{"defaultAction":"SCMP_ACT_ERRNO","defaultActoin":1}`, `unknown field "defaultActoin"`},
		{`{"defaultAction":"SCMP_ACT_ERRNO","unlistedSyscalls":"x"}`, `unlistedSyscalls: "x": not one of`},
		{`{"defaultAction":"SCMP_ACT_ERRNO","flags":["TSYNC"]}`, `flags[0]: "TSYNC": unknown flag`},
		{`{"defaultAction":"SCMP_ACT_ERRNO","architectures":["x86"]}`, `architectures[0]: "x86": unknown architecture`},
		{`{"defaultAction":"SCMP_ACT_ERRNO","archMap":[{"architecture":"SCMP_ARCH_X"}]}`, `archMap[0].architecture: "SCMP_ARCH_X"`},
		{
			`{"defaultAction":"SCMP_ACT_ERRNO","archMap":[{"architecture":"SCMP_ARCH_X86","subArchitectures":["y"]}]}`,
			`archMap[0].subArchitectures[0]: "y"`,
		},
		{
			`{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86"],"archMap":[{"architecture":"SCMP_ARCH_X86"}]}`,
			`archMap: not possible together with architectures`,
		},
		{rule(`{"action":"SCMP_ACT_ALLOW"}`), `syscalls[0].names: no system call named`},
		{rule(`{"names":["a",""],"action":"SCMP_ACT_ALLOW"}`), `syscalls[0].names[1]: empty name`},
		{rule(`{"names":["a"],"name":"b","action":"SCMP_ACT_ALLOW"}`), `syscalls[0].name: "b": not possible together with names`},
		{rule(`{"names":["a"],"action":"SCMP_ACT_ALLOW"},{"names":["b"]}`), `syscalls[1].action: unknown action`},
		{rule(`{"names":["a"],"action":"SCMP_ACT_ALLOW","arg":[]}`), `syscalls[0]: json: unknown field "arg"`},
		{rule(`{"names":["a"],"action":"SCMP_ACT_ALLOW","errnoRet":1}`), `syscalls[0].errnoRet: "1": SCMP_ACT_ALLOW takes no errno`},
		{rule(`{"names":["a"],"action":"SCMP_ACT_ERRNO","errnoRet":70000}`), `cannot unmarshal number 70000`},
		{
			rule(`{"names":["a"],"action":"SCMP_ACT_ERRNO","errnoRet":1,"errno":"ENOSYS"}`),
			`syscalls[0].errno: "ENOSYS": contradicts the number 1 beside it`,
		},
		{rule(`{"names":["a"],"action":"SCMP_ACT_ALLOW","includes":{"cap":["x"]}}`), `unknown field "cap"`},
		{rule(`{"names":["a"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["sys_admin"]}}`), `includes.caps[0]: "sys_admin"`},
		{rule(`{"names":["a"],"action":"SCMP_ACT_ALLOW","excludes":{"arches":["x86_64"]}}`), `excludes.arches[0]: "x86_64"`},
		{rule(`{"names":["a"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"4"}}`), `includes.minKernel: "4": not MAJOR.MINOR`},
		{rule(`{"names":["a"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"0.0"}}`), `version 0.0`},
		{arg(`{"index":6,"value":1,"op":"SCMP_CMP_EQ"}`), `syscalls[0].args[0].index: "6"`},
		{arg(`{"index":0,"value":1,"op":"=="}`), `args[0].op: "==": unknown operator`},
		{arg(`{"index":0,"value":1}`), `args[0].op: unknown operator`},
		{arg(`{"index":0,"value":-1,"op":"SCMP_CMP_EQ"}`), `cannot unmarshal number -1`},
		{arg(`{"index":0,"value":1,"valueTwo":2,"op":"SCMP_CMP_MASKED_EQ"}`), `args[0].valueTwo: "0x2": has bits outside the mask 0x1`},
	}
	for _, tt := range tests {
		_, err := Parse([]byte(tt.profile))
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Parse(%s):\n got %v\nwant %s", tt.profile, err, tt.want)
		}
		var mistake *PolicyError
		if !errors.As(err, &mistake) {
			t.Errorf("Parse(%s): %T is not a *PolicyError", tt.profile, err)
		}
	}
}

func TestParsePodmanErrno(t *testing.T) {
	p, err := Parse([]byte(`{"defaultAction":"SCMP_ACT_ERRNO","defaultErrno":"ENOSYS","defaultErrnoRet":38,
		"syscalls":[{"names":["a"],"action":"SCMP_ACT_ERRNO","errno":"EPERM"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if *p.DefaultErrno != 38 || *p.Syscalls[0].Errno != 1 {
		t.Errorf("errnos %d and %d, want 38 and 1", *p.DefaultErrno, *p.Syscalls[0].Errno)
	}
}

// A profile cannot say "both"; a policy can.
func TestRepeatedArgument(t *testing.T) {
	p, err := Parse([]byte(`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["socket"],"action":"SCMP_ACT_ALLOW",
		"args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"},{"index":0,"value":2,"op":"SCMP_CMP_EQ"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	f := compile(t, p, amd64)
	between := &Policy{DefaultAction: ActErrno, Syscalls: []Rule{{
		Names: []string{"socket"}, Action: ActAllow,
		Args: []Arg{{Value: 1, Op: OpGreaterThan}, {Value: 4, Op: OpLessThan}},
	}}}
	g := compile(t, between, amd64)
	for family := range uint64(6) {
		d := Data{NR: 41, Arch: AuditX86_64, Args: [6]uint64{family}}
		if got, _ := f.Run(d); (got == retAllow) != (family == 1 || family == 2) {
			t.Errorf("either of two: family %d: %s", family, Describe(got))
		}
		if got, _ := g.Run(d); (got == retAllow) != (family == 2 || family == 3) {
			t.Errorf("both of two: family %d: %s", family, Describe(got))
		}
	}
	if _, err := json.Marshal(between); err == nil || !strings.Contains(err.Error(), "compares one argument several times") {
		t.Errorf("Marshal: %v", err)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.json"), filepath.Join(dir, "bad.json")
	for path, text := range map[string]string{good: `{"defaultAction":"SCMP_ACT_LOG"}`, bad: `{"defaultAction":"LOG"}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if p, err := Load(good); err != nil || p.DefaultAction != ActLog {
		t.Errorf("Load: %v, %v", p, err)
	}
	if _, err := Load(bad); err == nil || err.Error() != "seccomp profile "+bad+`: defaultAction: "LOG": unknown action` {
		t.Errorf("Load: %v", err)
	}
	missing := filepath.Join(dir, "missing.json")
	if _, err := Load(missing); !errors.Is(err, os.ErrNotExist) || strings.Count(err.Error(), missing) != 1 {
		t.Errorf("Load: %v", err)
	}
}

func TestMarshalRoundTrip(t *testing.T) {
	policies := map[string]*Policy{
		"default": Default(), "docker": docker(), "unconfined": Unconfined,
		"empty": {DefaultAction: ActKillProcess},
		"edited": Default().Allow("unshare").Deny(38, "ptrace").With(
			Rule{Names: []string{"kill"}, Action: ActTrace, Errno: new(uint16(9000))}),
	}
	for name, p := range policies {
		t.Run(name, func(t *testing.T) {
			data, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			var q *Policy
			if err := json.Unmarshal(data, &q); err != nil {
				t.Fatal(err)
			}
			again, err := json.Marshal(q)
			if err != nil || string(again) != string(data) {
				t.Errorf("%v\n%s\n%s", err, data, again)
			}
			if q.IsUnconfined() != p.IsUnconfined() {
				t.Errorf("unconfined: %v", q.IsUnconfined())
			}
			f, g := compile(t, p, amd64), compile(t, q, amd64)
			if !slices.Equal(f, g) {
				t.Error("the filter changed")
			}
		})
	}
}

func TestMarshalInvalid(t *testing.T) {
	if data, err := json.Marshal(&Policy{}); err == nil {
		t.Errorf("an invalid policy became %s", data)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"name":"read","action":"SCMP_ACT_ALLOW","args":[]}]}`))
	f.Add([]byte(`{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86"],"syscalls":[{"names":["a"],
		"action":"SCMP_ACT_ERRNO","errnoRet":5,"args":[{"index":1,"value":3,"valueTwo":1,"op":"SCMP_CMP_MASKED_EQ"},
		{"index":1,"value":3,"op":"SCMP_CMP_GE"}],"excludes":{"caps":["CAP_X"],"minKernel":"5.1"}}]}`))
	f.Add([]byte(`{"defaultAction":"SCMP_ACT_ERRNO","defaultErrno":"ENOSYS","archMap":[{"architecture":"SCMP_ARCH_X86_64",
		"subArchitectures":null}],"unlistedSyscalls":"nosys","flags":["SECCOMP_FILTER_FLAG_LOG"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		if err != nil {
			return
		}
		if err := p.Validate(); err != nil {
			t.Fatalf("parsed, but not valid: %v", err)
		}
		out, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		q, err := Parse(out)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		again, err := json.Marshal(q)
		if err != nil || string(again) != string(out) {
			t.Fatalf("%v\n%s\n%s", err, out, again)
		}
		filter, err := p.Compile(amd64)
		if err == nil {
			agreeOn(t, p, filter, amd64, Data{NR: 0, Arch: AuditX86_64})
		}
	})
}
