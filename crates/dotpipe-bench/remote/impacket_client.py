"""One side of a measurement: a client of the package `impacket`, with the same rules as those of `src/worker/`.

Usage: impacket_client.py round-trip|stream LENGTH MICROSECONDS PIPE, with `DOTPIPE_SMB_PORT`, `_USER` and `_PASSWORD`
in the environment. It writes a message and reads the answer, signed and not encrypted, as dotpipe does.
"""

import os
import sys
import time

from impacket.smb3structs import SMB2_DIALECT_21
from impacket.smbconnection import SMBConnection

LAST, FIRST = 1 << 63, 1 << 62


def message(number, length):
    return number.to_bytes(8, "little") + b"\x5a" * (length - 8)


def main(task, length, slice_, name):
    length, slice_ = int(length), int(slice_) * 1000
    environment = {key: os.environ["DOTPIPE_SMB_" + key] for key in ("PORT", "USER", "PASSWORD")}
    port = int(environment["PORT"])
    connection = SMBConnection("127.0.0.1", "127.0.0.1", sess_port=port, preferredDialect=SMB2_DIALECT_21)
    connection.login(environment["USER"], environment["PASSWORD"])
    tree = connection.connectTree("IPC$")
    pipe = connection.openFile(tree, "\\" + name)
    clock = time.perf_counter_ns

    def send(number, flags=0):
        connection.writeFile(tree, pipe, message(number | flags, length))

    def receive(number):
        answer = b""
        while len(answer) < length:
            answer += connection.readFile(tree, pipe, bytesToRead=length - len(answer))
        # The server sets other parts of a last message.
        if int.from_bytes(answer[:8], "little") & ~(LAST | FIRST) != number:
            raise SystemExit("another message came")

    times, number = [], 0
    if task == "stream":
        end = clock() + slice_
        # The server reads its clock after two messages.
        while clock() < end or number % 2 == 0:
            send(number)
            number += 1
        send(number, LAST)
        receive(number)
    else:
        warm = clock() + slice_ // 8
        while clock() < warm or number == 0:
            send(number)
            receive(number)
            number += 1
        first, end, last = number, clock() + slice_, False
        while not last:
            begun = clock()
            last = begun >= end and number > first
            send(number, (LAST if last else 0) | (FIRST if number == first else 0))
            receive(number)
            times.append(clock() - begun)
            number += 1
        # In thousandths of a nanosecond, each once.
        print("result  " + ",".join(f"{time}000:1" for time in times))
    print("done", flush=True)
    # The other side is done when the input ends.
    sys.stdin.read()
    os._exit(0)


main(*sys.argv[1:])
