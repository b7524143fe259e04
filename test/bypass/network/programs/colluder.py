"""
A name server out in the world whose owner collects what questions carry: `colluder.py ADDRESS...`, over UDP and TCP. Prints how many
bytes of names each question had.
"""
import selectors
import socket
import struct
import sys

selector = selectors.DefaultSelector()


def heard(question):
    end = question.index(b"\0", 12)
    print("bytes", end - 12, flush=True)
    return question[:2] + b"\x81\x83" + question[4:6] + b"\0\0\0\0\0\0" + question[12:end + 5]


def datagram(server):
    question, asker = server.recvfrom(2048)
    server.sendto(heard(question), asker)


def stream(server):
    client, _ = server.accept()
    with client:
        client.settimeout(1)
        try:
            question = client.recv(2048)[2:]
            answer = heard(question)
            client.sendall(struct.pack("!H", len(answer)) + answer)
        except OSError:
            pass


for address in sys.argv[1:]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    names = socket.socket(family, socket.SOCK_DGRAM)
    names.bind((address, 53))
    selector.register(names, selectors.EVENT_READ, datagram)
    streams = socket.create_server((address, 53), family=family)
    selector.register(streams, selectors.EVENT_READ, stream)
print("listening", flush=True)
while True:
    for key, _ in selector.select():
        key.data(key.fileobj)
