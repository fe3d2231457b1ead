package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// statsInterval is between the two looks that CPU use is measured by.
const statsInterval = 500 * time.Millisecond

// statsColumns and the rows are docker stats', and what a CPU quota took.
var statsColumns = []string{"CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS", "THROTTLED"}

// statsRow is a line of stats. What the host does not count is "--".
func statsRow(name string, first, last sample) []string {
	row := []string{last.ID, name, "--", "-- / --", "--", last.Network, "-- / --", "--", "--"}
	a, b := first.Stats, last.Stats
	for _, controller := range b.Controllers {
		switch controller {
		case "cpuacct":
			if wall := last.Time.Sub(first.Time); wall > 0 {
				row[2] = fmt.Sprintf("%.2f%%", 100*float64(b.CPU.Usage-a.CPU.Usage)/float64(wall))
			}
		case "cpu":
			row[8] = fmt.Sprintf("%d of %d periods", b.CPU.Throttled, b.CPU.Periods)
		case "memory":
			usage := max(b.Memory.Usage-b.Memory.InactiveFile, 0) // the page cache that can go does not count
			limit := b.Memory.Limit
			if total := hostMemory(); limit <= 0 || total > 0 && limit > total {
				limit = total
			}
			row[3] = sizeText(usage) + " / " + sizeText(limit)
			if limit > 0 {
				row[4] = fmt.Sprintf("%.2f%%", 100*float64(usage)/float64(limit))
			}
		case "io":
			row[6] = trafficText(b.IO.ReadBytes, b.IO.WriteBytes)
		case "pids":
			row[7] = fmt.Sprint(b.Pids.Current)
		}
	}
	return row
}

func printStats(w io.Writer, rows [][]string) {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, r := range append([][]string{statsColumns}, rows...) {
		fmt.Fprintln(t, strings.Join(r, "\t"))
	}
	t.Flush()
}

// trafficText prints two numbers of bytes, in units of 1000 as Docker does.
func trafficText(in, out uint64) string {
	text := func(n uint64) string {
		size, units := float64(n), []string{"B", "kB", "MB", "GB", "TB", "PB"}
		for size >= 1000 && len(units) > 1 {
			size, units = size/1000, units[1:]
		}
		return fmt.Sprintf("%.3g%s", size, units[0])
	}
	return text(in) + " / " + text(out)
}

// networkText is what went over the interfaces of a container's network but
// loopback, which is all that most have.
func networkText(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/dev", pid))
	if err != nil {
		return "-- / --"
	}
	var received, sent uint64
	for line := range strings.Lines(string(text)) {
		name, counters, ok := strings.Cut(line, ":")
		n := strings.Fields(counters)
		if !ok || len(n) < 9 || strings.TrimSpace(name) == "lo" {
			continue
		}
		in, _ := strconv.ParseUint(n[0], 10, 64)
		out, _ := strconv.ParseUint(n[8], 10, 64)
		received, sent = received+in, sent+out
	}
	return trafficText(received, sent)
}

// sizeText prints bytes with four digits.
func sizeText(n int64) string {
	size, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	for size >= 1024 && len(units) > 1 {
		size, units = size/1024, units[1:]
	}
	return fmt.Sprintf("%.4g%s", size, units[0])
}

// hostMemory is what a sandbox without a limit may use.
func hostMemory() int64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	var kib int64
	fmt.Sscanf(string(text), "MemTotal: %d kB", &kib)
	return kib << 10
}
