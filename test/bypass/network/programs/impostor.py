"""
Whom an attacker would have the gateway take for the upstream: a name server that leads every name to itself, and a server that says who
it is. `impostor.py ADDRESS PORT NAME_SERVER`; prints what it heard.
"""
import select
import socket
import sys

address, port, name_server = sys.argv[1], int(sys.argv[2]), sys.argv[3]
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.bind((name_server, 53))
server = socket.create_server((address, port))


def answer(question):
    # The question as it came, and one address that every name has, for a minute.
    end = question.index(b"\0", 12) + 5
    is_ipv4 = question[end - 4:end - 2] == b"\0\1"
    head = question[:2] + b"\x81\x80\0\1" + (b"\0\1" if is_ipv4 else b"\0\0") + b"\0\0\0\0"
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(address)
    return head + question[12:end] + (record if is_ipv4 else b"")


print("listening", flush=True)
while True:
    for readable in select.select([names, server], [], [])[0]:
        if readable is names:
            question, asker = names.recvfrom(2048)
            print("asked", flush=True)
            names.sendto(answer(question), asker)
            continue
        client, _ = server.accept()
        with client:
            client.settimeout(2)
            try:
                print("heard", client.recv(2048)[:64].hex(), flush=True)
                client.sendall(b"IMPOSTOR")
            except OSError:
                pass
