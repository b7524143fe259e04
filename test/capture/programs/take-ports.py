"""Tries to have the gateway's ports until it is told to stop, by every option that lets sockets share; prints how often each outcome was."""
import collections
import errno
import json
import signal
import socket

WANTED = [(socket.SOCK_STREAM, 15001), (socket.SOCK_STREAM, 15053), (socket.SOCK_DGRAM, 15053), (socket.SOCK_STREAM, 15021)]
SHARING = [[], [socket.SO_REUSEADDR], [socket.SO_REUSEPORT], [socket.SO_REUSEADDR, socket.SO_REUSEPORT]]


def attempt(family, kind, address, options):
    with socket.socket(family, kind) as taken:
        for option in options:
            taken.setsockopt(socket.SOL_SOCKET, option, 1)
        try:
            taken.bind(address)
            return "bound %s %d" % address
        except OSError as problem:
            return errno.errorcode[problem.errno]


stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
outcomes = collections.Counter()
print("trying", flush=True)
while True:
    for kind, port in WANTED:
        for options in SHARING:
            outcomes[attempt(socket.AF_INET, kind, ("127.0.0.1", port), options)] += 1
            outcomes[attempt(socket.AF_INET6, kind, ("::1", port), options)] += 1
    if stop:
        break
print(json.dumps(outcomes))
