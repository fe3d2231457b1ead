package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/seed-d1379373/sandbox"
)

// inspected is docker inspect's description, as far as it says something here.
type inspected struct {
	Id      string
	Name    string
	Created time.Time
	Path    string
	Args    []string
	State   struct {
		Status    string
		Running   bool
		Pid       int
		StartedAt time.Time
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
	SecurityOpt                                    []string
	Privileged, ReadonlyRootfs, AutoRemove         bool
	PublishAllPorts                                bool
	OomScoreAdj                                    int
	ShmSize, Memory, MemoryReservation, MemorySwap int64
	CpuShares                                      uint64
	NanoCpus                                       int64
	CpusetCpus, CpusetMems                         string
	BlkioWeight                                    uint16
	PidsLimit                                      int64
	Devices                                        []deviceMapping
	DeviceCgroupRules, GroupAdd                    []string
	Ulimits                                        []ulimit
}

type deviceMapping struct{ PathOnHost, PathInContainer, CgroupPermissions string }

type ulimit struct {
	Name       string
	Hard, Soft uint64
}

func (c *container) inspect() inspected {
	config, d := c.policy.Config(), c.args
	i := inspected{Id: c.id, Name: "/" + c.name, Created: c.started.UTC(), Path: d.Args[1], Args: d.Args[2:], Sandbox: config}
	i.State.Status, i.State.Running, i.State.Pid, i.State.StartedAt = "running", true, c.PID(), i.Created
	i.Config.Hostname, i.Config.User, i.Config.WorkingDir, i.Config.StopSignal = config.Hostname, config.User, d.Workdir, d.StopSignal
	i.Config.Tty, i.Config.OpenStdin, i.Config.Env, i.Config.Cmd = d.TTY, d.Interactive, d.Env, d.Args[1:]
	i.HostConfig = hostConfig{
		NetworkMode: config.Network.String(), IpcMode: config.IPC.String(),
		CapAdd: config.CapAdd, CapDrop: config.CapDrop, SecurityOpt: securityOpts(config),
		Privileged: config.Privileged, ReadonlyRootfs: true, AutoRemove: d.Remove, PublishAllPorts: d.PublishAll,
		ShmSize: config.ShmSize, Memory: config.Memory, MemoryReservation: config.MemoryReservation, MemorySwap: config.MemorySwap,
		CpuShares: config.CPUShares, NanoCpus: int64(config.CPUs * 1e9), CpusetCpus: config.CPUSet, CpusetMems: config.CPUSetMems,
		BlkioWeight: config.IOWeight, PidsLimit: config.Pids, DeviceCgroupRules: config.DeviceRules, GroupAdd: config.Groups,
	}
	h := &i.HostConfig
	if config.HostUserNS {
		h.UsernsMode = "host"
	}
	if config.OOMScoreAdj != nil {
		h.OomScoreAdj = *config.OOMScoreAdj
	}
	for _, m := range config.Mounts {
		if m.Source != "" {
			bind := []string{m.Source, m.Target}
			if m.ReadOnly {
				bind = append(bind, "ro")
			}
			h.Binds = append(h.Binds, strings.Join(bind, ":"))
		}
	}
	for _, spec := range config.Devices {
		h.Devices = append(h.Devices, mapping(spec))
	}
	for _, name := range slices.Sorted(maps.Keys(config.Rlimits)) {
		r := config.Rlimits[name]
		h.Ulimits = append(h.Ulimits, ulimit{strings.ToLower(name), r.Hard, r.Soft})
	}
	return i
}

// mapping reads a valid value of --device.
func mapping(spec string) deviceMapping {
	parts := strings.Split(spec, ":")
	m := deviceMapping{parts[0], parts[0], "rwm"}
	for _, p := range parts[1:] {
		if strings.HasPrefix(p, "/") {
			m.PathInContainer = p
		} else {
			m.CgroupPermissions = p
		}
	}
	return m
}

// securityOpts are the values of --security-opt that make the same policy, but
// for the path of a seccomp profile.
func securityOpts(c sandbox.Config) (opts []string) {
	for _, o := range []struct{ key, value string }{
		{"label=user", c.SELinux.User}, {"label=role", c.SELinux.Role}, {"label=type", c.SELinux.Type}, {"label=level", c.SELinux.Level},
	} {
		if o.value != "" {
			opts = append(opts, o.key+":"+o.value)
		}
	}
	if c.SELinuxDisabled {
		opts = append(opts, "label=disable")
	}
	if c.AppArmor != "" {
		opts = append(opts, "apparmor="+c.AppArmor)
	}
	if c.Seccomp != "default" {
		opts = append(opts, "seccomp="+c.Seccomp)
	}
	if !c.NewPrivileges {
		opts = append(opts, "no-new-privileges")
	}
	return opts
}

// printInspected prints descriptions as docker inspect does: all in a list, or
// each by a template of -f, as in {{.State.Pid}}.
func printInspected(w io.Writer, format string, described []json.RawMessage) error {
	if format == "" {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "    ")
		return e.Encode(described)
	}
	t, err := template.New("-f").Funcs(template.FuncMap{"json": jsonText}).Parse(format)
	if err != nil {
		return err
	}
	for _, text := range described {
		var fields any
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber() // 268435456 and not 2.68435456e+08
		if err := d.Decode(&fields); err != nil {
			return err
		}
		if err := t.Execute(w, fields); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	return nil
}

func jsonText(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}
