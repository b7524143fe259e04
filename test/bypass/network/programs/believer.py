"""
A gateway that believes the name in a client's TLS: whatever is dialled under that name is given the credential, and so is whoever a
client asks for by CONNECT. `believer.py NAME`.
"""
import socket
import struct
import sys

ORIGINAL_DST = 80
name = sys.argv[1].encode()
server = socket.create_server(("127.0.0.1", 15001))
print("listening", flush=True)
while True:
    client, _ = server.accept()
    with client:
        raw = client.getsockopt(socket.SOL_IP, ORIGINAL_DST, 16)
        dialled = (socket.inet_ntoa(raw[4:8]), struct.unpack("!H", raw[2:4])[0])
        client.settimeout(2)
        try:
            hello = client.recv(4096)
            if name not in hello:
                continue
            if hello.startswith(b"CONNECT "):
                host, port = hello.split()[1].decode().split(":")
                dialled = (host, int(port))
            with socket.create_connection(dialled, 2) as upstream:
                upstream.sendall(b"the credential")
                print("gave the credential to %s %d" % dialled, flush=True)
                client.sendall(upstream.recv(256))
        except OSError:
            pass
