package cgroup

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// parseKeyed reads the flat keyed format, one "KEY NUMBER" a line. Lines of
// another form are not an error: kernels add fields.
func parseKeyed(text string) map[string]uint64 {
	values := make(map[string]uint64)
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		if n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 64); err == nil {
			values[key] = n
		}
	}
	return values
}

// parseCount reads a file with one number.
func parseCount(text string) (uint64, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("cgroup: %q is not a number", text)
	}
	return n, nil
}

// parseLimit reads a file with a limit: a number, or "max" or -1 for none. v1
// has no word for none in bytes: it prints the largest number of whole pages.
func parseLimit(text string) (int64, error) {
	text = strings.TrimSpace(text)
	if text == "max" || text == "-1" {
		return Unlimited, nil
	}
	n, err := parseCount(text)
	if err != nil {
		return 0, err
	}
	const largestPage = 64 << 10
	if n > math.MaxInt64-largestPage {
		return Unlimited, nil
	}
	return int64(n), nil
}

// parseIOStat reads v2's io.stat: "MAJ:MIN rbytes=N wbytes=N rios=N wios=N ...".
func parseIOStat(text string) IOStats {
	var s IOStats
	for line := range strings.Lines(text) {
		for field := range strings.FieldsSeq(line) {
			key, value, _ := strings.Cut(field, "=")
			n, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				continue
			}
			switch key {
			case "rbytes":
				s.ReadBytes += n
			case "wbytes":
				s.WriteBytes += n
			case "rios":
				s.ReadOps += n
			case "wios":
				s.WriteOps += n
			}
		}
	}
	return s
}

// parseBlkio reads v1's "MAJ:MIN Read N" lines and sums over devices.
func parseBlkio(text string) (read, write uint64) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			continue
		}
		n, err := strconv.ParseUint(fields[2], 10, 64)
		if err != nil {
			continue
		}
		switch fields[1] {
		case "Read":
			read += n
		case "Write":
			write += n
		}
	}
	return read, write
}

// parsePressure reads a .pressure file: "some avg10=0.00 avg60=0.00 avg300=0.00 total=0".
func parsePressure(text string) (Pressure, error) {
	var p Pressure
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		stall, err := parseStall(fields[1:])
		if err != nil {
			return Pressure{}, fmt.Errorf("cgroup: pressure line %q: %w", line, err)
		}
		switch fields[0] {
		case "some":
			p.Some = stall
		case "full":
			p.Full = stall
		}
	}
	return p, nil
}

func parseStall(fields []string) (Stall, error) {
	var s Stall
	for _, field := range fields {
		key, value, _ := strings.Cut(field, "=")
		if key == "total" {
			n, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				return Stall{}, err
			}
			s.Total = duration(n, time.Microsecond)
			continue
		}
		f, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return Stall{}, err
		}
		switch key {
		case "avg10":
			s.Avg10 = f
		case "avg60":
			s.Avg60 = f
		case "avg300":
			s.Avg300 = f
		}
	}
	return s, nil
}

// duration does not wrap: the kernel's counters are wider than a Duration.
func duration(n uint64, unit time.Duration) time.Duration {
	if n > uint64(math.MaxInt64/unit) {
		return math.MaxInt64
	}
	return time.Duration(n) * unit
}
