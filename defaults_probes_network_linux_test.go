package sandbox_test

import (
	"io"
	"net"
)

// network is what a program sees of the network.
type network struct {
	Interfaces map[string]string // flags by name
	Loopback   map[string]string // outcome of a conversation, by address
	Outside    string            // of a connection to a public address
}

func networkView() network {
	n := network{map[string]string{}, map[string]string{}, ""}
	interfaces, _ := net.Interfaces()
	for _, i := range interfaces {
		n.Interfaces[i.Name] = i.Flags.String()
	}
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		n.Loopback[address] = outcome(talk(address))
	}
	// A datagram socket connects without a packet: only the route is asked.
	conn, err := net.Dial("udp", "192.0.2.1:9")
	if err == nil {
		conn.Close()
	}
	n.Outside = outcome(err)
	return n
}

// talk sends a word over TCP to itself.
func talk(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return err
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		return err
	}
	defer server.Close()
	if _, err := client.Write([]byte("word")); err != nil {
		return err
	}
	_, err = io.ReadFull(server, make([]byte, 4))
	return err
}
