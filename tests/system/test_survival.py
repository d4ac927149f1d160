"""The handler of faults, in processes made for it: it executes what was asked, and only then."""

from __future__ import annotations

import subprocess
import sys

import pytest

from zmqdev.system import crash

pytestmark = pytest.mark.skipif(crash._survival is None, reason="the C half was not built")

# What a life does after it has asked to come back; the next one tells what it finds.
BEGIN = """
import ctypes, os, signal, sys, threading
from zmqdev.system import _survival
libc = ctypes.CDLL(None)
NEXT = "import os; print(os.environ['ZMQDEV_ENDED_BY'], os.environ['KEPT'], os.getpid())"
words = [sys.executable.encode(), b"-c", NEXT.encode()]
def arm(spared=0):
    _survival.come_back(sys.executable.encode(), words, [b"KEPT=yes"], spared)
def in_thread(action):
    def body():
        _survival.own_stack()
        action()
    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
arm()
"""


def life(script: str) -> tuple[int, str, int]:
    """Exit status, what the last life said, and the process id of all of them."""
    with subprocess.Popen(
        [sys.executable, "-c", BEGIN + script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        out, _ = process.communicate(timeout=60)
        return process.returncode, out.decode().strip(), process.pid


@pytest.mark.parametrize(
    ("script", "number"),
    [
        ("libc.abort()", 6),
        ("in_thread(libc.abort)", 6),
        ("in_thread(lambda: ctypes.string_at(0))", 11),
        ("arm(); arm(); ctypes.string_at(0)", 11),
        ("os.kill(os.getpid(), signal.SIGBUS)", 7),
        ("signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32)); libc.abort()", 6),
        ("arm(os.getppid()); libc.abort()", 6),
    ],
)
def test_a_fault_begins_the_next_life_in_the_same_process(script: str, number: int) -> None:
    status, said, pid = life(script)
    assert (status, said) == (0, f"{number:02d} yes {pid}")


def test_a_stack_that_has_overflowed_is_no_hindrance() -> None:
    """As a subscriber's long topic would do it (libzmq 4671)."""
    script = """
def deep():
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    sort = kind(lambda a, b: again())
    numbers = (ctypes.c_int * 2)(2, 1)
    def again():
        libc.qsort(numbers, 2, 4, sort)
        return 0
    sys.setrecursionlimit(10**9)
    again()
in_thread(deep)
"""
    status, said, pid = life(script)
    assert (status, said) == (0, f"11 yes {pid}")


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("_survival.stay_down(); libc.abort()", -6),
        ("os._exit(3)", 3),
        ("raise SystemExit(2)", 2),
        ("os.kill(os.getpid(), signal.SIGTERM)", -15),
        ("os.kill(os.getpid(), signal.SIGKILL)", -9),
        ("arm(os.getpid()); os.kill(os.getpid(), signal.SIGABRT)", -6),
        (
            "_survival.come_back(b'/nothing', words, [], 0); libc.abort()",
            -6,
        ),
    ],
)
def test_all_else_is_an_end(script: str, status: int) -> None:
    found, said, _ = life(script)
    assert (found, said) == (status, "")


@pytest.mark.parametrize(
    "arguments", ["[b'x']", "[1], [], 0", "b'x', [1], [], 0", "b'x', [], [''], 0"]
)
def test_what_cannot_be_executed_is_refused(arguments: str) -> None:
    script = (
        f"\ntry:\n    _survival.come_back({arguments})\nexcept TypeError:\n    print('refused')"
    )
    assert life(script)[1] == "refused"
