"""
Connects as a container may and says something: each dial of the JSON list in argv[1] is made, and what was answered is printed. `sni`
makes it a client of TLS who verifies nothing.
"""
import errno
import json
import socket
import ssl
import sys

HELLO = "GET / HTTP/1.0\r\nHost: outside\r\n\r\n"
MPTCP = 262
SECONDS = 5


def open_socket(dial):
    family = socket.AF_INET6 if ":" in dial["host"] else socket.AF_INET
    client = socket.socket(family, socket.SOCK_STREAM, MPTCP if dial.get("mptcp") else 0)
    client.settimeout(dial.get("seconds", SECONDS))
    if "device" in dial:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, dial["device"].encode())
    if "source" in dial:
        client.bind((dial["source"], 0))
    return client


def answer_of(client):
    said = b""
    try:
        while piece := client.recv(4096):
            said += piece
    except OSError:
        # Whoever answers and leaves without having read resets; what was answered has come.
        if not said:
            raise
    return said.decode("utf-8", "replace")


def one(dial):
    with open_socket(dial) as client:
        try:
            client.connect((dial["host"], dial["port"]))
            if "sni" in dial:
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                if "alpn" in dial:
                    context.set_alpn_protocols([dial["alpn"]])
                client = context.wrap_socket(client, server_hostname=dial["sni"])
            client.sendall(dial.get("say", HELLO).encode())
            return answer_of(client) or "closed"
        except socket.timeout:
            return "silence"
        except ssl.SSLError as problem:
            return problem.reason or str(problem)
        except OSError as problem:
            return errno.errorcode.get(problem.errno, str(problem))


print(json.dumps([one(dial) for dial in json.loads(sys.argv[1])]))
