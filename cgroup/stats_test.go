package cgroup

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

func TestParseKeyed(t *testing.T) {
	got := parseKeyed("low 0\noom_kill 3\nhierarchical_memory_limit 9223372036854771712\nno number here\nalone\n")
	if got["oom_kill"] != 3 || got["hierarchical_memory_limit"] != 9223372036854771712 || len(got) != 3 {
		t.Errorf("%v", got)
	}
}

func TestParseLimit(t *testing.T) {
	for in, want := range map[string]int64{"max\n": -1, "-1": -1, "9223372036854771712\n": -1, "9223372036854710272": -1, "67108864\n": 67108864, "0": 0} {
		if got, err := parseLimit(in); err != nil || got != want {
			t.Errorf("parseLimit(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
	if _, err := parseLimit("many"); err == nil {
		t.Error("no error for a word")
	}
}

func TestParseIO(t *testing.T) {
	v2 := parseIOStat("254:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=5 dios=1\n8:16 rbytes=1 wbytes=2 rios=3 wios=4\n9:0\n")
	if v2 != (IOStats{ReadBytes: 11, WriteBytes: 22, ReadOps: 4, WriteOps: 6}) {
		t.Errorf("%+v", v2)
	}
	read, write := parseBlkio("254:0 Read 10\n254:0 Write 20\n254:0 Sync 30\n8:0 Read 1\nTotal 31\n")
	if read != 11 || write != 20 {
		t.Errorf("read %d, write %d", read, write)
	}
}

func TestParsePressure(t *testing.T) {
	p, err := parsePressure("some avg10=1.50 avg60=0.25 avg300=0.00 total=1234567\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n")
	want := Pressure{Some: Stall{Avg10: 1.5, Avg60: 0.25, Total: 1234567 * time.Microsecond}, Full: Stall{Total: 7 * time.Microsecond}}
	if err != nil || p != want {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := parsePressure("some avg10=x"); err == nil {
		t.Error("no error for a word")
	}
}

func FuzzParseStats(f *testing.F) {
	f.Add("some avg10=1.50 avg60=0.25 avg300=0.00 total=1234567\n")
	f.Add("254:0 rbytes=10 wbytes=20 rios=1 wios=2\n")
	f.Add("254:0 Read 18446744073709551615\n254:0 Read 2\n")
	f.Add("oom_kill 3\nmax")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = parsePressure(text)
		_, _ = parseLimit(text)
		_, _ = parseCount(text)
		parseKeyed(text)
		parseIOStat(text)
		parseBlkio(text)
	})
}

func TestDurationDoesNotWrap(t *testing.T) {
	if got := duration(math.MaxUint64, time.Microsecond); got != math.MaxInt64 {
		t.Error(got)
	}
	if got := duration(1500, time.Microsecond); got != 1500*time.Microsecond {
		t.Error(got)
	}
}

func TestFormatBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0B", 1023: "1023B", 1024: "1.0KiB", 64 << 20: "64.0MiB", math.MaxInt64: "8.0EiB"} {
		if got := formatBytes(n); got != want {
			t.Errorf("formatBytes(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestStatsJSON(t *testing.T) {
	text, err := json.Marshal(Stats{Controllers: []string{"pids"}, Pids: PidsStats{Current: 2, Limit: -1}, CPU: CPUStats{Usage: time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"pids":{"current":2,"limit":-1,"max_events":0}`, `"usage_ns":1000000`, `"controllers":["pids"]`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("%s lacks %s", text, part)
		}
	}
	if strings.Contains(string(text), "psi") {
		t.Errorf("%s has pressure that nobody measured", text)
	}
}

func ExampleStats_String() {
	s := &Stats{
		Controllers: []string{"memory", "cpuacct", "cpu", "pids", "io"},
		Memory:      MemoryStats{Usage: 20 << 20, InactiveFile: 4 << 20, Limit: 64 << 20},
		CPU:         CPUStats{Usage: 1234567 * time.Microsecond, Periods: 10, Throttled: 3},
		Pids:        PidsStats{Current: 4, Limit: Unlimited},
		IO:          IOStats{ReadBytes: 1536},
	}
	fmt.Println(s)
	// Output: MEM 16.0MiB / 64.0MiB (25.0%)  OOM kills 0  CPU 1.235s  throttled 3/10  PIDS 4 / no limit  IO 1.5KiB / 0B
}
