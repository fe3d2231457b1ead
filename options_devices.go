package sandbox

// WithDevice gives the sandbox a device of the host, as Docker's --device:
// "/dev/video0", "/dev/video0:/dev/camera" or "/dev/video0:/dev/camera:rw", with r
// to read, w to write and m to make the node; rwm is the default. The node belongs
// to the sandbox's user. It is additive. A malformed text is an *[OptionError], a path
// that is no device an error of Start.
//
// Where the host has the devices controller (devices.allow on cgroup v1) no other
// device can be opened, whatever nodes there are. Elsewhere the nodes that exist are the
// limit: nothing inside can make another. An ordinary caller cannot make nodes either;
// the host's own is bound, with the host's permissions, which must let it in. Less access
// than these give is then withheld by Landlock, which withholds writing alone; what
// nothing withholds, such as reading, is an *[UnsupportedError].
//
// A device is a way into the host: a disk gives away its files, and a driver may
// have bugs.
func WithDevice(specs ...string) Option {
	return named("WithDevice", func(s *settings) { s.Devices = append(s.Devices, specs...) })
}

// WithDeviceRule allows access to devices by number, as Docker's
// --device-cgroup-rule: "c 189:* rmw" with c, b or a, major and minor number or *, and
// the access. It makes no node. It is additive, and needs the devices controller,
// without which Start fails with an *[UnsupportedError].
func WithDeviceRule(rules ...string) Option {
	return named("WithDeviceRule", func(s *settings) { s.DeviceRules = append(s.DeviceRules, rules...) })
}

// WithIOWeight sets the sandbox's weight while disks are contended, from 10 to 1000,
// as Docker's --blkio-weight; the default is the kernel's. It needs the io controller (blkio on cgroup v1) and, to have an
// effect, the BFQ scheduler or io.cost on the disk; where the kernel has no file for
// it Start fails with an *[UnsupportedError].
func WithIOWeight(weight uint16) Option {
	return named("WithIOWeight", func(s *settings) { s.IOWeight = weight })
}

// WithIOMax limits the traffic to one block device of the host, such as "/dev/sda", in
// bytes and operations per second; 0 is no limit, and an [IOLimit] of zeros an
// *[OptionError]. It is additive by device, which must be a whole disk and not a
// partition. It needs the io controller (io.max; on cgroup v1
// blkio.throttle.*_device).
//
// On cgroup v1 only direct and synchronous traffic counts, not the writing back of
// cached pages. What the page cache answers is no traffic.
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

// WithOOMScoreAdj sets how readily the kernel kills the sandbox's processes when the
// whole host runs out of memory, from -1000 (never) to 1000 (first), as
// /proc/PID/oom_score_adj (proc(5)); without it they have the host program's own
// value. Less than that one needs CAP_SYS_RESOURCE, and is a *[SetupError] without. The
// sandbox's own limit, [WithMemory], kills by the same order, but what has -1000
// cannot be killed, and may hang at the limit instead.
func WithOOMScoreAdj(n int) Option {
	return named("WithOOMScoreAdj", func(s *settings) { s.OOMScoreAdj = &n })
}

// WithTerminal makes the command's standard input, which must be a terminal of its
// own such as the far end of a pseudo-terminal (pty(7)), its controlling terminal, so
// that job control and SIGWINCH work; Start fails with a *[SetupError] if it is no
// terminal, or another session's. Without it the command has none, and cannot open
// /dev/tty.
//
// The host program keeps the near end, copies to and from its own terminal, and passes
// its size on (TIOCSWINSZ). Its own terminal should never be given to a command:
// though the filter refuses to type into one (TIOCSTI, CVE-2017-5226; TIOCLINUX), it
// could be read from, and be sent escape sequences.
func WithTerminal() Option {
	return named("WithTerminal", func(s *settings) { s.Terminal = true })
}
