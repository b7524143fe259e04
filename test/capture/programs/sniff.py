"""Prints what arrives on an interface from a pod, one packet a line: `protocol source destination port`. ARP and neighbour discovery are not told."""
import socket
import struct
import sys

NEIGHBOURS = {133, 134, 135, 136, 143}
OUTGOING = 4

wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
wire.bind((sys.argv[1], 0))
print("listening", flush=True)
while True:
    frame, (_, ethertype, kind, *_) = wire.recvfrom(65535)
    if kind == OUTGOING or ethertype == 0x0806:
        continue
    packet = frame[14:]
    if ethertype == 0x0800:
        start, number = (packet[0] & 15) * 4, packet[9]
        ends = [socket.inet_ntoa(packet[at:at + 4]) for at in (12, 16)]
    elif ethertype == 0x86DD:
        start, number = 40, packet[6]
        ends = [socket.inet_ntop(socket.AF_INET6, packet[at:at + 16]) for at in (8, 24)]
        # Reports to multicast listeners come behind a header of options.
        if number == 0 and packet[40] == 58:
            start, number = 40 + 8 * (packet[41] + 1), 58
        if number == 58 and packet[start] in NEIGHBOURS:
            continue
    else:
        print("ethertype", hex(ethertype), "-", "-", flush=True)
        continue
    port = struct.unpack("!H", packet[start + 2:start + 4])[0] if number in (6, 17, 132, 136) else 0
    print(number, *ends, port, flush=True)
