"""`zmqdev` for a shell: asks the fork server for a copy, and is what the shell knows of it.

    python -I -S tests/support/forked_client.py DESCRIPTOR PROGRAM WORDS...

DESCRIPTOR is the socket of the server. Signals go on to the copy, its exit status is this one's,
and it ends when this process is killed. Nothing is loaded here that is not needed: this is to
cost less than a start of `zmqdev`.
"""

import _socket
import array
import json
import os
import signal
import struct
import sys

REPORT = struct.Struct("=cq")
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCONT, signal.SIGUSR1)


def ask(server: int, argv: list[str]) -> tuple[int, int]:
    """The process id of the copy, and the pipe that its exit status will come by."""
    request = {
        "module": "zmqdev.cli",
        "terminal": False,
        "limits": {},
        "ignored": [n for n in PASSED_ON if signal.getsignal(n) == signal.SIG_IGN],
        "user": None,
        "argv": argv,
        "cwd": os.getcwd(),
        "env": dict(os.environ),
    }
    reading, writing = os.pipe()
    descriptors = array.array("i", [0, 1, 2, writing])
    rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, descriptors)
    _socket.socket(fileno=server).sendmsg([json.dumps(request).encode()], [rights])
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):  # the copy has them; its end is to be the end of a pipe
        os.dup2(nothing, number)
    os.close(writing)
    return REPORT.unpack(os.read(reading, REPORT.size))[1], reading


def main() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    pid, pipe = ask(int(sys.argv[1]), sys.argv[2:])
    for number in PASSED_ON:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda number, frame: os.kill(pid, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
    status = REPORT.unpack(os.read(pipe, REPORT.size))[1]
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


main()
