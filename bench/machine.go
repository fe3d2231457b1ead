package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// machine is where it was measured.
type machine struct {
	CPU     string  `json:"cpu"`
	Cores   int     `json:"cores"`
	Memory  int64   `json:"memory"` // bytes
	Kernel  string  `json:"kernel"`
	Arch    string  `json:"arch"`
	Virtual bool    `json:"virtual"`
	Cgroup  string  `json:"cgroup"`
	Go      string  `json:"go"`
	Load    float64 `json:"load"` // when the run began
}

func thisMachine() machine {
	m := machine{
		CPU: "unknown", Cores: runtime.NumCPU(), Arch: runtime.GOARCH, Go: runtime.Version(),
		Memory: fields("/proc/meminfo")["MemTotal"], Cgroup: "v2",
	}
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ":")
			switch strings.TrimSpace(name) {
			case "model name":
				m.CPU = strings.TrimSpace(value)
			case "flags":
				m.Virtual = strings.Contains(value, " hypervisor")
			}
		}
	}
	var u syscall.Utsname
	if syscall.Uname(&u) == nil {
		var b strings.Builder
		for _, c := range u.Release {
			if c == 0 {
				break
			}
			b.WriteByte(byte(c))
		}
		m.Kernel = b.String()
	}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err != nil {
		m.Cgroup = "v1"
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		first, _, _ := strings.Cut(string(load), " ")
		m.Load, _ = strconv.ParseFloat(first, 64)
	}
	return m
}

// Busy says whether others used much of the machine.
func (m machine) Busy() bool { return m.Load > float64(m.Cores)/2 }

func (m machine) String() string {
	what := ""
	if m.Virtual {
		what = " in a virtual machine"
	}
	return fmt.Sprintf("%s%s, %d cores, %d GiB, Linux %s (%s), cgroup %s, %s, load %.1f at the start",
		m.CPU, what, m.Cores, (m.Memory+1<<29)>>30, m.Kernel, m.Arch, m.Cgroup, m.Go, m.Load)
}
