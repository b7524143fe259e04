/**
 * What an agent tries that would be the gateway, or get past it. Programs for the agent's own Python; each line that they print says
 * what was tried and what came of it.
 */

const ATTEMPTING = `
import os, socket, struct, sys
def attempt(name, act):
    try:
        said = act()
        print(name, "works" if said is None else said)
    except OSError as error:
        print(name, error.strerror)
`;

/** The table of who may do what in a pod: all of it is needed to get past rules that go by the sender's user. */
export const escapes = (gatewayUid: number): string => `${ATTEMPTING}
def flush():
    # All tables of nftables, deleted in one batch.
    NFTABLES, REQUEST, ACK, BEGIN, END, DELETE_TABLE = 10, 1, 4, 0x10, 0x11, (10 << 8) | 2
    def message(kind, flags, resource):
        return struct.pack("=IHHIIBBH", 20, kind, flags, 1, 0, 0, 0, socket.htons(resource))
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:
        netlink.settimeout(5)
        netlink.send(message(BEGIN, REQUEST, NFTABLES) + message(DELETE_TABLE, REQUEST | ACK, 0) + message(END, REQUEST, NFTABLES))
        code = -struct.unpack("=i", netlink.recv(4096)[16:20])[0]
        if code: raise OSError(code, os.strerror(code))
def mark():
    with socket.socket() as marked: marked.setsockopt(socket.SOL_SOCKET, 36, 1)
attempt("raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close())
attempt("packet socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close())
attempt("mark", mark)
attempt("chown", lambda: (open("/tmp/mine", "w").close(), os.chown("/tmp/mine", 1, 1))[1])
attempt("flush of all rules", flush)
attempt("setgid", lambda: os.setgid(${gatewayUid}))
attempt("setuid to the gateway", lambda: os.setuid(${gatewayUid}))
`;
export const ESCAPES = [
  "raw socket",
  "packet socket",
  "mark",
  "chown",
  "flush of all rules",
  "setgid",
  "setuid to the gateway",
] as const;

export interface World {
  readonly apiServer: string;
  readonly peer: string;
  readonly resolver: string;
}

export const PEER_PORT = 8_000;
const PEER_SAYS = "the peer answers";

/** Somebody who would be glad to hear from an agent, by TCP and UDP. */
export const PEER = `
import socket, threading
tcp = socket.create_server(("", ${PEER_PORT}))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("", ${PEER_PORT}))
def datagrams():
    while True:
        data, sender = udp.recvfrom(2048)
        print("heard", data, flush=True)
        udp.sendto(b"${PEER_SAYS}", sender)
threading.Thread(target=datagrams, daemon=True).start()
print("listening", flush=True)
while True:
    client, _ = tcp.accept()
    print("heard", client.recv(2048), flush=True)
    client.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n${PEER_SAYS}")
    client.close()
`;

/** Everybody whom an agent's pod could reach without a gateway. */
export const departures = ({ apiServer, peer, resolver }: World): string => `${ATTEMPTING}
import ssl
def http(host, port):
    with socket.create_connection((host, port), 3) as connection:
        connection.settimeout(3)
        connection.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        answer = b""
        while piece := connection.recv(4096): answer += piece
        return answer.split(b"\\r\\n\\r\\n", 1)[1].decode().strip()
def tls(host, port):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((host, port), 3) as connection:
        context.wrap_socket(connection)
def datagram(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(3)
        sender.sendto(b"datagram", (host, port))
        return sender.recv(2048).decode()
def query(transport):
    question = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + b"\\x0akubernetes\\x07default\\x03svc\\x07cluster\\x05local\\x00\\x00\\x01\\x00\\x01"
    with socket.socket(socket.AF_INET, transport) as resolver:
        resolver.settimeout(3)
        resolver.connect(("${resolver}", 53))
        if transport == socket.SOCK_STREAM: question = struct.pack(">H", len(question)) + question
        resolver.send(question)
        answer = resolver.recv(2048)
        if transport == socket.SOCK_STREAM: answer = answer[2:] or resolver.recv(2048)
        code = answer[3] & 15
        return None if code == 0 else "does not exist" if code == 3 else f"code {code}"
attempt("http to a pod", lambda: http("${peer}", ${PEER_PORT}))
attempt("datagram to a pod", lambda: datagram("${peer}", ${PEER_PORT}))
attempt("tls to the API server", lambda: tls("${apiServer}", 443))
attempt("name by udp", lambda: query(socket.SOCK_DGRAM))
attempt("name by tcp", lambda: query(socket.SOCK_STREAM))
`;
/** What comes of that with nothing between. */
export const DEPARTED = `http to a pod ${PEER_SAYS}
datagram to a pod ${PEER_SAYS}
tls to the API server works
name by udp works
name by tcp works
`;
export const KEPT_IN =
  /^http to a pod \{"code":"DESTINATION_UNKNOWN",[^\n]*\ndatagram to a pod Operation not permitted\ntls to the API server [^\n]*access denied[^\n]*\nname by udp does not exist\nname by tcp does not exist\n$/;
