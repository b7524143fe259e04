"""
A gateway with as many places as ours that keeps each of them for who has it, and answers who says a whole request: `patient.py PLACES`.
"""
import selectors
import socket
import sys

places = int(sys.argv[1])
selector = selectors.DefaultSelector()
server = socket.create_server(("127.0.0.1", 15001), backlog=512)
selector.register(server, selectors.EVENT_READ)
print("listening", flush=True)
while True:
    for key, _ in selector.select():
        client = key.fileobj
        if client is server:
            taken, _ = server.accept()
            if len(selector.get_map()) > places:
                taken.close()
            else:
                selector.register(taken, selectors.EVENT_READ, bytearray())
            continue
        try:
            piece = client.recv(4096)
            key.data.extend(piece)
            if piece and b"\r\n\r\n" not in key.data:
                continue
            client.sendall(b"SERVED")
        except OSError:
            pass
        selector.unregister(client)
        client.close()
