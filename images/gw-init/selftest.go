package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// The test decides, not the version of a kernel or the answer to a command: this process is captured like an agent, so it tries what
// an agent would try and looks where that ends up.

const probeTime = 2 * time.Second

// family is one of the two the pod may have, with addresses that nobody has (RFC 2544, RFC 3849): should a packet get out, it gets nowhere.
type family struct {
	name     string
	loopback netip.Addr
	outside  netip.Addr
}

var families = []family{
	{"ipv4", netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("198.18.0.1")},
	{"ipv6", netip.MustParseAddr("::1"), netip.MustParseAddr("2001:db8::1")},
}

// errNoWayOut is what the kernel says of a destination before any rule is asked.
var errNoWayOut = errors.New("no way out")

type probe struct {
	name string
	run  func(context.Context, family, *catcher) error
}

var probes = []probe{
	{"tcp is captured", tcpIsCaptured(443, capturePort)},
	{"dns over tcp is captured", tcpIsCaptured(53, dnsPort)},
	{"dns over udp is captured", dnsIsCaptured},
	{"other udp is refused", udpIsRefused(443)},
	{"the gateway's ports are refused", portsAreRefused},
	{"the pod reaches itself", loopbackIsOpen},
}

// prove returns what was proved; an error where anything does not hold, or where nothing could be tried.
func prove(ctx context.Context) ([]string, error) {
	var proved []string
	ways := 0
	for _, family := range families {
		here, err := proveFamily(ctx, family)
		if errors.Is(err, errNoWayOut) {
			proved = append(proved, family.name+": no way out")
			continue
		}
		if err != nil {
			return nil, err
		}
		ways++
		proved = append(proved, here...)
	}
	if ways == 0 {
		return nil, failed(causeNoRoute, "neither %s nor %s has a route", families[0].outside, families[1].outside)
	}
	return proved, nil
}

func proveFamily(ctx context.Context, family family) ([]string, error) {
	catcher, err := openCatcher(family)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, failed(causePortsTaken, "%s: %v", family.name, err)
	}
	// Without an address to listen at there must be no way out either, which the first probe finds out.
	if err != nil && !hasNoAddress(err) {
		return nil, err
	}
	defer catcher.close()
	var proved []string
	for _, probe := range probes {
		err := probe.run(ctx, family, catcher)
		if errors.Is(err, errNoWayOut) {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, failed(causeTimeout, "%s: %s", family.name, probe.name)
		}
		if err != nil {
			return nil, failed(causeNotCaptured, "%s: it does not hold that %s: %v", family.name, probe.name, err)
		}
		proved = append(proved, family.name+": "+probe.name)
	}
	return proved, nil
}

func hasNoAddress(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
}

func isUnreachable(err error) bool {
	return errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH) || hasNoAddress(err)
}

func tcpIsCaptured(port, arrivesAt uint16) func(context.Context, family, *catcher) error {
	return func(ctx context.Context, family family, catcher *catcher) error {
		destination := netip.AddrPortFrom(family.outside, port)
		connection, err := dial(ctx, "tcp", destination)
		if isUnreachable(err) {
			return errNoWayOut
		}
		if err != nil {
			return fmt.Errorf("a connection to %s failed: %w", destination, err)
		}
		defer connection.Close()
		if catcher == nil || !catcher.sentNonceTo(connection) {
			return fmt.Errorf("a connection to %s went elsewhere", destination)
		}
		return catcher.saw(arrivesAt, destination)
	}
}

func dnsIsCaptured(ctx context.Context, family family, catcher *catcher) error {
	destination := netip.AddrPortFrom(family.outside, 53)
	connection, err := dial(ctx, "udp", destination)
	if err != nil {
		return err
	}
	defer connection.Close()
	if _, err := connection.Write([]byte("?")); err != nil {
		return fmt.Errorf("a question to %s failed: %w", destination, err)
	}
	// The socket is connected: only an answer that bears the destination's own address gets here.
	if !catcher.sentNonceTo(connection) {
		return fmt.Errorf("a question to %s was answered by somebody else or not at all", destination)
	}
	return nil
}

func udpIsRefused(port uint16) func(context.Context, family, *catcher) error {
	return func(ctx context.Context, family family, _ *catcher) error {
		return sendingFails(ctx, netip.AddrPortFrom(family.outside, port))
	}
}

func portsAreRefused(ctx context.Context, family family, _ *catcher) error {
	destination := netip.AddrPortFrom(family.loopback, capturePort)
	connection, err := dial(ctx, "tcp", destination)
	if err == nil {
		connection.Close()
		return fmt.Errorf("%s takes connections that were not redirected", destination)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%s: %w", destination, err)
	}
	return sendingFails(ctx, netip.AddrPortFrom(family.loopback, dnsPort))
}

func sendingFails(ctx context.Context, destination netip.AddrPort) error {
	connection, err := dial(ctx, "udp", destination)
	if err != nil {
		return err
	}
	defer connection.Close()
	if _, err := connection.Write([]byte("?")); !errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("a datagram to %s was not refused: %v", destination, err)
	}
	return nil
}

func loopbackIsOpen(ctx context.Context, family family, _ *catcher) error {
	listener, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(family.loopback, 0)))
	if err != nil {
		return err
	}
	defer listener.Close()
	connection, err := dial(ctx, "tcp", listener.Addr().(*net.TCPAddr).AddrPort())
	if err != nil {
		return err
	}
	return connection.Close()
}

func dial(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	dialer := net.Dialer{Timeout: probeTime}
	connection, err := dialer.DialContext(ctx, network, to.String())
	if err != nil {
		return nil, err
	}
	return connection, connection.SetDeadline(time.Now().Add(probeTime))
}
