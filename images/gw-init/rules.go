package main

import (
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// These rules are capture.nft, line by line; the reasons stand there and in docs/capture.md.

const (
	tableName = "sallyport"

	capturePort = 15001
	dnsPort     = 15053
	healthPort  = 15021
	firstPort   = 15000
	lastPort    = 15099

	// Whom the operator may name as the gateway.
	firstUID = 20000
	lastUID  = 59999

	// Connections of the gateway, told apart after their socket is closed.
	gatewayMark = 0x5a11

	tcp = unix.IPPROTO_TCP
	udp = unix.IPPROTO_UDP

	routerSolicit   = 133
	neighborSolicit = 135
	neighborAdvert  = 136
	mld2Report      = 143
)

var (
	accept = verdict(expr.VerdictAccept)
	drop   = verdict(expr.VerdictDrop)
	back   = verdict(expr.VerdictReturn)
)

type chain struct {
	name     string
	kind     nftables.ChainType
	hook     *nftables.ChainHook
	priority *nftables.ChainPriority
	policy   nftables.ChainPolicy
	rules    []words
}

func chainsFor(gateway uint32) []chain {
	return []chain{
		{"ask", nftables.ChainTypeFilter, nftables.ChainHookOutput, nftables.ChainPriorityRaw,
			nftables.ChainPolicyAccept, ask(gateway)},
		{"answer", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, nftables.ChainPriorityRaw,
			nftables.ChainPolicyAccept, answer()},
		{"capture", nftables.ChainTypeNAT, nftables.ChainHookOutput, nftables.ChainPriorityNATDest,
			nftables.ChainPolicyAccept, capture(gateway)},
		{"leave", nftables.ChainTypeFilter, nftables.ChainHookOutput, nftables.ChainPriorityFilter,
			nftables.ChainPolicyDrop, leave(gateway)},
		{"wire", nftables.ChainTypeFilter, nftables.ChainHookPostrouting, nftables.ChainPriorityFilter,
			nftables.ChainPolicyAccept, wire()},
		{"enter", nftables.ChainTypeFilter, nftables.ChainHookInput, nftables.ChainPriorityFilter,
			nftables.ChainPolicyAccept, enter()},
	}
}

func ask(gateway uint32) []words {
	return []words{rule(ownedBy(gateway), toPort(udp, 53), untracked())}
}

func answer() []words {
	return []words{rule(notOverLoopback(expr.MetaKeyIIFNAME), fromPort(udp, 53), untracked())}
}

func capture(gateway uint32) []words {
	return []words{
		rule(ownedBy(gateway), back),
		rule(toThePodItself(), back),
		rule(toPort(tcp, 53), redirectTo(dnsPort)),
		rule(toPort(udp, 53), redirectTo(dnsPort)),
		rule(protocol(tcp), redirectTo(capturePort)),
	}
}

func leave(gateway uint32) []words {
	return []words{
		rule(inDirection(reply), accept),
		rule(ownedBy(gateway), protocol(tcp), setMark(gatewayMark), accept),
		rule(ownedBy(gateway), accept),
		rule(marked(gatewayMark), notOpening(), accept),
		rule(redirected(), toPort(tcp, capturePort), accept),
		rule(redirected(), toPort(tcp, dnsPort), accept),
		rule(redirected(), toPort(udp, dnsPort), accept),
		rule(toPorts(tcp, firstPort, lastPort), counted(), resetting()),
		rule(toPorts(udp, firstPort, lastPort), counted(), drop),
		rule(toThePodItself(), accept),
		rule(icmp6(routerSolicit), accept),
		rule(icmp6(neighborSolicit), accept),
		rule(icmp6(neighborAdvert), accept),
		rule(icmp6(mld2Report), accept),
		rule(counted(), prohibited()),
	}
}

func wire() []words {
	return []words{
		rule(overLoopback(expr.MetaKeyOIFNAME), accept),
		rule(inDirection(original), redirected(), counted(), drop),
		rule(toThePodItself(), counted(), drop),
	}
}

func enter() []words {
	return []words{
		rule(overLoopback(expr.MetaKeyIIFNAME), accept),
		rule(inDirection(reply), accept),
		rule(toPort(tcp, healthPort), accept),
		rule(toPorts(tcp, firstPort, lastPort), counted(), drop),
		rule(toPorts(udp, firstPort, lastPort), counted(), drop),
	}
}

// install replaces the table in one transaction: the kernel takes all of it or nothing, and a second time is as good as the first.
func install(gateway uint32) error {
	connection, err := nftables.New()
	if err != nil {
		return err
	}
	table := &nftables.Table{Name: tableName, Family: nftables.TableFamilyINet}
	connection.AddTable(table)
	connection.DelTable(table)
	connection.AddTable(table)
	for _, chain := range chainsFor(gateway) {
		added := connection.AddChain(&nftables.Chain{Table: table, Name: chain.name, Type: chain.kind,
			Hooknum: chain.hook, Priority: chain.priority, Policy: &chain.policy})
		for _, rule := range chain.rules {
			connection.AddRule(&nftables.Rule{Table: table, Chain: added, Exprs: rule})
		}
	}
	return connection.Flush()
}
