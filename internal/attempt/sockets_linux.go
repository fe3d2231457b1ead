package attempt

import (
	"net"

	"golang.org/x/sys/unix"
)

// Socket makes a socket.
func Socket(family, kind, protocol int) error {
	return Closing(unix.Socket(family, kind|unix.SOCK_CLOEXEC, protocol))
}

// Dial connects to a server.
func Dial(network, address string) error {
	c, err := net.Dial(network, address)
	if err == nil {
		c.Close()
	}
	return err
}

// Listen takes a TCP port.
func Listen(address string) error {
	l, err := net.Listen("tcp", address)
	if err == nil {
		l.Close()
	}
	return err
}
