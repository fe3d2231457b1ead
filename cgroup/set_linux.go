package cgroup

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Set changes limits while the group runs; fields that are zero stay as they
// are. Only controllers that the group was made with can be used.
//
// Lowering Memory below what is in use makes the kernel reclaim: where that is
// not enough v1 refuses (EBUSY) and v2 starts the OOM killer. On v1 Memory
// cannot be raised above an earlier MemorySwap without giving a new one.
// Settings are applied in turn; if one fails, those before it are in force.
func (g *Group) Set(l Limits) error {
	if err := l.Validate(); err != nil {
		return err
	}
	done, err := g.use("set")
	if err != nil {
		return err
	}
	defer done()
	for _, c := range l.needs() {
		if g.at(c) == nil {
			return &UnsupportedError{
				Feature: c,
				Reason:  "the group was made without this controller",
				Fix:     "name it in Options.Controllers, or set such a limit, when the group is made",
			}
		}
	}
	settings, err := l.settings(func(c string) int { return g.at(c).base.version }, deviceNumberOf)
	if err != nil {
		return err
	}
	settings = slices.DeleteFunc(settings, func(s setting) bool { return s.inherit })
	g.noteQuota(l)
	g.setMu.Lock()
	defer g.setMu.Unlock()
	g.reorder(settings, "memory", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", memoryExceedsSwap)
	g.reorder(settings, "cpu", "cpu.cfs_period_us", "cpu.cfs_quota_us", periodShrinks)
	for _, s := range settings {
		if err := g.at(s.controller).apply(s); err != nil {
			return err
		}
	}
	return nil
}

// reorder swaps two settings of v1 if the first write would break a rule that
// holds between the two files: memory must not exceed memory and swap, and a
// short period with an old, long quota may exceed what the group above has.
func (g *Group) reorder(settings []setting, controller, first, second string, swap func(next string, d *dir) bool) {
	i := slices.IndexFunc(settings, func(s setting) bool { return s.file == first })
	j := slices.IndexFunc(settings, func(s setting) bool { return s.file == second })
	if i < 0 || j < 0 || i > j {
		return
	}
	if swap(settings[i].value, g.at(controller)) {
		settings[i], settings[j] = settings[j], settings[i]
	}
}

func memoryExceedsSwap(next string, d *dir) bool {
	return amount(next) > d.amount("memory.memsw.limit_in_bytes")
}

func periodShrinks(next string, d *dir) bool {
	return amount(next) < d.amount("cpu.cfs_period_us")
}

func (d *dir) amount(file string) int64 {
	text, err := d.readFile(file)
	if err != nil {
		return math.MaxInt64
	}
	return amount(text)
}

func amount(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n == Unlimited {
		return math.MaxInt64
	}
	return n
}

var errMismatch = errors.New("the kernel kept another value")

// apply writes one setting and makes sure that the kernel kept it.
func (d *dir) apply(s setting) error {
	if s.devices != nil {
		return d.applyDevices(s.devices)
	}
	if s.anyOf != nil {
		return d.applyAny(s)
	}
	if s.inherit {
		text, err := readAt(d.base.fd, s.file)
		if err != nil {
			return &Error{Op: "read", Controller: s.controller, Path: path.Join(d.base.path, s.file), Err: err}
		}
		s.value = strings.TrimSpace(text)
	}
	here := s.compare != unchecked && s.readBack == ""
	kept, err := d.write(s.file, s.value, here)
	switch {
	case errors.Is(err, unix.ENOENT) && s.swapFile:
		return d.withoutSwapFile(s, err)
	case err != nil:
		return d.fail("write", s.controller, s.file, s.value, err)
	case s.compare == unchecked:
		return nil
	}
	file := s.file
	if !here {
		file = s.readBack
		if kept, err = d.read(s.controller, file); err != nil {
			return err
		}
	}
	if !s.kept(kept, int64(os.Getpagesize())) {
		return &Error{
			Op: "write", Controller: s.controller, Path: d.path(s.file), Value: s.value,
			Cause: fmt.Sprintf("%s is now %s", file, quoted(strings.TrimSpace(kept))), Err: errMismatch,
		}
	}
	return nil
}

// applyAny writes a value to those of several files that this kernel has.
func (d *dir) applyAny(s setting) error {
	written := 0
	for _, one := range s.anyOf {
		_, err := d.write(one.file, one.value, false)
		switch {
		case err == nil:
			written++
		case !errors.Is(err, unix.ENOENT):
			return d.fail("write", one.controller, one.file, one.value, err)
		}
	}
	if written > 0 {
		return nil
	}
	return &UnsupportedError{
		Feature: "IOWeight",
		Reason:  "the kernel offers no weight for disk time",
		Fix:     "load the bfq module and use the bfq scheduler on the disk",
		Err:     d.fail("write", s.controller, s.file, s.value, unix.ENOENT),
	}
}

// withoutSwapFile decides about a kernel that does not account for swap: where
// there is no swap, memory and swap together are memory.
func (d *dir) withoutSwapFile(s setting, missing error) error {
	if s.value == "max" || s.value == "-1" {
		return nil
	}
	swap, err := hostHasSwap()
	if err == nil && !swap {
		return nil
	}
	return &UnsupportedError{
		Feature: "MemorySwap",
		Reason:  "the kernel does not account for swap, and this host has some",
		Fix:     "boot with swapaccount=1, or switch swap off",
		Err:     errors.Join(d.fail("write", s.controller, s.file, s.value, missing), err),
	}
}

func hostHasSwap() (bool, error) {
	text, err := os.ReadFile("/proc/swaps")
	if err != nil {
		return false, err
	}
	// The first line is the heading.
	return strings.Count(strings.TrimSpace(string(text)), "\n") > 0, nil
}

// deviceNumberOf gives MAJOR:MINOR of a block device named by path or number.
func deviceNumberOf(device string) (string, error) {
	if major, minor, ok := strings.Cut(device, ":"); ok {
		_, err1 := strconv.ParseUint(major, 10, 32)
		_, err2 := strconv.ParseUint(minor, 10, 32)
		if err1 == nil && err2 == nil {
			return device, nil
		}
	}
	var st unix.Stat_t
	if err := unix.Stat(device, &st); err != nil {
		return "", &Error{Op: "stat", Controller: "io", Path: device, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return "", &LimitError{Limit: "IOMax", Value: strconv.Quote(device), Reason: "is not a block device"}
	}
	number := uint64(st.Rdev)
	return fmt.Sprintf("%d:%d", unix.Major(number), unix.Minor(number)), nil
}
