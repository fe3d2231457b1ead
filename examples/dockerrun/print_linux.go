package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/seed-d1379373/sandbox"
)

// statsInterval is between the two looks that CPU use is measured by.
const statsInterval = 500 * time.Millisecond

// statsColumns and the rows are docker stats', with what throttling took in
// place of the network, which has no counters here.
var statsColumns = []string{"NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "BLOCK I/O", "PIDS", "THROTTLED"}

// statsRow is a line of stats. What the host does not count is "--".
func statsRow(name string, first, last sample) []string {
	row := []string{name, "--", "-- / --", "--", "-- / --", "--", "--"}
	a, b := first.Stats, last.Stats
	for _, controller := range b.Controllers {
		switch controller {
		case "cpuacct":
			if wall := last.Time.Sub(first.Time); wall > 0 {
				row[1] = fmt.Sprintf("%.2f%%", 100*float64(b.CPU.Usage-a.CPU.Usage)/float64(wall))
			}
		case "cpu":
			row[6] = fmt.Sprintf("%d of %d periods", b.CPU.Throttled, b.CPU.Periods)
		case "memory":
			usage := max(b.Memory.Usage-b.Memory.InactiveFile, 0) // the page cache that can go does not count
			limit := b.Memory.Limit
			if total := hostMemory(); limit <= 0 || total > 0 && limit > total {
				limit = total
			}
			row[2] = sizeText(usage) + " / " + sizeText(limit)
			if limit > 0 {
				row[3] = fmt.Sprintf("%.2f%%", 100*float64(usage)/float64(limit))
			}
		case "io":
			row[4] = sizeText(int64(b.IO.ReadBytes)) + " / " + sizeText(int64(b.IO.WriteBytes))
		case "pids":
			row[5] = fmt.Sprint(b.Pids.Current)
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

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "    ")
	return e.Encode(v)
}

// inspected is docker inspect's description, as far as it says something here.
type inspected struct {
	Name    string
	Created time.Time
	Path    string
	Args    []string
	State   struct {
		Status string
		Pid    int
	}
	Config struct {
		Hostname, User, WorkingDir, StopSignal string
		Tty, OpenStdin                         bool
		Env, Cmd                               []string
	}
	HostConfig hostConfig
	Sandbox    any // the whole policy, a sandbox.Config
}

type hostConfig struct {
	Binds                                          []string
	NetworkMode, IpcMode, UsernsMode               string
	CapAdd, CapDrop                                []string
	Privileged, ReadonlyRootfs, AutoRemove         bool
	OomScoreAdj                                    int
	ShmSize, Memory, MemoryReservation, MemorySwap int64
	CpuShares                                      uint64
	NanoCpus                                       int64
	CpusetCpus, CpusetMems                         string
	BlkioWeight                                    uint16
	PidsLimit                                      int64
	Devices, DeviceCgroupRules, GroupAdd           []string
	Ulimits                                        map[string]sandbox.Rlimit
}

func (c *container) inspect() inspected {
	config, d := c.policy.Config(), c.args
	i := inspected{Name: "/" + c.name, Created: c.started.UTC(), Path: d.Args[1], Args: d.Args[2:], Sandbox: config}
	i.State.Status, i.State.Pid = "running", c.PID()
	i.Config.Hostname, i.Config.User, i.Config.WorkingDir, i.Config.StopSignal = config.Hostname, config.User, d.Workdir, d.StopSignal
	i.Config.Tty, i.Config.OpenStdin, i.Config.Env, i.Config.Cmd = d.TTY, d.Interactive, d.Env, d.Args[1:]
	i.HostConfig = hostConfig{
		NetworkMode: config.Network.String(), IpcMode: config.IPC.String(),
		CapAdd: config.CapAdd, CapDrop: config.CapDrop,
		Privileged: config.Privileged, ReadonlyRootfs: true, AutoRemove: d.Remove,
		ShmSize: config.ShmSize, Memory: config.Memory, MemoryReservation: config.MemoryReservation, MemorySwap: config.MemorySwap,
		CpuShares: config.CPUShares, NanoCpus: int64(config.CPUs * 1e9), CpusetCpus: config.CPUSet, CpusetMems: config.CPUSetMems,
		BlkioWeight: config.IOWeight, PidsLimit: config.Pids, Devices: config.Devices, DeviceCgroupRules: config.DeviceRules,
		GroupAdd: config.Groups, Ulimits: config.Rlimits,
	}
	if config.HostUserNS {
		i.HostConfig.UsernsMode = "host"
	}
	if config.OOMScoreAdj != nil {
		i.HostConfig.OomScoreAdj = *config.OOMScoreAdj
	}
	for _, m := range config.Mounts {
		if m.Source != "" {
			bind := []string{m.Source, m.Target}
			if m.ReadOnly {
				bind = append(bind, "ro")
			}
			i.HostConfig.Binds = append(i.HostConfig.Binds, strings.Join(bind, ":"))
		}
	}
	return i
}
