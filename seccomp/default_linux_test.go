package seccomp

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	moby "github.com/moby/profiles/seccomp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// What Default does with each call, in words. A new version of Docker's
// profile shows up here, to be looked at.
func TestDefaultGolden(t *testing.T) {
	for _, target := range []Target{
		{Arch: "amd64", Kernel: Version{6, 1}},
		{Arch: "arm64", Kernel: Version{6, 1}},
	} {
		t.Run(target.Arch, func(t *testing.T) {
			path := filepath.Join("testdata", "default-"+target.Arch+".txt")
			got := listing(t, Default(), target)
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("differs from %s (rewrite it with -update):\n%s", path, got)
			}
		})
	}
}

func listing(t *testing.T, p *Policy, target Target) string {
	t.Helper()
	v, err := p.verdicts(target)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i, c := range v[0].abi.calls {
		fmt.Fprintf(&b, "%s: %s\n", c.name, v[0].calls[i])
	}
	fmt.Fprintf(&b, "%s: %s\n", namelessCall, v[0].nameless)
	return b.String()
}

func TestDefaultArguments(t *testing.T) {
	const (
		allow    = "allow"
		eperm    = "errno 1 (EPERM)"
		noFamily = "errno 97 (EAFNOSUPPORT)"
	)
	raw := Target{Arch: "amd64", Kernel: Version{6, 1}, Caps: []string{"CAP_NET_RAW"}}
	netAdmin := Target{Arch: "amd64", Kernel: Version{6, 1}, Caps: []string{"CAP_NET_ADMIN"}}
	admin := Target{Arch: "amd64", Kernel: Version{6, 1}, Caps: []string{"CAP_SYS_ADMIN"}}
	const high = 0xdead << 32
	tests := []struct {
		target Target
		name   string
		args   []uint64
		want   string
	}{
		{amd64, "socket", []uint64{1, 1, 0}, allow},
		{amd64, "socket", []uint64{2, 1, 0}, allow},
		{amd64, "socket", []uint64{high | 2, 1, 0}, allow}, // the kernel reads an int
		{amd64, "socket", []uint64{10, 2, 0}, allow},
		{amd64, "socket", []uint64{16, 3, 0}, allow},
		{amd64, "socket", []uint64{16, 3, high}, allow},
		{amd64, "socket", []uint64{16, 3, 9}, noFamily},
		{amd64, "socket", []uint64{16, 3, 15}, noFamily},
		{amd64, "socket", []uint64{0, 1, 0}, noFamily},
		{amd64, "socket", []uint64{17, 3, 0}, noFamily},
		{amd64, "socket", []uint64{38, 5, 0}, noFamily},
		{amd64, "socket", []uint64{40, 1, 0}, noFamily},
		{amd64, "socket", []uint64{44, 1, 0}, noFamily},
		{raw, "socket", []uint64{17, 3, 0}, allow},
		{raw, "socket", []uint64{16, 3, 12}, noFamily},
		{netAdmin, "socket", []uint64{16, 3, 12}, allow},
		{netAdmin, "socket", []uint64{17, 3, 0}, noFamily},
		{amd64, "socketpair", []uint64{1, 1, 0}, allow},
		{amd64, "socketpair", []uint64{30, 1, 0}, noFamily},
		{amd64, "ioctl", []uint64{0, 0x5401}, allow},
		{amd64, "ioctl", []uint64{0, 0x5412}, eperm},
		{amd64, "ioctl", []uint64{0, high | 0x5412}, eperm},
		{amd64, "ioctl", []uint64{0, 0xffffffff_00005412}, eperm},
		{amd64, "ioctl", []uint64{0, 0x541c}, eperm},
		{amd64, "ioctl", []uint64{0, 1<<63 | 0x541c}, eperm},
		{amd64, "ioctl", []uint64{0, 0x5423}, eperm},
		{admin, "ioctl", []uint64{0, 0x5412}, eperm},
		{amd64, "clone", []uint64{0x3d0f00}, allow}, // pthread_create
		{amd64, "clone", []uint64{17}, allow},
		{amd64, "clone", []uint64{0x10000000 | 17}, eperm},
		{amd64, "clone", []uint64{0x02000000}, eperm},
		{amd64, "clone", []uint64{0x00020000}, eperm},
		{admin, "clone", []uint64{0x10000000 | 17}, allow},
		{amd64, "clone3", nil, "errno 38 (ENOSYS)"},
		{admin, "clone3", nil, allow},
		{amd64, "unshare", nil, eperm},
		{admin, "unshare", nil, allow},
		{amd64, "personality", []uint64{0xffffffff}, allow},
		{amd64, "personality", []uint64{0x0040000}, eperm},
		{amd64, "ptrace", nil, allow},
		{amd64, "process_vm_readv", nil, eperm},
		{Target{Arch: "amd64", Caps: []string{"CAP_SYS_PTRACE"}}, "process_vm_readv", nil, allow},
		{Target{Arch: "amd64", Kernel: Version{4, 4}}, "ptrace", nil, eperm},
		{admin, "io_uring_setup", nil, eperm},
		{admin, "userfaultfd", nil, eperm},
		{admin, "keyctl", nil, eperm},
		{amd64, "socket", []uint64{2, 1, 6}, allow}, // TCP
		{amd64, "socket", []uint64{10, 2, 17}, allow},
		{amd64, "socket", []uint64{2, 1, 262}, "errno 93 (EPROTONOSUPPORT)"},
		{amd64, "socket", []uint64{10, 1, high | 132}, "errno 93 (EPROTONOSUPPORT)"},
		{amd64, "socket", []uint64{10, high | 0x80005, 0}, "errno 93 (EPROTONOSUPPORT)"},
		{amd64, "socket", []uint64{2, 0x80006, 0}, "errno 93 (EPROTONOSUPPORT)"},
		{amd64, "socket", []uint64{1, 0x80005, 0}, allow}, // unix, SOCK_SEQPACKET
		{amd64, "prlimit64", []uint64{high, 7, 1}, allow},
		{amd64, "prlimit64", []uint64{1, 7, 0}, allow},
		{amd64, "prlimit64", []uint64{1, 7, high}, eperm},
		{admin, "prlimit64", []uint64{1, 7, 1}, eperm},
		{amd64, "memfd_secret", nil, eperm},
		{admin, "modify_ldt", nil, eperm},
		{admin, "bpf", nil, allow},
		{amd64, "bpf", nil, eperm},
		{amd64, "clock_settime", nil, eperm},
		{Target{Arch: "386", Kernel: Version{6, 1}}, "socketcall", nil, eperm},
		{Target{Arch: "386", Kernel: Version{6, 1}}, "mmap2", nil, allow},
		{Target{Arch: "arm64", Kernel: Version{6, 1}}, "newfstatat", nil, allow},
		{Target{Arch: "arm64", Kernel: Version{6, 1}}, "openat", nil, allow},
		{Target{Arch: "arm64", Kernel: Version{6, 1}}, "ioctl", []uint64{0, high | 0x5412}, eperm},
	}
	for _, tt := range tests {
		m := mustMachine(tt.target)
		number, ok := m.native.find(tt.name)
		if !ok {
			t.Fatalf("no call %s", tt.name)
		}
		d := Data{NR: number, Arch: m.native.audit}
		copy(d.Args[:], tt.args)
		got, err := compile(t, Default(), tt.target).Run(d)
		if err != nil || Describe(got) != tt.want {
			t.Errorf("%s(%#x) on %+v: %s, %v, want %s", tt.name, tt.args, tt.target, Describe(got), err, tt.want)
		}
	}
}

// Hardening removes; what it does not speak of is Docker's.
func TestDefaultOnlyRemoves(t *testing.T) {
	ours, err := Diff(docker(), Default(), amd64)
	if err != nil {
		t.Fatal(err)
	}
	changed := map[string]bool{}
	for _, d := range ours {
		if d.Arch != ArchX86_64 {
			if d.Syscall == allCalls || strings.Contains(d.B, "kill") || strings.Contains(d.B, "ENOSYS") {
				continue
			}
			t.Errorf("foreign architecture: %s", d)
			continue
		}
		if d.A != d.B && d.B == "errno 38 (ENOSYS)" {
			continue // a call newer than the profile
		}
		changed[d.Syscall] = true
	}
	want := map[string]bool{
		"ioctl": true, "socket": true, "socketpair": true, "modify_ldt": true, "prlimit64": true, "memfd_secret": true,
		"process_vm_readv": true, "process_vm_writev": true,
	}
	if !reflect.DeepEqual(changed, want) {
		t.Errorf("changed %v, want %v", changed, want)
	}
}

func TestDefaultIsFresh(t *testing.T) {
	a := Default()
	for i := range a.Syscalls {
		a.Syscalls[i].Action = ActAllow
		for j := range a.Syscalls[i].Names {
			a.Syscalls[i].Names[j] = "reboot"
		}
	}
	if got := verdict(t, Default(), "reboot"); got != "errno 1 (EPERM)" {
		t.Errorf("a change of one copy reached another: %s", got)
	}
	if got := docker().Unknown(Target{}); len(got) != 0 {
		t.Errorf("Docker's profile names calls that the tables should have: %q", got)
	}
}

// Docker's own file goes through Parse and Marshal without loss.
func TestDockerRoundTrip(t *testing.T) {
	theirs, err := json.Marshal(moby.DefaultProfile())
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse(theirs)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var want, got *moby.Seccomp
	if err := json.Unmarshal(theirs, &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(ours, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Docker reads back something else:\n%s\n%s", ours, theirs)
	}
	if diff, err := Diff(p, docker(), amd64); err != nil || len(diff) != 0 {
		t.Errorf("the file and the data differ: %v, %v", diff, err)
	}
	// And Docker reads Default.
	ours, err = json.Marshal(Default())
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(ours, new(moby.Seccomp)); err != nil {
		t.Errorf("Docker cannot read Default: %v", err)
	}
}

func TestNativeTarget(t *testing.T) {
	target, err := NativeTarget()
	if err != nil {
		t.Skipf("needs seccomp: no tables: %v", err)
	}
	if !target.Kernel.AtLeast(Version{4, 0}) || len(target.Caps) != 0 {
		t.Errorf("target %+v", target)
	}
	compile(t, Default(), target)
}
