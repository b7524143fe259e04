package main

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
)

// catcher stands where the gateway will stand and answers everyone with a number that nobody else knows.
type catcher struct {
	nonce   []byte
	closers []io.Closer
	mutex   sync.Mutex
	// By port: where the last client that arrived there had wanted to go.
	wanted map[uint16]netip.AddrPort
}

func openCatcher(family family) (*catcher, error) {
	catcher := &catcher{nonce: make([]byte, 16), wanted: map[uint16]netip.AddrPort{}}
	// It never fails (crypto/rand).
	_, _ = rand.Read(catcher.nonce)
	for _, port := range []uint16{capturePort, dnsPort} {
		listener, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(family.loopback, port)))
		if err != nil {
			catcher.close()
			return nil, err
		}
		catcher.closers = append(catcher.closers, listener)
		go catcher.serve(listener, port)
	}
	socket, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(family.loopback, dnsPort)))
	if err != nil {
		catcher.close()
		return nil, err
	}
	catcher.closers = append(catcher.closers, socket)
	go catcher.answer(socket)
	return catcher, nil
}

func (c *catcher) close() {
	if c == nil {
		return
	}
	for _, closer := range c.closers {
		_ = closer.Close()
	}
}

// Both loops end when their socket is closed, which is the only error that they do not survive.
func (c *catcher) serve(listener *net.TCPListener, port uint16) {
	for {
		connection, err := listener.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		if wanted, err := originalDestination(connection); err == nil {
			c.mutex.Lock()
			c.wanted[port] = wanted
			c.mutex.Unlock()
		}
		_, _ = connection.Write(c.nonce)
		_ = connection.Close()
	}
}

func (c *catcher) answer(socket *net.UDPConn) {
	buffer := make([]byte, 16)
	for {
		_, from, err := socket.ReadFromUDPAddrPort(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			_, _ = socket.WriteToUDPAddrPort(c.nonce, from)
		}
	}
}

func (c *catcher) sentNonceTo(connection net.Conn) bool {
	got := make([]byte, len(c.nonce))
	_, err := io.ReadFull(connection, got)
	return err == nil && bytes.Equal(got, c.nonce)
}

// saw tells whether the client that arrived at the port had wanted to go where it should have.
func (c *catcher) saw(port uint16, destination netip.AddrPort) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if wanted := c.wanted[port]; wanted != destination {
		return fmt.Errorf("a connection to %s arrived as one to %s", destination, wanted)
	}
	return nil
}

// originalDestination asks the kernel where a redirected connection was going (SO_ORIGINAL_DST, of either family).
func originalDestination(connection *net.TCPConn) (netip.AddrPort, error) {
	raw, err := connection.SyscallConn()
	if err != nil {
		return netip.AddrPort{}, err
	}
	var destination netip.AddrPort
	var asked error
	err = raw.Control(func(fd uintptr) {
		if connection.LocalAddr().(*net.TCPAddr).IP.To4() != nil {
			destination, asked = originalDestination4(int(fd))
		} else {
			destination, asked = originalDestination6(int(fd))
		}
	})
	return destination, errors.Join(err, asked)
}

// The package has no call that returns a sockaddr; these two return structures that are as long or longer and begin with it.
func originalDestination4(fd int) (netip.AddrPort, error) {
	address, err := unix.GetsockoptIPv6Mreq(fd, unix.SOL_IP, unix.SO_ORIGINAL_DST)
	if err != nil {
		return netip.AddrPort{}, err
	}
	bytes := address.Multiaddr
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(bytes[4:8])), uint16(bytes[2])<<8|uint16(bytes[3])), nil
}

func originalDestination6(fd int) (netip.AddrPort, error) {
	info, err := unix.GetsockoptIPv6MTUInfo(fd, unix.SOL_IPV6, unix.SO_ORIGINAL_DST)
	if err != nil {
		return netip.AddrPort{}, err
	}
	// The port is in network order, whatever the machine's is.
	port := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, info.Addr.Port))
	return netip.AddrPortFrom(netip.AddrFrom16(info.Addr.Addr), port), nil
}
