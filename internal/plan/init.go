package plan

import (
	"bytes"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

const (
	prSetPdeathsig       = 1
	prSetDumpable        = 4
	prSetKeepcaps        = 8
	prCapbsetDrop        = 24
	prSetSecurebits      = 28
	prSetNoNewPrivs      = 38
	prCapAmbient         = 47
	seccompSetModeFilter = 1
	futexWait, futexWake = 0, 1
)

// init is PID 1.
func (b *builder) init() {
	b.Process("PID 1")
	if b.hasOuter {
		b.tracing = b.spec.Trace != 0
		b.Place(b.initEntry)
		b.Step("start PID 1", "")
		b.dieWithOuter() // which may end before the host knows of this process
	} else {
		b.becomeInit()
	}
	b.surroundings()
	b.receiveFiles()
	b.forkCommand()
	b.retire()
	b.supervise()
}

// surroundings makes what is around the command: ids, files, network.
func (b *builder) surroundings() {
	s := b.spec
	if s.UserNS != nil && !s.Privileged {
		b.mapIDs()
	}
	b.view()
	if s.UserNS != nil && s.Privileged && !s.mapsAtFork() {
		// The host writes the maps while this process makes the other
		// namespaces, which the new user namespace owns.
		b.Step("create user namespace", "")
		b.Call(launch.Unshare, launch.Int(cloneNewUsr))
		b.requestMaps()
		b.Step("create namespaces", describe(s.lateFlags()))
		b.Call(launch.Unshare, launch.Int(s.lateFlags()))
		b.network()
		b.awaitMaps()
	}
	if s.UserNS != nil && s.UserNS.Lock != nil {
		b.Step("lock the mounts in an inner user namespace", "")
		b.Call(launch.Unshare, launch.Int(cloneNewUsr|s.lateFlags()))
		b.selfMap(s.UserNS.Lock)
	}
	if s.UserNS == nil || !s.Privileged || s.mapsAtFork() {
		b.network()
	}
}

// becomeInit is for a launcher that the host started as PID 1 already.
func (b *builder) becomeInit() {
	b.begin()
	b.setOOMScore()
	b.openTrees()
	b.joinNamespaces()
	if flags := b.spec.cloneFlags() &^ (cloneVM | cloneNewPID); flags != 0 {
		b.Step("create namespaces", describe(flags))
		b.Call(launch.Unshare, launch.Int(flags))
	}
}

// mapIDs gives the user namespace of an ordinary caller its ids.
func (b *builder) mapIDs() {
	u := b.spec.UserNS
	if u.SelfMap != nil {
		b.selfMap(u.SelfMap)
		return
	}
	b.requestMaps()
	b.awaitMaps()
	b.takeID(u.BuildUID, u.BuildGID)
}

// requestMaps asks the host to write the maps of this process.
func (b *builder) requestMaps() {
	b.Step("map user and group ids", "")
	b.send(b.Message(launch.MessageMap), launch.SimpleSize)
}

func (b *builder) awaitMaps() {
	b.Step("wait for the id maps", "")
	b.receiveAnswer()
}

// sent counts the descriptors that come with the host's answer.
func (s *Spec) sent() int {
	n := len(s.Cgroups)
	if s.NetworkSent {
		n++
	}
	return n
}

// receiveAnswer waits for the host's one byte, and with it for the cgroup.procs
// files of the cgroups and the network namespace, which the host makes in the
// meantime.
func (b *builder) receiveAnswer() {
	const controlHeader, closeOnExec = 16, 0x40000000 // MSG_CMSG_CLOEXEC
	n := b.spec.sent()
	body := b.Buffer("answer", 8)
	iov := b.words("iovec", body.Address(), 8)
	size := controlHeader + (4*n+7)/8*8
	control := b.Data("received descriptors", bytes.Repeat([]byte{0xff}, size)) // -1 where none arrives
	file := func(i int) launch.Cell { return launch.CellAt(control.Plus(controlHeader + 4*i)) }
	for i := range b.spec.Cgroups {
		b.groups = append(b.groups, file(i))
	}
	b.networkNS, b.answered = file(len(b.spec.Cgroups)), true
	header := b.words("msghdr", 0, 0, iov.Address(), 1, control.Address(), uint64(size), 0)
	answered := b.NewLabel("answered")
	b.Call(launch.Recvmsg, b.control, header, launch.Int(closeOnExec)).If(launch.Int(1), answered)
	b.exit(launch.Int(setupFailed)) // the host is gone
	b.Place(answered)
}

// receiveFiles waits for what the host sends where nothing else was to be answered.
func (b *builder) receiveFiles() {
	if b.spec.sent() > 0 && !b.answered {
		b.Step("wait for the host", "")
		b.receiveAnswer()
	}
	if b.spec.NetworkSent {
		b.Step("enter the network namespace", "")
		b.Call(launch.Setns, b.networkNS, launch.Int(cloneNewNet))
	}
}

// selfMap writes the maps from inside, which is allowed for one's own id.
func (b *builder) selfMap(m *IDMapText) {
	b.Step("map user and group ids", "/proc/self/uid_map")
	b.writeFile(launch.Int(atFDCWD), "/proc/self/uid_map", oWronly, 0, []byte(m.UID))
	if m.GID != "" {
		b.Step("map user and group ids", "/proc/self/gid_map")
		b.writeFile(launch.Int(atFDCWD), "/proc/self/setgroups", oWronly, 0, []byte("deny"))
		b.writeFile(launch.Int(atFDCWD), "/proc/self/gid_map", oWronly, 0, []byte(m.GID))
	}
}

// takeID switches PID 1 to ids that are mapped and keeps its capabilities.
func (b *builder) takeID(uid, gid *uint32) {
	if uid == nil || gid == nil {
		return
	}
	b.Step("take a mapped id", "")
	b.keepCaps()
	g, u := launch.Int(*gid), launch.Int(*uid)
	b.Call(launch.Setresgid, g, g, g)
	b.Call(launch.Setresuid, u, u, u)
	all := b.spec.allCaps()
	b.capset("all capabilities", all, all, 0)
}

// allCaps are all capabilities of the kernel.
func (s *Spec) allCaps() uint64 { return 1<<(s.Caps.Last+1) - 1 }

// network brings up what belongs to the new UTS and network namespaces.
func (b *builder) network() {
	s := b.spec
	if s.Hostname != "" {
		b.Step("set hostname", s.Hostname)
		b.Call(launch.Sethostname, b.Text(s.Hostname), launch.Int(len(s.Hostname)))
	}
	if !s.Loopback || s.NetworkSent {
		return
	}
	const (
		inet, dgram, cloexec = 2, 2, oCloexec
		setFlags, up         = 0x8914, 1
	)
	b.Step("bring loopback up", "")
	fd := b.Cell("socket", -1)
	b.Call(launch.Socket, launch.Int(inet), launch.Int(dgram|cloexec), launch.Int(0)).Into(fd)
	request := make([]byte, 40) // struct ifreq
	copy(request, "lo")
	request[16] = up
	b.Call(launch.Ioctl, fd, launch.Int(setFlags), b.Data("ifreq", request))
	b.Call(launch.Close, fd)
}

// hasCaps says whether the launcher holds capabilities in its user namespace.
func (s *Spec) hasCaps() bool { return s.Privileged || s.UserNS != nil }
