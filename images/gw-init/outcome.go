package main

import (
	"encoding/json"
	"fmt"
	"io"
)

// cause is why nothing was proved. Each has an exit code of its own and a remedy that names what to change and where.
type cause struct {
	name   string
	code   int
	remedy string
}

var (
	causeUsage = cause{"USAGE", 64,
		"The operator and this image do not fit together: install the versions of one release."}
	causeUser = cause{"USER", 65,
		"Run gw-init as a user that is neither root nor the gateway, as the operator writes it."}
	causeNoNetAdmin = cause{"NO_NET_ADMIN", 10,
		"gw-init needs the capability NET_ADMIN. Label the namespace pod-security.kubernetes.io/enforce=privileged, " +
			"and let no other policy drop NET_ADMIN from this container."}
	causeNoFileCapability = cause{"NO_FILE_CAPABILITY", 11,
		"NET_ADMIN is granted and the program does not get it: the image lost the file capability of /gw-init on its way. " +
			"Use the released image by its digest; copy it with a tool that keeps extended attributes."}
	causeNoNftables = cause{"NO_NFTABLES", 12,
		"This node's kernel or sandbox runtime (gVisor, a slim Kata guest) has no nftables. " +
			"Run agents under a runtime class whose kernel has nf_tables, nft_ct, nft_redir, nft_fib_inet and nft_reject_inet."}
	causeRulesRefused = cause{"RULES_REFUSED", 13,
		"The kernel has nftables but refuses a part of the rules. " +
			"Load nf_tables, nft_ct, nft_nat, nft_redir, nft_fib_inet and nft_reject_inet on the node; docs/capture.md lists what is needed."}
	causePortsTaken = cause{"PORTS_TAKEN", 14,
		"Something in the pod already uses the gateway's ports 15000-15099. Start the pod anew; if it persists, report it."}
	causeNotCaptured = cause{"NOT_CAPTURED", 15,
		"The rules are in place and do not hold, so this pod must not run. " +
			"Look for other programs that change the pod's network: another mesh's rules, a CNI plugin that bypasses netfilter."}
	causeNoRoute = cause{"NO_ROUTE", 16,
		"The pod has no route out, so capture cannot be proved. Check the CNI plugin."}
	causeTimeout = cause{"TIMEOUT", 17,
		"The pod's network did not answer in time. It is tried again; if it persists, check the node."}
)

// failure says in one line what is wrong and what to do: it is the container's termination message.
type failure struct {
	cause
	detail string
}

func (f failure) Error() string { return f.name + ": " + f.detail }

func failed(why cause, format string, values ...any) error {
	return failure{why, fmt.Sprintf(format, values...)}
}

type line struct {
	Outcome string   `json:"outcome"`
	Cause   string   `json:"cause,omitempty"`
	Detail  string   `json:"detail,omitempty"`
	Remedy  string   `json:"remedy,omitempty"`
	Proved  []string `json:"proved,omitempty"`
}

func write(to io.Writer, what line) error {
	encoder := json.NewEncoder(to)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(what)
}
