"""A sender that says all it has and leaves at once, and a receiver that takes its time: `send|receive HOST PORT BYTES`."""
import socket
import sys
import time

role, host, port, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
family = socket.AF_INET6 if ":" in host else socket.AF_INET
if role == "send":
    with socket.socket(family) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * size)
        client.connect((host, port))
        client.sendall(b"x" * size)
    print("sent", flush=True)
else:
    server = socket.socket(family)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((host, port))
    server.listen(1)
    print("listening", flush=True)
    client, _ = server.accept()
    client.settimeout(1)
    # Longer than the sender lives.
    time.sleep(0.2)
    received = 0
    try:
        while piece := client.recv(65536):
            received += len(piece)
    except OSError:
        pass
    print("received", received, flush=True)
