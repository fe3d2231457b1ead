package cgroup

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bounds that the kernel has, or that keep a value from being rounded to nothing.
const (
	minMemory     = 64 << 10 // one page of the largest page size in use
	minShares     = 2
	maxShares     = 1 << 18
	minQuota      = 1000
	maxQuota      = 1 << 43 // the kernel keeps 44 bits of microseconds
	minPeriod     = 1000
	maxPeriod     = 1000000
	defaultPeriod = 100000
	maxPids       = 4 << 20
	minIOWeight   = 10
	maxIOWeight   = 1000
)

// Validate checks every field without looking at the host. The error joins one
// [*LimitError] for each field that is wrong.
func (l Limits) Validate() error {
	checks := []func(Limits) error{
		checkMemory, checkSwap, checkReservation,
		checkShares, checkCPUs, checkQuota, checkPeriod,
		checkCPUSet, checkCPUSetMems,
		checkPids, checkIOWeight, checkIOMax, checkDevices,
	}
	var errs []error
	for _, check := range checks {
		errs = append(errs, check(l))
	}
	return errors.Join(errs...)
}

func wrong(limit string, value any, format string, args ...any) error {
	return &LimitError{Limit: limit, Value: fmt.Sprint(value), Reason: fmt.Sprintf(format, args...)}
}

func checkMemory(l Limits) error {
	if l.Memory != 0 && l.Memory != Unlimited && l.Memory < minMemory {
		return wrong("Memory", l.Memory, "must be at least %d bytes, or -1 for no limit", minMemory)
	}
	return nil
}

func checkSwap(l Limits) error {
	switch {
	case l.MemorySwap == 0 || l.MemorySwap == Unlimited:
		return nil
	case l.MemorySwap < 0:
		return wrong("MemorySwap", l.MemorySwap, "must be the sum of memory and swap in bytes, or -1 for no limit")
	case l.Memory <= 0:
		return wrong("MemorySwap", l.MemorySwap, "needs Memory: it is the sum of memory and swap")
	case l.MemorySwap < l.Memory:
		return wrong("MemorySwap", l.MemorySwap, "is less than Memory %d, but it is the sum of memory and swap", l.Memory)
	}
	return nil
}

func checkReservation(l Limits) error {
	switch {
	case l.MemoryReservation < 0:
		return wrong("MemoryReservation", l.MemoryReservation, "must not be negative")
	case l.Memory > 0 && l.MemoryReservation > l.Memory:
		return wrong("MemoryReservation", l.MemoryReservation, "is more than Memory %d", l.Memory)
	}
	return nil
}

func checkShares(l Limits) error {
	if l.CPUShares != 0 && (l.CPUShares < minShares || l.CPUShares > maxShares) {
		return wrong("CPUShares", l.CPUShares, "must be from %d to %d", minShares, maxShares)
	}
	return nil
}

func checkCPUs(l Limits) error {
	if l.CPUs == 0 {
		return nil
	}
	quota := l.CPUs * defaultPeriod
	switch {
	case math.IsNaN(l.CPUs) || math.Round(quota) < minQuota:
		return wrong("CPUs", l.CPUs, "must be at least 0.01")
	case quota > maxQuota:
		return wrong("CPUs", l.CPUs, "is more than the kernel can count")
	case l.CPUQuota != 0 || l.CPUPeriod != 0:
		return wrong("CPUs", l.CPUs, "cannot be combined with CPUQuota or CPUPeriod")
	}
	return nil
}

func checkQuota(l Limits) error {
	if l.CPUQuota != 0 && l.CPUQuota != Unlimited && (l.CPUQuota < minQuota || l.CPUQuota > maxQuota) {
		return wrong("CPUQuota", l.CPUQuota, "must be from %d to %d microseconds, or -1 for no limit", minQuota, int64(maxQuota))
	}
	return nil
}

func checkPeriod(l Limits) error {
	if l.CPUPeriod != 0 && (l.CPUPeriod < minPeriod || l.CPUPeriod > maxPeriod) {
		return wrong("CPUPeriod", l.CPUPeriod, "must be from %d to %d microseconds", minPeriod, maxPeriod)
	}
	return nil
}

func checkCPUSet(l Limits) error     { return checkList("CPUSet", l.CPUSet) }
func checkCPUSetMems(l Limits) error { return checkList("CPUSetMems", l.CPUSetMems) }

func checkList(limit, list string) error {
	if list == "" {
		return nil
	}
	ids, err := ParseCPUList(list)
	switch {
	case err != nil:
		return wrong(limit, list, "%v", err)
	case len(ids) == 0:
		return wrong(limit, list, "names nothing")
	}
	return nil
}

func checkPids(l Limits) error {
	if l.Pids != 0 && l.Pids != Unlimited && (l.Pids < 0 || l.Pids > maxPids) {
		return wrong("Pids", l.Pids, "must be from 1 to %d, or -1 for no limit", maxPids)
	}
	return nil
}

func checkIOWeight(l Limits) error {
	if l.IOWeight != 0 && (l.IOWeight < minIOWeight || l.IOWeight > maxIOWeight) {
		return wrong("IOWeight", l.IOWeight, "must be from %d to %d", minIOWeight, maxIOWeight)
	}
	return nil
}

func checkIOMax(l Limits) error {
	var errs []error
	for i, m := range l.IOMax {
		limit := "IOMax[" + strconv.Itoa(i) + "]"
		switch {
		case m.Device == "" || strings.ContainsAny(m.Device, "\x00\n"):
			errs = append(errs, wrong(limit, strconv.Quote(m.Device), "Device must be a path or MAJOR:MINOR"))
		case m.ReadBPS == 0 && m.WriteBPS == 0 && m.ReadIOPS == 0 && m.WriteIOPS == 0:
			errs = append(errs, wrong(limit, m.Device, "sets no rate"))
		case m.ReadIOPS > math.MaxUint32 || m.WriteIOPS > math.MaxUint32:
			errs = append(errs, wrong(limit, m.Device, "operations per second must be at most %d", uint32(math.MaxUint32)))
		}
	}
	return errors.Join(errs...)
}

func checkDevices(l Limits) error {
	var errs []error
	for i, r := range l.Devices {
		if reason := r.fault(); reason != "" {
			errs = append(errs, wrong("Devices["+strconv.Itoa(i)+"]", r, "%s", reason))
		}
	}
	return errors.Join(errs...)
}
