"""What a container may try, by the book of sockets: each attempt of the JSON list in argv[1] is made, and its outcome printed."""
import errno
import json
import os
import socket
import struct
import sys

PROTOCOLS = {"tcp": (socket.SOCK_STREAM, 0), "mptcp": (socket.SOCK_STREAM, 262), "udp": (socket.SOCK_DGRAM, 0),
             "udplite": (socket.SOCK_DGRAM, 136), "sctp": (socket.SOCK_STREAM, 132), "ping": (socket.SOCK_DGRAM, 1),
             "ping6": (socket.SOCK_DGRAM, 58), "raw": (socket.SOCK_RAW, 253)}
ECHO = struct.pack("!BBHHH", 8, 0, 0xF7FE, 0, 1)
ECHO6 = struct.pack("!BBHHH", 128, 0, 0, 0, 1)


def open_socket(attempt):
    kind, number = PROTOCOLS[attempt["protocol"]]
    family = socket.AF_INET6 if ":" in attempt["host"] else socket.AF_INET
    opened = socket.socket(family, kind, number)
    opened.settimeout(attempt.get("seconds", 5))
    if "device" in attempt:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, attempt["device"].encode())
    if "mark" in attempt:
        opened.setsockopt(socket.SOL_SOCKET, 36, attempt["mark"])
    if "source" in attempt:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((attempt["source"], attempt.get("sourcePort", 0)))
    return opened


def connect(attempt):
    with open_socket(attempt) as client:
        client.connect((attempt["host"], attempt["port"]))
        said = b""
        while True:
            piece = client.recv(256)
            if not piece:
                return {"outcome": "answered", "by": said.decode()}
            said += piece


def send(attempt):
    payload = {"ping": ECHO, "ping6": ECHO6}.get(attempt["protocol"], b"hello")
    with open_socket(attempt) as client:
        client.sendto(payload, (attempt["host"], attempt.get("port", 0)))
        answer, address = client.recvfrom(256)
        by = "WORLD" if attempt["protocol"].startswith("ping") else answer.decode()
        return {"outcome": "answered", "by": by, "from": address[0], "fromPort": address[1]}


def write_frame(attempt):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind((attempt["device"], 0))
        # To everyone, of the type for experiments.
        wire.send(b"\xff" * 6 + b"\x02" + b"\x00" * 5 + b"\x88\xb5" + b"hello" * 10)
    return {"outcome": "sent"}


def attempt_one(attempt):
    try:
        if attempt.get("setuid") is not None:
            os.setuid(attempt["setuid"])
        if attempt["protocol"] == "frame":
            return write_frame(attempt)
        return (connect if PROTOCOLS[attempt["protocol"]][0] == socket.SOCK_STREAM else send)(attempt)
    except socket.timeout:
        return {"outcome": "silence"}
    except OSError as problem:
        return {"outcome": errno.errorcode.get(problem.errno, str(problem))}


print(json.dumps([attempt_one(attempt) for attempt in json.loads(sys.argv[1])]))
