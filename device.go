package sandbox

import (
	"path"
	"strconv"
	"strings"

	"github.com/seed-d1379373/sandbox/cgroup"
)

// A device is one of WithDevice.
type device struct{ host, inside, access string }

// parseDevice reads "host", "host:inside" or "host:inside:access", and also
// "host:access", all as Docker does.
func parseDevice(spec string) (device, string) {
	parts := strings.Split(spec, ":")
	d := device{host: parts[0], inside: parts[0], access: "rwm"}
	switch {
	case len(parts) > 3:
		return d, "not of the form host[:inside][:access]"
	case len(parts) == 3:
		d.inside, d.access = parts[1], parts[2]
	case len(parts) == 2 && path.IsAbs(parts[1]):
		d.inside = parts[1]
	case len(parts) == 2:
		d.access = parts[1]
	}
	d.inside = path.Clean(d.inside)
	switch {
	case badPath(d.host) != "":
		return d, "host device: " + badPath(d.host)
	case !within(d.inside, "/dev") || d.inside == "/dev":
		return d, "the place inside must lie below /dev"
	case badAccess(d.access):
		return d, "access must be some of the letters r, w and m"
	}
	return d, ""
}

func badAccess(access string) bool {
	if access == "" || strings.Trim(access, "rwm") != "" {
		return true
	}
	for _, letter := range access {
		if strings.Count(access, string(letter)) > 1 {
			return true
		}
	}
	return false
}

// parseDeviceRule reads "c 189:* rmw".
func parseDeviceRule(rule string) (cgroup.DeviceRule, string) {
	const form = "not of the form TYPE MAJOR:MINOR ACCESS, such as c 189:* rmw"
	fields := strings.Fields(rule)
	if len(fields) != 3 {
		return cgroup.DeviceRule{}, form
	}
	major, minor, ok := strings.Cut(fields[1], ":")
	if len(fields[0]) != 1 || !strings.Contains("abc", fields[0]) || !ok || badAccess(fields[2]) {
		return cgroup.DeviceRule{}, form
	}
	r := cgroup.DeviceRule{Type: fields[0][0], Access: fields[2], Allow: true}
	for _, n := range []struct {
		text string
		to   *int64
	}{{major, &r.Major}, {minor, &r.Minor}} {
		if n.text == "*" {
			*n.to = -1
			continue
		}
		v, err := strconv.ParseUint(n.text, 10, 32)
		if err != nil {
			return cgroup.DeviceRule{}, form
		}
		*n.to = int64(v)
	}
	return r, ""
}

func checkDevices(s *settings) {
	for _, spec := range s.Devices {
		d, why := parseDevice(spec)
		if why != "" {
			s.fail("WithDevice", spec, "%s", why)
			continue
		}
		s.devices = append(s.devices, d)
	}
	for _, rule := range s.DeviceRules {
		r, why := parseDeviceRule(rule)
		if why != "" {
			s.fail("WithDeviceRule", rule, "%s", why)
			continue
		}
		s.deviceRules = append(s.deviceRules, r)
	}
	if s.named["WithIOWeight"] && (s.IOWeight < 10 || s.IOWeight > 1000) {
		s.fail("WithIOWeight", s.IOWeight, "must be from 10 to 1000")
	}
	for dev, l := range s.IOMax {
		switch {
		case badPath(dev) != "":
			s.fail("WithIOMax", dev, "device: %s", badPath(dev))
		case l == IOLimit{}:
			s.fail("WithIOMax", dev, "no limit")
		}
	}
	if a := s.OOMScoreAdj; a != nil && (*a < -1000 || *a > 1000) {
		s.fail("WithOOMScoreAdj", *a, "must be from -1000 to 1000")
	}
}
