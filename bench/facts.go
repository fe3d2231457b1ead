package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// facts is what a program sees of what confines it.
type facts struct {
	Way        string   `json:"way"`
	Namespaces []string `json:"namespaces"` // those that are not the host's
	UID        int      `json:"uid"`
	Mounts     int      `json:"mounts"`
	Filter     bool     `json:"filter"`
	NoNewPrivs bool     `json:"noNewPrivs"`
	Bounding   string   `json:"bounding"` // capabilities
	Init       bool     `json:"init"`     // process 1 is another
}

var namespaces = []string{"user", "mnt", "pid", "ipc", "uts", "net", "cgroup"}

// collectFacts asks by each way.
func collectFacts(ways []way) ([]facts, error) {
	var all []facts
	for _, w := range ways {
		out, err := w.facts()
		if err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", w.name, err, out)
		}
		f, err := parseFacts(out)
		if err != nil {
			return nil, fmt.Errorf("%s: %w in %q", w.name, err, out)
		}
		f.Way = w.name
		all = append(all, f)
	}
	return all, nil
}

// parseFacts reads what program facts prints.
func parseFacts(out []byte) (facts, error) {
	var raw struct {
		Seccomp, NoNewPrivs, Bounding string
		UID, PID1, Mounts             int
	}
	out = bytes.TrimSpace(out)
	if err := json.Unmarshal(out, &raw); err != nil {
		return facts{}, err
	}
	links := map[string]any{}
	if err := json.Unmarshal(out, &links); err != nil {
		return facts{}, err
	}
	f := facts{UID: raw.UID, Mounts: raw.Mounts, Filter: raw.Seccomp == "2", NoNewPrivs: raw.NoNewPrivs == "1", Bounding: raw.Bounding, Init: raw.PID1 == 1}
	for _, n := range namespaces {
		if own, err := os.Readlink(filepath.Join("/proc/self/ns", n)); err == nil && links[n] != own {
			f.Namespaces = append(f.Namespaces, n)
		}
	}
	return f, nil
}
