package cgroup

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func lower(t *testing.T, l Limits, version int) string {
	t.Helper()
	settings, err := l.settings(
		func(string) int { return version },
		func(device string) (string, error) { return "8:0", nil },
	)
	if err != nil {
		t.Fatalf("%+v on v%d: %v", l, version, err)
	}
	var lines []string
	for _, s := range settings {
		if s.anyOf == nil {
			s.anyOf = []setting{s}
		}
		for _, one := range s.anyOf {
			lines = append(lines, one.file+"="+one.value)
		}
	}
	return strings.Join(lines, "|")
}

func TestSettings(t *testing.T) {
	for _, tt := range []struct {
		limits Limits
		v1, v2 string
	}{
		{Limits{}, "", ""},
		{
			Limits{Memory: 64 << 20, MemorySwap: 64 << 20, MemoryReservation: 1 << 20},
			"memory.limit_in_bytes=67108864|memory.memsw.limit_in_bytes=67108864|memory.soft_limit_in_bytes=1048576",
			"memory.max=67108864|memory.swap.max=0|memory.low=1048576",
		},
		{
			Limits{Memory: 1 << 20, MemorySwap: 3 << 20},
			"memory.limit_in_bytes=1048576|memory.memsw.limit_in_bytes=3145728",
			"memory.max=1048576|memory.swap.max=2097152",
		},
		{
			Limits{Memory: Unlimited, MemorySwap: Unlimited},
			"memory.limit_in_bytes=-1|memory.memsw.limit_in_bytes=-1",
			"memory.max=max|memory.swap.max=max",
		},
		{Limits{CPUShares: 512, CPUs: 0.75}, "cpu.shares=512|cpu.cfs_period_us=100000|cpu.cfs_quota_us=75000", "cpu.weight=50|cpu.max=75000 100000"},
		{Limits{CPUQuota: 20000}, "cpu.cfs_period_us=100000|cpu.cfs_quota_us=20000", "cpu.max=20000 100000"},
		{Limits{CPUQuota: Unlimited, CPUPeriod: 50000}, "cpu.cfs_period_us=50000|cpu.cfs_quota_us=-1", "cpu.max=max 50000"},
		{Limits{CPUPeriod: 50000}, "cpu.cfs_period_us=50000", "cpu.max=max 50000"},
		{Limits{CPUSet: "0-2,4"}, "cpuset.cpus=0-2,4|cpuset.mems=", "cpuset.cpus=0-2,4"},
		{Limits{CPUSetMems: "0"}, "cpuset.cpus=|cpuset.mems=0", "cpuset.mems=0"},
		{Limits{Pids: 7}, "pids.max=7", "pids.max=7"},
		{Limits{Pids: Unlimited}, "pids.max=max", "pids.max=max"},
		{Limits{IOWeight: 1000}, "blkio.bfq.weight=1000|blkio.weight=1000", "io.bfq.weight=1000|io.weight=10000"},
		{
			Limits{IOMax: []IOMax{{Device: "/dev/sda", ReadBPS: 1, WriteBPS: 2, ReadIOPS: 3, WriteIOPS: 4}}},
			"blkio.throttle.read_bps_device=8:0 1|blkio.throttle.write_bps_device=8:0 2|blkio.throttle.read_iops_device=8:0 3|blkio.throttle.write_iops_device=8:0 4",
			"io.max=8:0 rbps=1 wbps=2 riops=3 wiops=4",
		},
	} {
		if got := lower(t, tt.limits, 1); got != tt.v1 {
			t.Errorf("%+v on v1:\ngot  %s\nwant %s", tt.limits, got, tt.v1)
		}
		if got := lower(t, tt.limits, 2); got != tt.v2 {
			t.Errorf("%+v on v2:\ngot  %s\nwant %s", tt.limits, got, tt.v2)
		}
	}
	if got := lower(t, Limits{OOMGroup: true}, 2); got != "memory.oom.group=1" {
		t.Errorf("OOMGroup on v2: %s", got)
	}
}

func TestSettingsRefuseWhatTheVersionLacks(t *testing.T) {
	for _, tt := range []struct {
		limits  Limits
		version int
	}{
		{Limits{OOMGroup: true}, 1},
	} {
		_, err := tt.limits.settings(func(string) int { return tt.version }, nil)
		var u *UnsupportedError
		if !errors.As(err, &u) || u.Fix == "" {
			t.Errorf("%+v on v%d: error %v, want an UnsupportedError with a fix", tt.limits, tt.version, err)
		}
	}
}

func TestKept(t *testing.T) {
	for _, tt := range []struct {
		compare   comparison
		wrote     string
		got       string
		want      bool
		pageBytes int64
	}{
		{exactly, "75000 100000", "75000 100000\n", true, 4096},
		{exactly, "100", "99\n", false, 4096},
		{byPages, "1048577", "1048576\n", true, 4096},
		{byPages, "1048577", "1044480\n", false, 4096},
		{byPages, "-1", "9223372036854771712\n", true, 4096},
		{byPages, "9223372036854775807", "max\n", true, 4096},
		{byPages, "-1", "9223372036854710272\n", true, 65536},
		{byPages, "1048576", "max\n", false, 4096},
		{byPages, "1048576", "what\n", false, 4096},
		{asList, "0,1,2", "0-2\n", true, 4096},
		{asList, "0-7", "0-1\n", false, 4096},
		{asList, "0", "\n", false, 4096},
	} {
		s := setting{compare: tt.compare, value: tt.wrote}
		if got := s.kept(tt.got, tt.pageBytes); got != tt.want {
			t.Errorf("wrote %q, kernel has %q: kept is %v, want %v", tt.wrote, tt.got, got, tt.want)
		}
	}
}

func TestDeviceSettings(t *testing.T) {
	null, full := DeviceRule{'c', 1, 3, "rw", true}, DeviceRule{'c', 1, 7, "rw", true}
	all := DeviceRule{'a', -1, -1, "rwm", true}
	deny := func(r DeviceRule) DeviceRule { r.Allow = false; return r }
	for _, tt := range []struct {
		rules []DeviceRule
		want  string // empty: refused
	}{
		{[]DeviceRule{}, "devices.deny=a"},
		{[]DeviceRule{null, full}, "devices.deny=a|devices.allow=c 1:3 rw|devices.allow=c 1:7 rw"},
		{[]DeviceRule{null, deny(null)}, "devices.deny=a|devices.allow=c 1:3 rw|devices.deny=c 1:3 rw"},
		{[]DeviceRule{all, deny(null)}, "devices.allow=a|devices.deny=c 1:3 rw"},
		{[]DeviceRule{null, all}, "devices.allow=a"},
		{[]DeviceRule{all, null, deny(all), full}, "devices.deny=a|devices.allow=c 1:7 rw"},
		{[]DeviceRule{{'a', 1, -1, "r", true}}, "devices.deny=a|devices.allow=b 1:* r|devices.allow=c 1:* r"},
		{[]DeviceRule{{'c', -1, -1, "rwm", true}, deny(null)}, ""},
		{[]DeviceRule{null, deny(DeviceRule{'c', -1, -1, "rwm", true})}, ""},
		{[]DeviceRule{{'c', -1, -1, "m", true}, deny(null)}, "devices.deny=a|devices.allow=c *:* m|devices.deny=c 1:3 rw"},
	} {
		settings, err := deviceSettings(tt.rules)
		if tt.want == "" {
			if !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("%v: error %v, want it refused", tt.rules, err)
			}
			continue
		}
		var lines []string
		for _, s := range settings {
			lines = append(lines, s.file+"="+s.value)
		}
		if got := strings.Join(lines, "|"); err != nil || got != tt.want {
			t.Errorf("%v:\ngot  %s, %v\nwant %s", tt.rules, got, err, tt.want)
		}
	}
}

// kernelDevices models the v1 controller: a default, and exceptions that are
// added by writes against it and taken away by writes for it, which match exactly.
type kernelDevices struct {
	allow      bool
	exceptions []DeviceRule
}

func (k *kernelDevices) write(s setting) {
	allow := s.file == "devices.allow"
	if s.value == "a" {
		k.allow, k.exceptions = allow, nil
		return
	}
	var r DeviceRule
	var major, minor string
	numbers := ""
	fmt.Sscanf(s.value, "%c %s %s", &r.Type, &numbers, &r.Access)
	major, minor, _ = strings.Cut(numbers, ":")
	r.Major, r.Minor = number(major), number(minor)
	for i := range k.exceptions {
		e := &k.exceptions[i]
		if !e.sameDevices(r) {
			continue
		}
		if allow != k.allow {
			e.Access += r.Access
		} else {
			e.Access = strings.Trim(strings.Map(func(c rune) rune {
				if strings.ContainsRune(r.Access, c) {
					return -1
				}
				return c
			}, e.Access), " ")
		}
		return
	}
	if allow != k.allow {
		k.exceptions = append(k.exceptions, r)
	}
}

func number(s string) int64 {
	if s == "*" {
		return -1
	}
	var n int64
	fmt.Sscan(s, &n)
	return n
}

func (k *kernelDevices) permits(kind byte, major, minor int64, access string) bool {
	for _, e := range k.exceptions {
		if e.Access != "" && e.overlaps(DeviceRule{kind, major, minor, access, false}) {
			return !k.allow
		}
	}
	return k.allow
}

// lastMatch is what a list of rules means.
func lastMatch(rules []DeviceRule, kind byte, major, minor int64, access string) bool {
	verdict := false
	for _, r := range rules {
		for _, one := range splitAll([]DeviceRule{r}) {
			if one.overlaps(DeviceRule{kind, major, minor, access, false}) {
				verdict = r.Allow
			}
		}
	}
	return verdict
}

// rulesFrom makes up to eight rules from arbitrary bytes.
func rulesFrom(data []byte) (rules []DeviceRule) {
	for ; len(data) >= 5 && len(rules) < 8; data = data[5:] {
		access := ""
		for i, c := range "rwm" {
			if data[3]>>i&1 == 1 {
				access += string(c)
			}
		}
		r := DeviceRule{"abc"[data[0]%3], int64(data[1]%3) - 1, int64(data[2]%3) - 1, access, data[4]&1 == 1}
		if r.fault() == "" {
			rules = append(rules, r)
		}
	}
	return rules
}

// FuzzDeviceSettings compares what the kernel would make of the writes with
// what the rules mean, for every list that is not refused.
func FuzzDeviceSettings(f *testing.F) {
	f.Add([]byte{0, 0, 0, 7, 1})
	f.Add([]byte{0, 2, 2, 7, 1, 2, 1, 1, 2, 0, 2, 1, 1, 2, 1})
	f.Add([]byte{1, 0, 0, 7, 1, 1, 0, 0, 1, 0, 1, 0, 1, 3, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		rules := rulesFrom(data)
		settings, err := deviceSettings(rules)
		if err != nil {
			return
		}
		k := &kernelDevices{allow: true}
		for _, s := range settings {
			k.write(s)
		}
		for i := range 2 * 3 * 3 * 3 {
			kind, access := "bc"[i%2], string("rwm"[i/2%3])
			major, minor := int64(i/6%3), int64(i/18%3)
			if got, want := k.permits(kind, major, minor, access), lastMatch(rules, kind, major, minor, access); got != want {
				t.Fatalf("%v: the kernel decides %v on %c %d:%d %s, the rules mean %v", rules, got, kind, major, minor, access, want)
			}
		}
	})
}
