package probe

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/attempt"
)

func devices() []Probe {
	var out []Probe
	for _, d := range []struct{ name, why string }{
		{"kmsg", "kmsg: the kernel's messages, with addresses"},
		{"mem", "mem(4): physical memory"},
		{"port", "mem(4): I/O ports"},
		{"fuse", "fuse(4): file systems that answer at will, which make races easy to win"},
		{"net/tun", "network interfaces of one's own"},
		{"kvm", "virtual machines: a large interface of the kernel"},
		{"loop-control", "loop(4): files as disks"},
		{"btrfs-control", "file systems that the kernel parses"},
		{"mapper/control", "device mapper"},
		{"userfaultfd", "userfaultfd(2) by its device"},
		{"vsock", "vsock(7): the hypervisor"},
		{"vhost-net", "CVE-2019-14835: the kernel's side of virtual networks"},
		{"hwrng", "a generator that others share"},
		{"cpu_dma_latency", "power management of all CPUs"},
		{"vga_arbiter", "the graphics card's I/O ports"},
		{"console", "CVE-2025-52565: the system's console"},
		{"tty0", "console_ioctl(4): the current virtual console"},
		{"vcs", "vcs(4): what is on the screen"},
		{"autofs", "mounts on demand"},
		{"uinput", "uinput: keys pressed for the user"},
		{"input/event0", "what the user types"},
		{"snd/timer", "the sound system"},
		{"dri/card0", "the graphics card"},
		{"rtc0", "rtc(4): the hardware clock"},
		{"cpu/0/msr", "msr(4): registers of the CPU"},
	} {
		out = append(out, Probe{"devices/" + d.name, "open /dev/" + d.name, d.why, Plain,
			always(func() error { return attempt.Open("/dev/"+d.name, unix.O_RDONLY) })})
	}
	return append(out, []Probe{
		{"devices/disk", "open a disk of the host", "the files below every view", Plain, func(f *Facts) error {
			if f.Disk == "" {
				return errors.New("the host shows none")
			}
			return attempt.Open(f.Disk, unix.O_RDONLY)
		}},
		{"devices/others", "find any other device in /dev", "devices that nobody asked for", Plain, always(otherDevices)},
		{"devices/make", "make a device node in /tmp and open it", "mknod(2): a device need not be in /dev", Plain, always(func() error {
			return makeDevice(attempt.NullDevice)
		})},
		{"devices/make-disk", "make a node for a disk and open it", "mknod(2): the files below every view", Plain, func(f *Facts) error {
			return makeDevice(func(path string) error {
				return unix.Mknod(path, unix.S_IFBLK|0o600, int(unix.Mkdev(f.DiskMajor, f.DiskMinor)))
			})
		}},
	}...)
}

func makeDevice(mknod func(path string) error) error {
	dir, err := os.MkdirTemp("/tmp", "device")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "node")
	if err := mknod(path); err != nil {
		return err
	}
	return attempt.Open(path, unix.O_RDONLY)
}

// harmlessDevices are by number those that only compute, and terminals of
// one's own.
var harmlessDevices = [][2]uint32{{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 2}}

const unix98Terminals = 136 // and the seven numbers after it

func otherDevices() error {
	found := errHidden
	filepath.WalkDir("/dev", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeDevice == 0 {
			return nil
		}
		var st unix.Stat_t
		if unix.Lstat(path, &st) != nil {
			return nil
		}
		major, minor := unix.Major(st.Rdev), unix.Minor(st.Rdev)
		if major/8 == unix98Terminals/8 || slices.Contains(harmlessDevices, [2]uint32{major, minor}) {
			return nil
		}
		found = nil
		return fs.SkipAll
	})
	return found
}
