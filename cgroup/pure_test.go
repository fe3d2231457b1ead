package cgroup

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestValidateAcceptsTheEdges(t *testing.T) {
	for _, l := range []Limits{
		{},
		{Memory: 64 << 10}, {Memory: Unlimited}, {Memory: math.MaxInt64},
		{Memory: 1 << 20, MemorySwap: 1 << 20}, {MemorySwap: Unlimited}, {Memory: 1 << 20, MemorySwap: Unlimited},
		{MemoryReservation: 1}, {Memory: 1 << 20, MemoryReservation: 1 << 20}, {OOMGroup: true},
		{CPUShares: 2}, {CPUShares: 262144},
		{CPUs: 0.01}, {CPUs: 0.75}, {CPUs: 512},
		{CPUQuota: 1000}, {CPUQuota: Unlimited}, {CPUPeriod: 1000}, {CPUQuota: 5000, CPUPeriod: 1000000},
		{CPUSet: "0"}, {CPUSet: "0-2,4"}, {CPUSetMems: "0"},
		{Pids: 1}, {Pids: 4194304}, {Pids: Unlimited},
		{IOWeight: 10}, {IOWeight: 1000},
		{IOMax: []IOMax{{Device: "8:0", ReadBPS: 1}, {Device: "/dev/vda", WriteIOPS: math.MaxUint32}}},
		{Devices: []DeviceRule{}}, {Devices: []DeviceRule{{'a', -1, -1, "rwm", true}, {'c', 1, 3, "r", false}}},
	} {
		if err := l.Validate(); err != nil {
			t.Errorf("%+v: %v", l, err)
		}
	}
}

func TestValidateNamesTheLimit(t *testing.T) {
	for _, tt := range []struct {
		limits Limits
		want   string
	}{
		{Limits{Memory: 65535}, "Memory"},
		{Limits{Memory: -2}, "Memory"},
		{Limits{MemorySwap: 1 << 20}, "MemorySwap"},
		{Limits{Memory: Unlimited, MemorySwap: 1 << 20}, "MemorySwap"},
		{Limits{Memory: 2 << 20, MemorySwap: 1 << 20}, "MemorySwap"},
		{Limits{MemorySwap: -2}, "MemorySwap"},
		{Limits{MemoryReservation: -1}, "MemoryReservation"},
		{Limits{Memory: 1 << 20, MemoryReservation: 2 << 20}, "MemoryReservation"},
		{Limits{CPUShares: 1}, "CPUShares"},
		{Limits{CPUShares: 262145}, "CPUShares"},
		{Limits{CPUs: 0.001}, "CPUs"},
		{Limits{CPUs: -1}, "CPUs"},
		{Limits{CPUs: math.NaN()}, "CPUs"},
		{Limits{CPUs: math.Inf(1)}, "CPUs"},
		{Limits{CPUs: 1, CPUQuota: 1000}, "CPUs"},
		{Limits{CPUs: 1, CPUPeriod: 1000}, "CPUs"},
		{Limits{CPUQuota: 999}, "CPUQuota"},
		{Limits{CPUQuota: -2}, "CPUQuota"},
		{Limits{CPUPeriod: 999}, "CPUPeriod"},
		{Limits{CPUPeriod: 1000001}, "CPUPeriod"},
		{Limits{CPUSet: "2-0"}, "CPUSet"},
		{Limits{CPUSet: " "}, "CPUSet"},
		{Limits{CPUSetMems: "x"}, "CPUSetMems"},
		{Limits{Pids: -2}, "Pids"},
		{Limits{Pids: 4194305}, "Pids"},
		{Limits{IOWeight: 9}, "IOWeight"},
		{Limits{IOWeight: 1001}, "IOWeight"},
		{Limits{IOMax: []IOMax{{ReadBPS: 1}}}, "IOMax[0]"},
		{Limits{IOMax: []IOMax{{Device: "8:0"}}}, "IOMax[0]"},
		{Limits{IOMax: []IOMax{{Device: "8:0", ReadBPS: 1}, {Device: "8:0", ReadIOPS: 1 << 32}}}, "IOMax[1]"},
		{Limits{Devices: []DeviceRule{{'x', 1, 3, "r", true}}}, "Devices[0]"},
		{Limits{Devices: []DeviceRule{{'c', -2, 3, "r", true}}}, "Devices[0]"},
		{Limits{Devices: []DeviceRule{{'c', 1, 3, "", true}}}, "Devices[0]"},
		{Limits{Devices: []DeviceRule{{'c', 1, 3, "rx", true}}}, "Devices[0]"},
	} {
		err := tt.limits.Validate()
		var wrong *LimitError
		if !errors.As(err, &wrong) || wrong.Limit != tt.want {
			t.Errorf("%+v: error %v, want one about %s", tt.limits, err, tt.want)
			continue
		}
		if wrong.Reason == "" || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: error %q should be one line with a reason", tt.limits, err)
		}
	}
}

func TestValidateReportsAllAtOnce(t *testing.T) {
	err := Limits{Memory: 1, Pids: -7, CPUShares: 1, CPUSet: "z"}.Validate()
	for _, name := range []string{"Memory 1 ", "Pids -7 ", "CPUShares 1 ", "CPUSet z "} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v does not mention %q", err, name)
		}
	}
}

func TestNeeds(t *testing.T) {
	for _, tt := range []struct {
		limits Limits
		want   string
	}{
		{Limits{}, ""},
		{Limits{OOMGroup: true}, "memory"},
		{Limits{CPUPeriod: 1000, Pids: 1}, "cpu pids"},
		{Limits{CPUSetMems: "0", IOWeight: 10}, "cpuset io"},
		{Limits{Devices: []DeviceRule{}}, "devices"},
	} {
		if got := strings.Join(tt.limits.needs(), " "); got != tt.want {
			t.Errorf("%+v needs %q, want %q", tt.limits, got, tt.want)
		}
	}
	if got := (Options{}).needs(Limits{}); !slices.Equal(got, []string{"freezer"}) {
		t.Errorf("nothing asked needs %q, want a group that can hold processes", got)
	}
}

func TestParseCPUList(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []int
	}{
		{"", nil}, {"\n", nil}, {"0", []int{0}}, {"0-2,4", []int{0, 1, 2, 4}}, {"4,0-2\n", []int{0, 1, 2, 4}},
		{"1,1,0-1", []int{0, 1}}, {"65535", []int{65535}}, {"007", []int{7}},
	} {
		got, err := ParseCPUList(tt.in)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("ParseCPUList(%q) = %v, %v; want %v", tt.in, got, err, tt.want)
		}
	}
	for _, in := range []string{",", "0,", ",0", "-1", "1-", "2-1", "a", "0-a", "1--2", "+1", "0x1", "65536", "0-9:1/2", "0 1", "99999999999999999999"} {
		if got, err := ParseCPUList(in); err == nil {
			t.Errorf("ParseCPUList(%q) = %v, want an error", in, got)
		}
	}
}

func FuzzParseCPUList(f *testing.F) {
	for _, seed := range []string{"0-2,4", "", "1,1", "9-0", "0-65535", "0-1,0-1,0-1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, list string) {
		ids, err := ParseCPUList(list)
		if err != nil {
			return
		}
		if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
			t.Fatalf("%q gives %v, which is not sorted and unique", list, ids)
		}
		again, err := ParseCPUList(FormatCPUList(ids))
		if err != nil || !slices.Equal(ids, again) {
			t.Fatalf("%q: %v comes back as %v, %v", list, ids, again, err)
		}
	})
}

func TestWeightFromShares(t *testing.T) {
	for shares, want := range map[uint64]uint64{
		0: 1, 2: 1, 15: 1, 16: 2, 512: 50, 1024: 100, 2048: 200, 102400: 10000, 262144: 10000, math.MaxUint64: 10000,
	} {
		if got := WeightFromShares(shares); got != want {
			t.Errorf("WeightFromShares(%d) = %d, want %d", shares, got, want)
		}
	}
	last := uint64(0)
	for shares := uint64(2); shares <= 1<<18; shares++ {
		w := WeightFromShares(shares)
		if w < last || w < 1 || w > 10000 {
			t.Fatalf("WeightFromShares(%d) = %d after %d: must not fall or leave the range", shares, w, last)
		}
		last = w
	}
}

func TestIOWeight(t *testing.T) {
	for in, want := range map[uint16]uint64{10: 1, 1000: 10000, 505: 5000} {
		if got := ioWeightFromBlkio(in); got != want {
			t.Errorf("ioWeightFromBlkio(%d) = %d, want %d", in, got, want)
		}
	}
}

func TestGroupNames(t *testing.T) {
	o := owner{pid: 17, start: 99, pidNS: 4026531836}
	name := groupName(o, 3)
	if name != "sandbox-17-99-4026531836-3" {
		t.Errorf("name %q", name)
	}
	if got, n, ok := parseGroupName(name); !ok || got != o || n != 3 {
		t.Errorf("%q parses as %v, %d, %v", name, got, n, ok)
	}
	for _, other := range []string{
		"", "sandbox-", "sandbox-1-2-3", "sandbox-1-2-3-4-5", "sandbox-0-2-3-4", "sandbox-01-2-3-4", "sandbox--1-2-3-4",
		"sandbox-1-2-3-x", "Sandbox-1-2-3-4", "sandbox-1-2-3-4.scope", "sandbox-+1-2-3-4", "sandbox-99999999999-2-3-4",
	} {
		if _, _, ok := parseGroupName(other); ok {
			t.Errorf("%q is taken for the name of a group", other)
		}
	}
}

func FuzzGroupName(f *testing.F) {
	f.Add("sandbox-17-99-4026531836-3")
	f.Add("sandbox-1-2-3")
	f.Fuzz(func(t *testing.T, name string) {
		if o, n, ok := parseGroupName(name); ok && groupName(o, n) != name {
			t.Fatalf("%q parses as %v %d, which is %q", name, o, n, groupName(o, n))
		}
	})
}

func TestCheckName(t *testing.T) {
	for _, bad := range []string{".", "..", "a/b", "../a", "a\nb", "a\x00b", strings.Repeat("x", 256)} {
		if checkName(bad) == nil {
			t.Errorf("name %q is accepted", bad)
		}
	}
	for _, good := range []string{"", "a", "...", "memory max"} {
		if err := checkName(good); err != nil {
			t.Errorf("name %q: %v", good, err)
		}
	}
}

func TestParseStartTime(t *testing.T) {
	const stat = "3817 (a) b) (c) R 3794 3794 2874 0 -1 4194304 99 0 0 0 0 0 0 0 20 0 1 0 55153 3133440 348"
	if got, err := parseStartTime(stat); err != nil || got != 55153 {
		t.Errorf("start time %d, %v; want 55153", got, err)
	}
	for _, bad := range []string{"", "1 (a", "1 (a) R 1 2", strings.Replace(stat, "55153", "x", 1)} {
		if _, err := parseStartTime(bad); err == nil {
			t.Errorf("%q has a start time", bad)
		}
	}
}

func FuzzParseStartTime(f *testing.F) {
	f.Add("1 (init) S 0 1 1 0 -1 4194560 1 1 1 1 1 1 1 1 20 0 1 0 5 1 1")
	f.Add("1 (a)) (")
	f.Fuzz(func(t *testing.T, stat string) { _, _ = parseStartTime(stat) })
}

func TestErrorsAreOneLineAndTyped(t *testing.T) {
	inner := errors.New("no such device")
	e := &Error{Op: "write", Controller: "io", Path: "/p/io.max", Value: "8:0\nx", Cause: "a partition", Err: inner}
	if got, want := e.Error(), `cgroup: write (io controller) /p/io.max = "8:0\nx": no such device: a partition`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !errors.Is(e, inner) {
		t.Error("Error does not unwrap")
	}
	u := &UnsupportedError{Feature: "memory", Reason: "it is elsewhere", Fix: "move it", Err: e}
	if !errors.Is(u, errors.ErrUnsupported) || !errors.Is(u, inner) || strings.Contains(u.Error(), "\n") {
		t.Errorf("UnsupportedError %q should be one line, unsupported, and unwrap", u)
	}
}

func Example_limits() {
	l := Limits{Memory: 256 << 20, CPUs: 0.75, Pids: -3}
	fmt.Println(l.Validate())
	// Output: cgroup: Pids -3 must be from 1 to 4194304, or -1 for no limit
}

func ExampleParseCPUList() {
	ids, err := ParseCPUList("0-2,4")
	fmt.Println(ids, err)
	fmt.Println(FormatCPUList([]int{7, 4, 1, 0, 2}))
	// Output:
	// [0 1 2 4] <nil>
	// 0-2,4,7
}

func ExampleWeightFromShares() {
	fmt.Println(WeightFromShares(2), WeightFromShares(512), WeightFromShares(1024), WeightFromShares(262144))
	// Output: 1 50 100 10000
}
