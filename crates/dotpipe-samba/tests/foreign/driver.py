"""Drives an SMB client by lines on the standard input, and answers each with one line.

| line                        | answer                                               |
|-----------------------------|------------------------------------------------------|
| connect PORT USER PASSWORD  | ok; the password may have spaces; nobody is user `-` |
| open PIPE NAME              | ok; PIPE is what it is called from now on            |
| read PIPE LENGTH            | ok DATA                                              |
| write PIPE DATA             | ok COUNT                                             |
| transact PIPE DATA LENGTH   | ok DATA, or more DATA when the reply is longer       |
| close PIPE                  | ok                                                   |
| crowd NAME CLIENTS ROUNDS   | ok COUNT, the round trips of clients at the same time |
| die PIPE DATA               | none: killed when half of the write has been sent    |

DATA are hexadecimal digits, or `-` for nothing. Other answers are `err STATUS`, the status of the server in hexadecimal
digits, and `lost REASON`: there is no connection any more, or there never was one.
"""

import os
import signal
import sys
import threading


class Status(Exception):
    """A status other than success, with the data that came along."""

    def __init__(self, code, data=b""):
        super().__init__(f"{code & 0xFFFFFFFF:08X}")
        self.code = code & 0xFFFFFFFF
        self.data = data


BUFFER_OVERFLOW = 0x80000005


def bytes_of(digits):
    return b"" if digits == "-" else bytes.fromhex(digits)


class HalfSocket:
    """A socket by which half of what is sent goes out, and then this process is killed."""

    def __init__(self, socket):
        self.socket = socket

    def send(self, data):
        self.socket.sendall(data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)

    sendall = send

    def __getattr__(self, name):
        return getattr(self.socket, name)


class Driver:
    """Carries the lines out with `connect(port, user, password)`, which gives a client: `open(name)` gives a
    pipe with `read`, `write`, `transact` and `close`, and `halve_socket(HalfSocket)` puts that in between."""

    def __init__(self, connect):
        self.connect_with = connect
        self.client = None
        self.pipes = {}

    def connect(self, port, user, *password):
        self.account = (int(port), "" if user == "-" else user, " ".join(password))
        self.client = self.connect_with(*self.account)

    def open(self, pipe, name):
        self.pipes[pipe] = self.client.open(name)

    def read(self, pipe, length):
        return self.pipes[pipe].read(int(length)).hex()

    def write(self, pipe, data):
        return str(self.pipes[pipe].write(bytes_of(data)))

    def transact(self, pipe, data, length):
        return self.pipes[pipe].transact(bytes_of(data), int(length)).hex()

    def close(self, pipe):
        self.pipes.pop(pipe).close()

    def die(self, pipe, data):
        self.client.halve_socket(HalfSocket)
        self.pipes[pipe].write(bytes_of(data))

    def crowd(self, name, clients, rounds):
        """Every client has a connection of its own and checks what comes back."""
        done = []

        def talk(number):
            pipe = self.connect_with(*self.account).open(name)
            for turn in range(int(rounds)):
                question = f"{number}:{turn}:".encode() * (1 + turn % 50)
                pipe.write(question)
                if pipe.read(65536) != question:
                    return
                done.append(turn)
            pipe.close()

        threads = [threading.Thread(target=talk, args=[number]) for number in range(int(clients))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return str(len(done))

    def answer(self, line):
        verb, *words = line.split()
        try:
            result = getattr(self, verb)(*words)
            return f"ok {result}" if result is not None else "ok"
        except Status as status:
            if status.code == BUFFER_OVERFLOW:
                return f"more {status.data.hex()}"
            return f"err {status}"
        except Exception as error:  # Whatever a library raises when its connection has gone.
            return f"lost {type(error).__name__}: {error}".replace("\n", " ")


def drive(connect):
    """Answers until the input ends."""
    driver = Driver(connect)
    for line in sys.stdin:
        print(driver.answer(line), flush=True)
    # The libraries wait for servers when they end.
    os._exit(0)
