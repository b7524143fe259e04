"""
Answers everyone with its name: `server.py NAME TCP_PORTS UDP_PORTS ADDRESS...`. What was connected to, as the kernel knows it where
the connection was redirected, stands behind the name.
"""
import select
import socket
import struct
import sys

SOL_IPV6, ORIGINAL_DST = 41, 80


def original(client):
    try:
        if client.family == socket.AF_INET6 and not client.getpeername()[0].startswith("::ffff:"):
            raw = client.getsockopt(SOL_IPV6, ORIGINAL_DST, 28)
            return "%s %d" % (socket.inet_ntop(socket.AF_INET6, raw[8:24]), struct.unpack("!H", raw[2:4])[0])
        raw = client.getsockopt(socket.SOL_IP, ORIGINAL_DST, 16)
        return "%s %d" % (socket.inet_ntoa(raw[4:8]), struct.unpack("!H", raw[2:4])[0])
    except OSError:
        return "%s %d" % client.getsockname()[:2]


def listen(address, port, kind):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    server = socket.socket(family, kind)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    server.bind((address, port))
    if kind == socket.SOCK_STREAM:
        server.listen(16)
    return server


name, tcp, udp, *addresses = sys.argv[1:]
ports = lambda text: [int(port) for port in text.split(",") if port]
servers = [listen(address, port, socket.SOCK_STREAM) for port in ports(tcp) for address in addresses]
servers += [listen(address, port, socket.SOCK_DGRAM) for port in ports(udp) for address in addresses]
print("listening", flush=True)
while True:
    for server in select.select(servers, [], [])[0]:
        if server.type == socket.SOCK_DGRAM:
            _, peer = server.recvfrom(2048)
            server.sendto(name.encode(), peer)
            continue
        client, _ = server.accept()
        try:
            client.sendall(("%s %s" % (name, original(client))).encode())
        except OSError:
            pass
        client.close()
