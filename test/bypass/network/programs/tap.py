"""Writes every frame of every interface to the output, as hexadecimal, one a line; `tap.py` by whoever may."""
import errno
import socket
import sys

EVERYTHING = 0x0003
try:
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERYTHING))
except OSError as problem:
    print(errno.errorcode[problem.errno], flush=True)
    sys.exit()
print("listening", flush=True)
while True:
    frame, (device, *_) = wire.recvfrom(65535)
    print(device, frame.hex(), flush=True)
