package probe

import "golang.org/x/sys/unix"

// old are calls that only this architecture has.
func old() []Probe {
	call := func(name, why string, act func(*Facts) error) Probe {
		return Probe{"kernel/" + name, "reach " + name, why, Plain, act}
	}
	return []Probe{
		call("iopl", "iopl(2): I/O ports", reach(unix.SYS_IOPL, 3)),
		call("ioperm", "ioperm(2): I/O ports", reach(unix.SYS_IOPERM, 0x80, 1, 1)),
		call("modify_ldt", "CVE-2015-5157: segments of 16-bit programs", reach(unix.SYS_MODIFY_LDT)),
		call("sysfs", "sysfs(2): which file systems the kernel has", reach(unix.SYS_SYSFS, 3)),
		call("ustat", "ustat(2): file systems by device number", reach(unix.SYS_USTAT)),
	}
}
