package main

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The file grants the capability as permitted, not as effective: a program that needs one to start at all cannot say what it lacks.

const netAdmin = 1 << unix.CAP_NET_ADMIN

// raiseNetAdmin takes up what the file grants.
func raiseNetAdmin() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var own [2]unix.CapUserData
	if err := unix.Capget(&header, &own[0]); err != nil {
		return fmt.Errorf("capabilities could not be read: %w", err)
	}
	if own[0].Permitted&netAdmin == 0 {
		return whyNotGranted()
	}
	return setCapabilities(netAdmin)
}

// whyNotGranted tells a container that was given no NET_ADMIN from an image that lost its file capability.
func whyNotGranted() error {
	granted, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, unix.CAP_NET_ADMIN, 0, 0, 0)
	if err != nil {
		return fmt.Errorf("the bounding set could not be read: %w", err)
	}
	if granted == 1 {
		return failed(causeNoFileCapability, "the container may have NET_ADMIN and this program does not get it")
	}
	return failed(causeNoNetAdmin, "the container may not have NET_ADMIN")
}

// dropCapabilities leaves this process what an agent has, so that its test is an agent's.
func dropCapabilities() error { return setCapabilities(0) }

// setCapabilities holds for every thread: a capability belongs to a thread, and the runtime has several.
func setCapabilities(mask uint32) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	own := [2]unix.CapUserData{{Effective: mask, Permitted: mask}, {}}
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET,
		uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&own[0])), 0)
	if errno != 0 {
		return fmt.Errorf("capabilities could not be set: %w", errno)
	}
	return nil
}
