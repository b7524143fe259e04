"""
Handing connections to other processes. `give NAME HOST PORT`: a gateway that hands its own to whoever asks at an abstract socket. `take`:
asks at every socket of the network namespace where somebody listens. `steal PID`: takes them out of the process.
"""
import ctypes
import errno
import os
import re
import socket
import sys

LISTENING = 0x10000
PIDFD_GETFD = 438


def give(name, host, port):
    server = socket.socket(socket.AF_UNIX)
    server.bind("\0" + name)
    server.listen()
    upstream = socket.create_connection((host, int(port)))
    print("listening", upstream.fileno(), flush=True)
    while True:
        client, _ = server.accept()
        with client:
            socket.send_fds(client, [b"x"], [upstream.fileno()])


def take():
    names = []
    for line in open("/proc/net/unix").read().splitlines()[1:]:
        fields = line.split()
        if int(fields[3], 16) & LISTENING and len(fields) > 7:
            names.append(re.sub("^@", "\0", fields[7]))
    said = []
    for name in names:
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(2)
                client.connect(name)
                _, fds, _, _ = socket.recv_fds(client, 16, 4)
                said += [heard(fd) for fd in fds]
        except OSError as problem:
            said.append(type(problem).__name__)
    print(*said or ["nobody listens"])


def steal(pid):
    taken = []
    try:
        process = os.pidfd_open(int(pid))
        libc = ctypes.CDLL(None, use_errno=True)
        for number in range(3, 64):
            fd = libc.syscall(PIDFD_GETFD, process, number, 0)
            if fd < 0 and ctypes.get_errno() != errno.EBADF:
                raise OSError(ctypes.get_errno(), "")
            if fd >= 0 and is_connection(fd):
                taken.append(heard(fd))
    except OSError as problem:
        taken = [errno.errorcode[problem.errno]]
    print(*taken or ["nothing"])


def is_connection(fd):
    try:
        return socket.socket(fileno=os.dup(fd)).family == socket.AF_INET
    except OSError:
        return False


def heard(fd):
    with socket.socket(fileno=fd) as connection:
        connection.settimeout(2)
        return connection.recv(256).decode("utf-8", "replace") or "closed"


{"give": give, "take": take, "steal": steal}[sys.argv[1]](*sys.argv[2:])
