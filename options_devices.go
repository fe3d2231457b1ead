package sandbox

// WithDevice gives the sandbox a device of the host, as Docker's --device:
// "/dev/video0", "/dev/video0:/dev/camera" or "/dev/video0:/dev/camera:rw",
// with r to read, w to write and m to make the node. The node belongs to the
// sandbox's user, and where the host has the devices controller no other device
// can be opened, whatever nodes there are. It is additive.
//
// A device is a way into the host: a disk gives away its files, and a driver
// may have bugs.
func WithDevice(specs ...string) Option {
	return named("WithDevice", func(s *settings) { s.Devices = append(s.Devices, specs...) })
}

// WithDeviceRule allows access to devices by number, as Docker's
// --device-cgroup-rule: "c 189:* rmw". It makes no node. It is additive, and
// needs the devices controller: on cgroup v2 that is a BPF program, which only a
// privileged caller may load.
func WithDeviceRule(rules ...string) Option {
	return named("WithDeviceRule", func(s *settings) { s.DeviceRules = append(s.DeviceRules, rules...) })
}

// WithIOWeight sets the sandbox's weight when disks are contended, from 10 to
// 1000, as Docker's --blkio-weight; 500 is the middle.
func WithIOWeight(weight uint16) Option {
	return named("WithIOWeight", func(s *settings) { s.IOWeight = weight })
}

// WithIOMax limits the traffic to one block device of the host, such as
// "/dev/sda", in bytes and operations per second; 0 is no limit. It is additive
// by device.
func WithIOMax(device string, limit IOLimit) Option {
	return named("WithIOMax", func(s *settings) { s.IOMax[device] = limit })
}

// An IOLimit is rates per second; 0 is no limit.
type IOLimit struct {
	ReadBytes  uint64 `json:"readBytes,omitempty"`
	WriteBytes uint64 `json:"writeBytes,omitempty"`
	ReadOps    uint64 `json:"readOps,omitempty"`
	WriteOps   uint64 `json:"writeOps,omitempty"`
}

// WithOOMScoreAdj sets how readily the kernel kills the sandbox's processes when
// the whole host runs out of memory, from -1000 to 1000 (proc(5)). Less than the
// caller's own needs CAP_SYS_RESOURCE.
func WithOOMScoreAdj(n int) Option {
	return named("WithOOMScoreAdj", func(s *settings) { s.OOMScoreAdj = &n })
}

// WithTerminal makes the command's standard input, which must be a terminal of
// its own such as the far end of a pseudo-terminal, its controlling terminal,
// so that job control works. Without it the command has none; the caller's own
// terminal should never be given to one.
func WithTerminal() Option {
	return named("WithTerminal", func(s *settings) { s.Terminal = true })
}
