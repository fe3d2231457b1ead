package sandbox

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// UnmarshalJSON reads what a Config marshals to, so that a recorded policy can
// be compared with another. A mode that refers to a running sandbox comes back as
// its text, such as container:17, which no option accepts.
func (c *Config) UnmarshalJSON(data []byte) error {
	type plain Config
	read := struct {
		*plain
		Network      string `json:"network"`
		IPC          string `json:"ipc"`
		PIDNamespace string `json:"pidNamespace"`
	}{plain: (*plain)(c)}
	if err := json.Unmarshal(data, &read); err != nil {
		return err
	}
	c.Network, c.IPC, c.PIDNamespace = networkKind(read.Network), ipcKind(read.IPC), pidKind(read.PIDNamespace)
	if path, ok := strings.CutPrefix(read.Network, "ns:"); ok {
		c.Network = networkPath(path)
	}
	return nil
}

// clone copies all that a caller could change.
func (c Config) clone() Config {
	c.Rlimits, c.IOMax = maps.Clone(c.Rlimits), maps.Clone(c.IOMax)
	c.Groups, c.UIDMap, c.GIDMap = slices.Clone(c.Groups), slices.Clone(c.UIDMap), slices.Clone(c.GIDMap)
	c.Devices, c.DeviceRules = slices.Clone(c.Devices), slices.Clone(c.DeviceRules)
	c.CapAdd, c.CapDrop = slices.Clone(c.CapAdd), slices.Clone(c.CapDrop)
	c.Mounts, c.Masks, c.SUID = slices.Clone(c.Mounts), slices.Clone(c.Masks), slices.Clone(c.SUID)
	c.BestEffort, c.LandlockRules = slices.Clone(c.BestEffort), slices.Clone(c.LandlockRules)
	if n := c.OOMScoreAdj; n != nil {
		copied := *n
		c.OOMScoreAdj = &copied
	}
	for i, m := range c.Mounts {
		if m.Owner != nil {
			copied := *m.Owner
			c.Mounts[i].Owner = &copied
		}
	}
	return c
}
