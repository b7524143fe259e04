// Command gw-init makes every connection of a pod's containers go to the gateway beside them, proves that it does, and ends.
// It is the first container of the pod; while it has not succeeded, nothing else in the pod is started.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// timeMax is for everything; a node that needs longer is tried again by the kubelet.
const timeMax = 20 * time.Second

func main() {
	watchdog := time.AfterFunc(timeMax, func() {
		os.Exit(report(os.Stderr, nil, failed(causeTimeout, "nothing came of it in %v", timeMax)))
	})
	defer watchdog.Stop()
	proved, err := run(os.Args[1:])
	os.Exit(report(os.Stderr, proved, err))
}

func run(arguments []string) ([]string, error) {
	gateway, err := readArguments(arguments)
	if err != nil {
		return nil, err
	}
	own := uint32(os.Getuid())
	if own == 0 || own == gateway {
		return nil, failed(causeUser, "it runs as user %d", own)
	}
	if err := raiseNetAdmin(); err != nil {
		return nil, err
	}
	if err := install(gateway); err != nil {
		return nil, explain(err)
	}
	if err := dropCapabilities(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeMax)
	defer cancel()
	return prove(ctx)
}

// readArguments takes the gateway's uid. The ports are there so that an operator that counts on others is noticed here and not by an agent.
func readArguments(arguments []string) (uint32, error) {
	expected := map[string]string{
		"--capture":  strconv.Itoa(capturePort),
		"--dns":      strconv.Itoa(dnsPort),
		"--reserved": fmt.Sprintf("%d-%d", firstPort, lastPort),
	}
	var gateway uint32
	for _, argument := range arguments {
		name, value, _ := strings.Cut(argument, "=")
		want, known := expected[name]
		switch {
		case name == "--uid" && gateway == 0:
			number, err := strconv.ParseUint(value, 10, 32)
			if err != nil || number < firstUID || number > lastUID {
				return 0, failed(causeUsage, "--uid must be %d to %d, not %q", firstUID, lastUID, value)
			}
			gateway = uint32(number)
		case known && want == value:
			delete(expected, name)
		case known:
			return 0, failed(causeUsage, "this image has %s=%s, not %q", name, want, value)
		default:
			return 0, failed(causeUsage, "%q is not known, or given twice", name)
		}
	}
	if gateway == 0 || len(expected) > 0 {
		return 0, failed(causeUsage, "--uid, --capture, --dns and --reserved are needed")
	}
	return gateway, nil
}

// explain finds the cause of rules that could not be installed.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.ESOCKTNOSUPPORT):
		return failed(causeNoNftables, "%v", err)
	default:
		return failed(causeRulesRefused, "%v", err)
	}
}

func report(to io.Writer, proved []string, err error) int {
	var why failure
	said, code := line{Outcome: "captured", Proved: proved}, 0
	switch {
	case errors.As(err, &why):
		said, code = line{Outcome: "failed", Cause: why.name, Detail: why.detail, Remedy: why.remedy}, why.code
	case err != nil:
		said, code = line{Outcome: "failed", Cause: "INTERNAL", Detail: err.Error()}, 70
	}
	if write(to, said) != nil && code == 0 {
		return 70
	}
	return code
}
