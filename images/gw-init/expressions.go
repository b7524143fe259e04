package main

import (
	"encoding/binary"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The words of nft that the rules need, each as the expressions that nft itself makes of it.
// All of them use register 1, one after the other.

type words []expr.Any

func rule(parts ...words) words {
	var all words
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

func compared(op expr.CmpOp, data []byte) *expr.Cmp {
	return &expr.Cmp{Op: op, Register: 1, Data: data}
}

func port(number uint16) []byte { return binary.BigEndian.AppendUint16(nil, number) }

// meta skuid N
func ownedBy(uid uint32) words {
	return words{&expr.Meta{Key: expr.MetaKeySKUID, Register: 1}, compared(expr.CmpOpEq, binaryutil.NativeEndian.PutUint32(uid))}
}

func protocol(number byte) words {
	return words{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, compared(expr.CmpOpEq, []byte{number})}
}

func toPort(proto byte, number uint16) words {
	return append(protocol(proto),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		compared(expr.CmpOpEq, port(number)))
}

func fromPort(proto byte, number uint16) words {
	return append(protocol(proto),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 2},
		compared(expr.CmpOpEq, port(number)))
}

func toPorts(proto byte, first, last uint16) words {
	return append(protocol(proto),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		compared(expr.CmpOpGte, port(first)), compared(expr.CmpOpLte, port(last)))
}

// tcp flags ! syn
func notOpening() words {
	const flagsOffset, syn = 13, 0x02
	return append(protocol(unix.IPPROTO_TCP),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: flagsOffset, Len: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{syn}, Xor: []byte{0}},
		compared(expr.CmpOpEq, []byte{0}))
}

// fib daddr type local
func toThePodItself() words {
	return words{&expr.Fib{Register: 1, ResultADDRTYPE: true, FlagDADDR: true},
		compared(expr.CmpOpEq, binaryutil.NativeEndian.PutUint32(unix.RTN_LOCAL))}
}

func icmp6(kind byte) words {
	return words{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, compared(expr.CmpOpEq, []byte{unix.NFPROTO_IPV6}),
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, compared(expr.CmpOpEq, []byte{unix.IPPROTO_ICMPV6}),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
		compared(expr.CmpOpEq, []byte{kind}),
	}
}

// iifname "lo", oifname "lo"
func overLoopback(end expr.MetaKey) words { return loopback(end, expr.CmpOpEq) }

// iifname != "lo", oifname != "lo"
func notOverLoopback(end expr.MetaKey) words { return loopback(end, expr.CmpOpNeq) }

func loopback(end expr.MetaKey, op expr.CmpOp) words {
	name := make([]byte, unix.IFNAMSIZ)
	copy(name, "lo")
	return words{&expr.Meta{Key: end, Register: 1}, compared(op, name)}
}

func marked(mark uint32) words {
	return words{&expr.Ct{Key: expr.CtKeyMARK, Register: 1},
		compared(expr.CmpOpEq, binaryutil.NativeEndian.PutUint32(mark))}
}

func setMark(mark uint32) words {
	return words{&expr.Immediate{Register: 1, Data: binaryutil.NativeEndian.PutUint32(mark)},
		&expr.Ct{Key: expr.CtKeyMARK, Register: 1, SourceRegister: true}}
}

const (
	original byte = 0
	reply    byte = 1
)

// ct direction original, ct direction reply
func inDirection(which byte) words {
	return words{&expr.Ct{Key: expr.CtKeyDIRECTION, Register: 1}, compared(expr.CmpOpEq, []byte{which})}
}

// ct status dnat
func redirected() words {
	const statusDNAT = 1 << 5
	return words{
		&expr.Ct{Key: expr.CtKeySTATUS, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(statusDNAT), Xor: make([]byte, 4)},
		compared(expr.CmpOpNeq, make([]byte, 4)),
	}
}

func untracked() words { return words{&expr.Notrack{}} }

func counted() words { return words{&expr.Counter{}} }

func verdict(kind expr.VerdictKind) words { return words{&expr.Verdict{Kind: kind}} }

func redirectTo(number uint16) words {
	const specified = 0x2 // NF_NAT_RANGE_PROTO_SPECIFIED
	return words{&expr.Immediate{Register: 1, Data: port(number)},
		&expr.Redir{RegisterProtoMin: 1, Flags: specified}}
}

func resetting() words { return words{&expr.Reject{Type: unix.NFT_REJECT_TCP_RST}} }

func prohibited() words {
	return words{&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED}}
}
