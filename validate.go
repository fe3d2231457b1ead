package sandbox

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/seed-d1379373/sandbox/caps"
	"github.com/seed-d1379373/sandbox/cgroup"
	"github.com/seed-d1379373/sandbox/namespace"
	"github.com/seed-d1379373/sandbox/seccomp"
)

// validate checks every option and returns all errors at once. It looks at
// nothing but the values: what the host can do is found out at the start.
func (s *settings) validate() error {
	for _, check := range []func(*settings){
		checkMemory, checkCPU, checkLimits, checkRlimits, checkTimes, checkUser,
		checkCaps, checkSeccomp, checkRootFS, checkMounts, checkSUID, checkMasks, checkHostname,
		checkModes, checkPID, checkUTS, checkMaps, checkDevices, checkLSM, checkSecurity, checkBestEffort,
	} {
		check(s)
	}
	return errors.Join(s.errs...)
}

// smallestMemory is below what any program needs and above what the kernel
// charges before the first instruction.
const smallestMemory = 64 << 10

func checkMemory(s *settings) {
	if s.Memory != Unlimited && s.Memory < smallestMemory {
		s.fail("WithMemory", s.Memory, "must be at least %d bytes (64 KiB), or sandbox.Unlimited", smallestMemory)
	}
	switch {
	case !s.named["WithMemorySwap"]:
		s.MemorySwap = s.Memory
	case s.MemorySwap == Unlimited:
	case s.Memory == Unlimited:
		s.fail("WithMemorySwap", s.MemorySwap, "needs a memory limit")
	case s.MemorySwap < s.Memory:
		s.fail("WithMemorySwap", s.MemorySwap, "is the sum of memory and swap, and less than the memory limit of %d", s.Memory)
	}
	if s.named["WithMemoryReservation"] {
		switch {
		case s.MemoryReservation <= 0:
			s.fail("WithMemoryReservation", s.MemoryReservation, "must be positive")
		case s.Memory != Unlimited && s.MemoryReservation > s.Memory:
			s.fail("WithMemoryReservation", s.MemoryReservation, "is more than the memory limit of %d", s.Memory)
		}
	}
	if s.ShmSize <= 0 {
		s.fail("WithShmSize", s.ShmSize, "must be positive")
	}
}

func checkCPU(s *settings) {
	if s.named["WithCPUShares"] && (s.CPUShares < 2 || s.CPUShares > 262144) {
		s.fail("WithCPUShares", s.CPUShares, "must be from 2 to 262144")
	}
	// The kernel's smallest quota is 1 ms per period, 0.01 CPUs.
	if s.named["WithCPUs"] && !(s.CPUs >= 0.01 && s.CPUs <= 1<<16) {
		s.fail("WithCPUs", s.CPUs, "must be from 0.01 to 65536")
	}
	for _, c := range []struct{ option, list string }{{"WithCPUSet", s.CPUSet}, {"WithCPUSetMems", s.CPUSetMems}} {
		if !s.named[c.option] {
			continue
		}
		if c.list == "" {
			s.fail(c.option, c.list, "empty list; leave the option out for no limit")
			continue
		}
		if _, err := cgroup.ParseCPUList(c.list); err != nil {
			s.fail(c.option, c.list, "%s", reason(err))
		}
	}
}

// reason is an error's reason without the value, which the caller repeats.
func reason(err error) string {
	var limit *cgroup.LimitError
	if errors.As(err, &limit) {
		return limit.Reason
	}
	var name *caps.NameError
	if errors.As(err, &name) {
		return name.Reason
	}
	return err.Error()
}

func checkLimits(s *settings) {
	if s.Pids != Unlimited && (s.Pids < 1 || s.Pids > 4<<20) {
		s.fail("WithPids", s.Pids, "must be from 1 to 4194304, or sandbox.Unlimited")
	}
	if s.named["WithCgroupParent"] {
		if why := badPath(s.CgroupParent); why != "" {
			s.fail("WithCgroupParent", s.CgroupParent, "%s", why)
		}
	}
	if s.named["WithOutputLimit"] && s.OutputLimit <= 0 {
		s.fail("WithOutputLimit", s.OutputLimit, "must be positive")
	}
}

func checkRlimits(s *settings) {
	for name, r := range s.Rlimits {
		if _, ok := rlimitNumbers[name]; !ok {
			s.fail("WithRlimit", name, "no such limit; there are %s", strings.Join(rlimitNames(), ", "))
		} else if r.Soft > r.Hard {
			s.fail("WithRlimit", name, "the soft limit %d is above the hard limit %d", r.Soft, r.Hard)
		}
	}
}

func checkTimes(s *settings) {
	for _, t := range []struct {
		option string
		d      time.Duration
	}{{"WithTimeout", s.Timeout}, {"WithCPUTime", s.CPUTime}} {
		if s.named[t.option] && t.d <= 0 {
			s.fail(t.option, t.d, "must be positive")
		}
	}
}

// checkUser checks the form; names are looked up at the start.
func checkUser(s *settings) {
	if s.named["WithUser"] {
		if why := badUser(s.User); why != "" {
			s.fail("WithUser", s.User, "%s", why)
		}
	}
	for _, g := range s.Groups {
		if g == "" || strings.ContainsAny(g, ":,\n\x00") {
			s.fail("WithGroups", g, "not a group name or number")
		}
	}
}

func badUser(spec string) string {
	user, group, pair := strings.Cut(spec, ":")
	switch {
	case spec == "":
		return "empty; leave the option out for the default identity"
	case user == "":
		return "no user before the colon"
	case pair && group == "":
		return "no group after the colon"
	case strings.ContainsAny(spec, " \t\n\x00") || strings.Contains(group, ":"):
		return "not of the form user or user:group"
	}
	for _, part := range []string{user, group} {
		if allDigits(part) {
			if _, err := namespace.LookupUser(part, nil, nil); err != nil {
				return "id out of range"
			}
		}
	}
	return ""
}

func allDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func checkCaps(s *settings) {
	for _, list := range []struct {
		option string
		names  []string
	}{{"AddCap", s.CapAdd}, {"DropCap", s.CapDrop}} {
		for _, name := range list.names {
			if strings.EqualFold(name, "all") {
				continue
			}
			if _, err := caps.Parse(name); err != nil {
				s.fail(list.option, name, "%s", reason(err))
			}
		}
	}
}

func checkSeccomp(s *settings) {
	if s.policy == nil {
		return
	}
	if err := s.policy.Validate(); err != nil {
		s.fail("WithSeccomp", "policy", "%v", err)
	}
}

func checkRootFS(s *settings) {
	if s.named["WithRootFS"] {
		if why := badPath(s.RootFS); why != "" {
			s.fail("WithRootFS", s.RootFS, "%s", why)
		}
	}
}

// badPath says what is wrong with a path that must be absolute.
func badPath(p string) string {
	switch {
	case p == "":
		return "empty path"
	case strings.ContainsRune(p, 0):
		return "path with a zero byte"
	case !strings.HasPrefix(p, "/"):
		return "not an absolute path"
	case len(p) > 4095:
		return "longer than 4095 bytes"
	}
	return ""
}

func checkMounts(s *settings) {
	for i, m := range s.Mounts {
		option := "WithBind"
		switch {
		case m.Source == "" && m.Size != 0:
			option = "WithTmpfs"
		case m.Owner != nil:
			option = "WithIDMappedBind"
		case m.ReadOnly:
			option = "WithReadOnlyBind"
		}
		if why := badPath(m.Target); why != "" {
			s.fail(option, m.Target, "target: %s", why)
			continue
		}
		s.Mounts[i].Target = path.Clean(m.Target)
		switch {
		case s.Mounts[i].Target == "/":
			s.fail(option, m.Target, "cannot replace the root; use WithRootFS")
		case within(s.Mounts[i].Target, "/proc"):
			s.fail(option, m.Target, "cannot mount over /proc")
		case m.Source == "" && m.Size <= 0 && option == "WithTmpfs":
			s.fail(option, m.Size, "size must be positive")
		case m.Source == "" && m.Size == 0:
			s.fail(option, m.Target, "source: empty path; or for WithTmpfs, the size must be positive")
		case m.Source != "":
			if why := badPath(m.Source); why != "" {
				s.fail(option, m.Source, "source: %s", why)
			}
			if o := m.Owner; o != nil && (o.UID == 0 || o.GID == 0) {
				s.fail(option, fmt.Sprintf("%d:%d", o.UID, o.GID), "must not be the host's root: the command could make set-user-ID programs of root's there")
			}
		}
	}
	// Parents first, so that options work in any order.
	slices.SortStableFunc(s.Mounts, func(a, b Mount) int {
		return strings.Count(a.Target, "/") - strings.Count(b.Target, "/")
	})
}

// within says whether p is dir or lies below it.
func within(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}

// checkSUID allows only what an option mounts.
func checkSUID(s *settings) {
	for i, target := range s.SUID {
		if why := badPath(target); why != "" {
			s.fail("WithSUID", target, "%s", why)
			continue
		}
		s.SUID[i] = path.Clean(target)
		mounted := s.SUID[i] == "/" && s.RootFS != "" ||
			slices.ContainsFunc(s.Mounts, func(m Mount) bool { return m.Target == s.SUID[i] })
		if !mounted {
			s.fail("WithSUID", target, "not the target of WithBind, WithReadOnlyBind or WithTmpfs, nor \"/\" with WithRootFS")
		}
	}
}

func checkMasks(s *settings) {
	for i, p := range s.Masks {
		if why := badPath(p); why != "" {
			s.fail("WithMask", p, "%s", why)
			continue
		}
		if s.Masks[i] = path.Clean(p); s.Masks[i] == "/" {
			s.fail("WithMask", p, "cannot mask the root")
		}
	}
}

// checkHostname allows what sethostname(2) and resolvers take.
func checkHostname(s *settings) {
	h := s.Hostname
	switch {
	case h == "" || len(h) > 64:
		s.fail("WithHostname", h, "must have 1 to 64 characters")
	case strings.Trim(h, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") != "" || h[0] == '-' || h[0] == '.':
		s.fail("WithHostname", h, "only letters, digits, dots, hyphens and underscores")
	}
}

func checkModes(s *settings) {
	switch n := s.Network.(type) {
	case networkKind:
		if n != NetworkNone && n != NetworkHost {
			s.fail("WithNetwork", n, "must be none or host")
		}
	case networkPath:
		if why := badPath(string(n)); why != "" {
			s.fail("WithNetwork", n, "%s", why)
		}
	case networkOf:
		if n.Process == nil {
			s.fail("WithNetwork", n, "no process")
		}
	default:
		s.fail("WithNetwork", "nil", "no mode")
	}
	switch i := s.IPC.(type) {
	case ipcKind:
		if !slices.Contains([]ipcKind{IPCPrivate, IPCShareable, IPCHost, IPCNone}, i) {
			s.fail("WithIPC", i, "must be private, shareable, host or none")
		}
	case ipcOf:
		if i.Process == nil {
			s.fail("WithIPC", i, "no process")
		} else if why := i.notShareable(); why != "" {
			s.fail("WithIPC", i, "%s", why)
		}
	default:
		s.fail("WithIPC", "nil", "no mode")
	}
}

func checkPID(s *settings) {
	switch m := s.PIDNamespace.(type) {
	case pidKind:
		switch m {
		case PIDPrivate:
		case PIDHost:
			s.fail("WithPIDNamespace", m, "not possible: without a PID namespace a process that detaches itself would outlive the sandbox; to look at the host's processes, bind its /proc")
		default:
			s.fail("WithPIDNamespace", m, "must be private")
		}
	case pidOf:
		if m.Process == nil {
			s.fail("WithPIDNamespace", m, "no process")
		}
	default:
		s.fail("WithPIDNamespace", "nil", "no mode")
	}
}

func checkUTS(s *settings) {
	switch s.UTS {
	case UTSPrivate:
	case UTSHost:
		if s.named["WithHostname"] {
			s.fail("WithUTS", s.UTS, "contradicts WithHostname: the name is the host's")
		}
	default:
		s.fail("WithUTS", s.UTS, "must be private or host")
	}
	if _, joins := s.PIDNamespace.(pidOf); joins && !s.Init {
		s.fail("WithoutInit", "", "contradicts WithPIDNamespace: the other sandbox has a PID 1")
	}
	if m := s.CgroupNamespace; m != CgroupPrivate && m != CgroupHost {
		s.fail("WithCgroupNamespace", m, "must be private or host")
	}
}

func checkMaps(s *settings) {
	if s.HostUserNS && (s.named["WithUserRemap"] || s.named["WithIDMap"]) {
		s.fail("WithHostUserNS", "", "contradicts WithUserRemap and WithIDMap")
	}
	if s.named["WithUserRemap"] {
		switch {
		case s.UserRemap == "" || strings.ContainsAny(s.UserRemap, ": \n\x00"):
			s.fail("WithUserRemap", s.UserRemap, "not a user name or number")
		case s.named["WithIDMap"]:
			s.fail("WithUserRemap", s.UserRemap, "contradicts WithIDMap")
		}
	}
	if !s.named["WithIDMap"] {
		return
	}
	for _, m := range []struct {
		what string
		maps []namespace.IDMap
	}{{"user ids", s.UIDMap}, {"group ids", s.GIDMap}} {
		if len(m.maps) == 0 {
			s.fail("WithIDMap", m.what, "empty map")
		} else if err := namespace.IDMaps(m.maps).Validate(); err != nil {
			s.fail("WithIDMap", namespace.IDMaps(m.maps), "%s: %v", m.what, err)
		} else if _, root := namespace.IDMaps(m.maps).ToInside(0); root {
			s.fail("WithIDMap", namespace.IDMaps(m.maps), "%s: the host's root must not be mapped; that is what WithHostUserNS is for", m.what)
		}
	}
}

// checkSecurity reads a profile that WithSecurityOpt names and settles what
// WithPrivileged means.
func checkSecurity(s *settings) {
	if s.seccompPath != "" {
		p, err := seccomp.Load(s.seccompPath)
		if err != nil {
			s.fail("WithSecurityOpt", "seccomp="+s.seccompPath, "%v", err)
		} else {
			s.policy, s.Seccomp = p, "custom"
		}
	}
	if !s.Privileged {
		return
	}
	s.CapAdd = append([]string{"all"}, s.CapAdd...)
	s.Landlock, s.NewPrivileges = false, true
	if s.User == "" {
		s.User = "0:0"
	}
	if s.policy == nil {
		s.policy, s.Seccomp = seccomp.Unconfined, "unconfined"
	}
}

func checkBestEffort(s *settings) {
	for _, f := range s.BestEffort {
		if !slices.Contains(features, f) {
			s.fail("WithBestEffort", string(f), "no such feature")
		}
	}
}
