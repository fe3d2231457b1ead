package seccomp

import (
	"slices"
	"testing"

	"github.com/elastic/go-seccomp-bpf/arch"
)

// The tables come from golang.org/x/sys; those of go-seccomp-bpf were made
// from libseccomp's. Every difference is known.
func TestTablesAgreeWithElastic(t *testing.T) {
	newer := []string{"uprobe", "file_getattr", "file_setattr", "listns", "rseq_slice_yield"}
	for _, table := range []struct {
		name   string
		calls  []call
		theirs map[int]string
		// wrong are entries of theirs that the kernel does not have.
		wrong func(number int, name string) bool
	}{
		{"amd64", callsAMD64[:], arch.X86_64.SyscallNumbers, func(int, string) bool { return false }},
		// 64-bit machines have no *_time64 calls, and 79 is newfstatat there.
		{"arm64", callsARM64[:], arch.AARCH64.SyscallNumbers, func(n int, _ string) bool { return n == 79 || 403 <= n && n <= 423 }},
		{"386", calls386[:], arch.I386.SyscallNumbers, func(int, string) bool { return false }},
		{"arm", callsARM[:], arch.ARM.SyscallNumbers, func(int, string) bool { return false }},
		// x32 has its own entry points, from 512, for calls with pointers in memory.
		{"x32", callsX32[:], arch.X32.SyscallNumbers, func(n int, name string) bool {
			_, own := slices.BinarySearchFunc(callsX32[:], n, func(c call, n int) int { return int(c.number) - n })
			return n < 512 && !own
		}},
	} {
		t.Run(table.name, func(t *testing.T) {
			ours := map[int]string{}
			for _, c := range table.calls {
				ours[int(c.number)] = c.name
			}
			for n, name := range table.theirs {
				if ours[n] != name && !table.wrong(n, name) {
					t.Errorf("%d is %q, elastic has %q", n, ours[n], name)
				}
			}
			for n, name := range ours {
				if table.theirs[n] != name && !table.wrong(n, name) && !slices.Contains(newer, name) {
					t.Errorf("%d is %q, elastic has %q", n, name, table.theirs[n])
				}
			}
		})
	}
}

func TestTablesAreSorted(t *testing.T) {
	for name, calls := range map[string][]call{
		"amd64": callsAMD64[:], "arm64": callsARM64[:], "386": calls386[:], "arm": callsARM[:], "x32": callsX32[:],
	} {
		seen := map[string]bool{}
		for i, c := range calls {
			if i > 0 && calls[i-1].number >= c.number {
				t.Errorf("%s: %d after %d", name, c.number, calls[i-1].number)
			}
			if seen[c.name] {
				t.Errorf("%s: %s twice", name, c.name)
			}
			seen[c.name] = true
		}
		if calls[0].number != 0 {
			t.Errorf("%s: does not begin at 0", name)
		}
	}
}

// The calls that came last have one number on every architecture.
func TestRecentCalls(t *testing.T) {
	recent := map[string]uint32{
		"clone3": 435, "close_range": 436, "openat2": 437, "faccessat2": 439, "landlock_create_ruleset": 444,
		"cachestat": 451, "fchmodat2": 452, "map_shadow_stack": 453, "futex_wake": 454, "statmount": 457, "listmount": 458,
		"lsm_list_modules": 461, "mseal": 462, "setxattrat": 463, "removexattrat": 466, "open_tree_attr": 467,
		"file_getattr": 468, "file_setattr": 469,
	}
	for _, goarch := range []string{"amd64", "arm64", "386", "arm"} {
		m, _ := machineFor(goarch)
		for name, want := range recent {
			if got, ok := m.native.find(name); !ok || got != want {
				t.Errorf("%s: %s is %d, want %d", goarch, name, got, want)
			}
		}
	}
}
