"""
A PostgreSQL that asks for the password itself and tells whoever is there what it was given: `hostile.py ADDRESS PORT [CERTIFICATE KEY]`.
"""
import socket
import ssl
import struct
import sys

address, port, *files = sys.argv[1], int(sys.argv[2]), *sys.argv[3:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if files else None
if context:
    context.load_cert_chain(*files)


def message(kind, body):
    return kind + struct.pack("!I", len(body) + 4) + body


def exactly(client, length):
    said = b""
    while len(said) < length:
        piece = client.recv(length - len(said))
        if not piece:
            raise EOFError
        said += piece
    return said


def startup(client):
    while True:
        body = exactly(client, struct.unpack("!I", exactly(client, 4))[0] - 4)
        code = struct.unpack("!I", body[:4])[0]
        if code == 80877103 and context:
            client.sendall(b"S")
            client = context.wrap_socket(client, server_side=True)
        elif code in (80877103, 80877104):
            client.sendall(b"N")
        else:
            return client


def serve(client):
    client = startup(client)
    client.sendall(message(b"R", struct.pack("!I", 3)))
    kind = exactly(client, 1)
    given = exactly(client, struct.unpack("!I", exactly(client, 4))[0] - 4).rstrip(b"\0")
    if kind != b"p":
        return
    print("given", given.decode("utf-8", "replace"), flush=True)
    echo = b"SFATAL\0VFATAL\0C28P01\0M" + b"you said " + given + b"\0\0"
    client.sendall(message(b"E", echo))


server = socket.create_server((address, port))
print("listening", flush=True)
while True:
    client, _ = server.accept()
    client.settimeout(5)
    try:
        serve(client)
    except (OSError, EOFError):
        pass
    client.close()
