package probe

import (
	"encoding/binary"
	"net"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/attempt"
)

func network() []Probe {
	dial := func(network string, address func(*Facts) string) func(*Facts) error {
		return func(f *Facts) error { return attempt.Dial(network, address(f)) }
	}
	out := []Probe{
		{"network/loopback", "connect to a server on the host's 127.0.0.1", "network_namespaces(7): databases that trust their own host", Plain,
			dial("tcp", func(f *Facts) string { return f.TCP })},
		{"network/abstract-socket", "connect to an abstract Unix socket of the host", "CVE-2020-15257: containerd listened on one", Plain,
			dial("unix", func(f *Facts) string { return "@" + f.Abstract })},
		{"network/socket-file", "connect to a Unix socket of the host by its path", "unix(7): docker.sock and its like are as good as root", Plain,
			dial("unix", func(f *Facts) string { return f.Socket })},
		{"network/interfaces", "see the host's network interfaces", "network_namespaces(7)", Plain, hostInterfaces},
		{"network/route", "have a route to the world", "network_namespaces(7): data goes out", Plain,
			always(func() error { return attempt.Dial("udp", "192.0.2.1:9") })}, // a route is asked, nothing is sent
		{"network/low-port", "listen on port 80", "ip(7): services of the host impersonated", Bare, always(func() error { return attempt.Listen("0.0.0.0:80") })},
		{"network/socketpair-inet", "make a pair of internet sockets", "socketpair(2): families by another call than socket(2)", Plain, always(func() error {
			_, err := unix.Socketpair(unix.AF_INET, unix.SOCK_STREAM, 0)
			if err == unix.EOPNOTSUPP { // the kernel's own answer
				return nil
			}
			return err
		})},
		{"network/packet", "make a packet socket", "CVE-2020-14386: packet(7)", Bare, socket(unix.AF_PACKET, unix.SOCK_RAW, 0)},
		{"network/xdp", "make an XDP socket", "AF_XDP: packets past the network stack", Bare, socket(unix.AF_XDP, unix.SOCK_RAW, 0)},
		{"network/raw", "make a raw socket", "raw(7): forged packets", Bare, socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)},
		{"network/raw6", "make a raw IPv6 socket", "raw(7): forged packets", Bare, socket(unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_ICMPV6)},
		{"network/iptables", "reach iptables by a socket option", "CVE-2021-22555: netfilter's oldest interface", Bare, always(func() error {
			const getInfo = 64 // IPT_SO_GET_INFO
			return onSocket(func(fd int) error {
				_, err := unix.GetsockoptInt(fd, unix.IPPROTO_IP, getInfo)
				return err
			})
		})},
		{"network/mark", "mark packets", "SO_MARK, socket(7): the host's routing and filters", Bare, option(unix.SOL_SOCKET, unix.SO_MARK)},
		{"network/transparent", "bind foreign addresses", "IP_TRANSPARENT, ip(7)", Bare, option(unix.IPPROTO_IP, unix.IP_TRANSPARENT)},
		{"network/new-link", "make a network interface", "rtnetlink(7)", Bare, routeMessage(unix.RTM_NEWLINK)},
		{"network/new-route", "make a route", "rtnetlink(7)", Bare, routeMessage(unix.RTM_NEWROUTE)},
		{"network/traffic-control", "reach traffic control", "CVE-2023-1829 and many like it: net/sched", Bare, routeMessage(unix.RTM_NEWQDISC)},
	}
	for _, n := range []struct {
		name, why string
		protocol  int
	}{
		{"generic", "netlink(7): dozens of kernel modules by name", unix.NETLINK_GENERIC},
		{"netfilter", "CVE-2023-32233, CVE-2024-1086: nf_tables", unix.NETLINK_NETFILTER},
		{"xfrm", "CVE-2017-7184: IPsec", unix.NETLINK_XFRM},
		{"sock_diag", "CVE-2013-1763: sockets of others", unix.NETLINK_SOCK_DIAG},
		{"audit", "netlink(7): the audit log", unix.NETLINK_AUDIT},
		{"uevent", "netlink(7): devices that come and go", unix.NETLINK_KOBJECT_UEVENT},
		{"connector", "netlink(7): processes that come and go", unix.NETLINK_CONNECTOR},
		{"crypto", "netlink(7): the kernel's cryptography", unix.NETLINK_CRYPTO},
		{"selinux", "netlink(7): changes of policy", unix.NETLINK_SELINUX},
		{"fib_lookup", "netlink(7): the host's routes", unix.NETLINK_FIB_LOOKUP},
	} {
		out = append(out, Probe{"network/netlink-" + n.name, "make a netlink socket of the protocol " + n.name, n.why, Plain,
			socket(unix.AF_NETLINK, unix.SOCK_RAW, n.protocol)})
	}
	for _, s := range []struct {
		name, why              string
		family, kind, protocol int
	}{
		{"vsock", "CVE-2021-26708: sockets to the hypervisor", unix.AF_VSOCK, unix.SOCK_STREAM, 0},
		{"alg", "CVE-2019-8912: the kernel's cryptography", unix.AF_ALG, unix.SOCK_SEQPACKET, 0},
		{"key", "IPsec's older interface", unix.AF_KEY, unix.SOCK_RAW, 2}, // PF_KEY_V2
		{"bluetooth", "CVE-2020-12351", unix.AF_BLUETOOTH, unix.SOCK_RAW, 1},
		{"can", "CVE-2021-32606", unix.AF_CAN, unix.SOCK_RAW, 1},
		{"tipc", "CVE-2021-43267", unix.AF_TIPC, unix.SOCK_RDM, 0},
		{"rds", "CVE-2010-3904", unix.AF_RDS, unix.SOCK_SEQPACKET, 0},
		{"kcm", "kernel connection multiplexor", unix.AF_KCM, unix.SOCK_DGRAM, 0},
		{"smc", "shared memory communications", unix.AF_SMC, unix.SOCK_STREAM, 0},
		{"nfc", "CVE-2021-23134", unix.AF_NFC, unix.SOCK_SEQPACKET, 0},
		{"pppox", "PPP over Ethernet, L2TP and more", unix.AF_PPPOX, unix.SOCK_STREAM, 0},
		{"x25", "an old family that few use", unix.AF_X25, unix.SOCK_SEQPACKET, 0},
		{"mptcp", "mptcp: a young protocol in front of TCP", unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP},
		{"udplite", "udplite(7): a protocol that few use", unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_UDPLITE},
		{"sctp", "CVE-2019-8956", unix.AF_INET, unix.SOCK_SEQPACKET, unix.IPPROTO_SCTP},
		{"dccp", "CVE-2017-6074", unix.AF_INET, unix.SOCK_DCCP, unix.IPPROTO_DCCP},
		{"l2tp", "CVE-2016-10200", unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_L2TP},
	} {
		out = append(out, Probe{"network/" + s.name, "make a socket: " + s.name, s.why, Plain, socket(s.family, s.kind, s.protocol)})
	}
	return out
}

func socket(family, kind, protocol int) func(*Facts) error {
	return always(func() error { return attempt.Socket(family, kind, protocol) })
}

// onSocket does something with an internet socket. What the kernel says of its
// own accord shows that it was reached.
func onSocket(act func(fd int) error) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return reached(act(fd))
}

func option(level, name int) func(*Facts) error {
	return always(func() error {
		return onSocket(func(fd int) error { return unix.SetsockoptInt(fd, level, name, 1) })
	})
}

func hostInterfaces(f *Facts) error {
	own, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, i := range own {
		if slices.Contains(f.Interfaces, i.Name) {
			return nil
		}
	}
	return errHidden
}

// routeMessage sends an empty rtnetlink(7) message of this type: who may not
// change anything is refused for that first, others for its emptiness.
func routeMessage(kind uint16) func(*Facts) error {
	return always(func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		const header, acknowledge, root = 16, unix.NLM_F_REQUEST | unix.NLM_F_ACK, 32
		b := binary.NativeEndian.AppendUint32(nil, header+root)
		b = binary.NativeEndian.AppendUint16(b, kind)
		b = binary.NativeEndian.AppendUint16(b, acknowledge)
		b = append(b, make([]byte, 8+root)...)
		if err := unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return err
		}
		answer := make([]byte, 256)
		n, err := unix.Read(fd, answer)
		if err != nil {
			return err
		}
		if n < header+4 {
			return errHidden
		}
		code := int32(binary.NativeEndian.Uint32(answer[header:]))
		if code == 0 {
			return nil
		}
		return reached(syscall.Errno(-code))
	})
}
