"""Facts about this process from the kernel: bytes by connection, memory in use.

libzmq's descriptors are only queried. By then one may be something else; the query then
fails or reports another connection of this process.
"""

from __future__ import annotations

import ctypes
import os
import resource
import socket
import struct
import sys
import termios
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# Offsets in struct tcp_info of linux/tcp.h, the same on every machine since Linux 4.1.
_RECEIVED_AT = 128
_SILENCE_AT = 52
_INFO_SIZE = 136
# Offsets since Linux 4.19: bytes sent, and how many of them were retransmitted.
_SENT_AT, _AGAIN_AT = 200, 208
_LONG_INFO_SIZE = 216
_RECEIVED = struct.Struct("=Q")
_FIONREAD, _OUTQ = ctypes.c_ulong(termios.FIONREAD), ctypes.c_ulong(termios.TIOCOUTQ)
_PAGE = os.sysconf("SC_PAGE_SIZE")


# From the same struct: state, retransmits, probes; unacked; last_ack_recv.
_TRACE = struct.Struct("=BxBB20xI28xI")
_CLOSED, _CLOSE_WAIT = 7, 8


@dataclass(frozen=True)
class Trace:
    """What TCP knows of one connection.

    `retransmits` and `probes` count those in a row without an answer, `unacked` counts
    packets; `acknowledged_ago` is in seconds.
    """

    state: int
    retransmits: int
    probes: int
    unacked: int
    acknowledged_ago: float

    @property
    def unanswered(self) -> bool:
        """Whether something is being retransmitted or probed."""
        return (self.unacked > 0 and self.retransmits > 0) or self.probes > 0

    @property
    def ended(self) -> bool:
        """Whether the peer has reset it, or the system has given it up."""
        return self.state == _CLOSED

    @property
    def left(self) -> bool:
        """Whether nothing more can come from the peer."""
        return self.state in (_CLOSED, _CLOSE_WAIT)


class WireBytes:
    """Queries descriptors for their traffic. It reuses its buffers, so use it in one thread."""

    def __init__(self) -> None:
        self._library = c_library() if sys.platform == "linux" else None
        self._info = ctypes.create_string_buffer(_INFO_SIZE)
        self._size, self._unread = ctypes.c_uint(), ctypes.c_int()
        self._size_at, self._unread_at = ctypes.byref(self._size), ctypes.byref(self._unread)

    def received(self, descriptor: int) -> int | None:
        """Return the bytes received over a TCP connection since it opened.

        None where that is unknown: other systems, other transports, a closed
        descriptor.
        """
        if not self._ask(descriptor):
            return None
        return int(_RECEIVED.unpack_from(self._info, _RECEIVED_AT)[0])

    def trace(self, descriptor: int) -> Trace | None:
        """Return the state of a connection; None where `received` is None."""
        if not self._ask(descriptor):
            return None
        state, retransmits, probes, unacked, ago = _TRACE.unpack_from(self._info)
        return Trace(state, retransmits, probes, unacked, ago / 1000)

    def _ask(self, descriptor: int) -> bool:
        if self._library is None:
            return False
        self._size.value = _INFO_SIZE
        failed = self._library.getsockopt(
            descriptor, socket.IPPROTO_TCP, socket.TCP_INFO, self._info, self._size_at
        )
        return not failed and self._size.value >= _INFO_SIZE

    def unread(self, descriptor: int) -> int:
        """Return how many of these bytes wait to be read."""
        return self._count(descriptor, _FIONREAD)

    def unacknowledged(self, descriptor: int) -> int:
        """Return the bytes that were sent and that the peer has not acknowledged."""
        return self._count(descriptor, _OUTQ)

    def _count(self, descriptor: int, what: ctypes.c_ulong) -> int:
        if self._library is None:
            return 0
        failed = self._library.ioctl(descriptor, what, self._unread_at)
        return 0 if failed else self._unread.value


def exchanged(connection: socket.socket) -> tuple[int, int] | None:
    """Return bytes sent and received over a TCP connection since it opened; None if unknown.

    The numbers stay available after its end, until it is closed.
    """
    if sys.platform != "linux" or connection.family == socket.AF_UNIX:
        return None
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LONG_INFO_SIZE)
    except OSError:
        return None
    if len(info) < _LONG_INFO_SIZE:
        return None
    sent, again, received = (
        _RECEIVED.unpack_from(info, at)[0] for at in (_SENT_AT, _AGAIN_AT, _RECEIVED_AT)
    )
    return sent - again, received


def silence(descriptor: int) -> float:
    """Return the seconds since data came over a TCP connection; 0 if unknown."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as copy:
            info = copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_SIZE)
    except (OSError, AttributeError):
        return 0.0
    if sys.platform != "linux" or len(info) < _INFO_SIZE:
        return 0.0
    return int.from_bytes(info[_SILENCE_AT : _SILENCE_AT + 4], sys.byteorder) / 1000


@cache
def c_library() -> ctypes.CDLL | None:
    """Return the C library of this process; None where it cannot be loaded."""
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):
        return None


def memory() -> int:
    """Return the resident bytes of this process, or their peak where only that is known."""
    try:
        with open("/proc/self/statm", "rb", buffering=0) as file:
            return int(file.read(200).split()[1]) * _PAGE
    except (OSError, ValueError):
        return peak()


def peak() -> int:
    """Return the peak of the resident bytes; takes a microsecond."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def give_back() -> None:
    """Return free memory to the system, because the allocator keeps what small blocks used."""
    trim: Callable[[int], int] | None = getattr(c_library(), "malloc_trim", None)
    if trim is not None:
        trim(0)


@cache
def available() -> int:
    """Return the bytes that this process could have.

    The least of the machine's memory, its control groups' limits, and its address limit
    (RLIMIT_AS, less what is mapped and not resident).
    """
    return min([os.sysconf("SC_PHYS_PAGES") * _PAGE, *group_limits(), *_address_limit()])


def _address_limit() -> list[int]:
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return []
    try:
        mapped, resident = map(int, Path("/proc/self/statm").read_text().split()[:2])
    except (OSError, ValueError):
        return [limit]
    return [max(limit // 2, limit - (mapped - resident) * _PAGE)]


def group_limits(
    mine: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> list[int]:
    """Return the memory limits of this process' control groups, version 1 and 2, with
    outer ones."""
    try:
        lines = mine.read_text().splitlines()
    except OSError:
        return []
    limits = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            limits += _limits_of(root, path, "memory.max")
        elif "memory" in controllers.split(","):
            limits += _limits_of(root / "memory", path, "memory.limit_in_bytes")
    return limits


def _limits_of(root: Path, path: str, name: str) -> list[int]:
    """Return the limits of a group and its parents. In a container, the path may be the
    outer one."""
    inner = root / path.strip("/")
    limits = []
    for group in (inner, *inner.parents):
        if not group.is_relative_to(root):
            break
        try:
            text = (group / name).read_text().strip()
        except OSError:
            continue
        if text.isdigit():
            limits.append(int(text))
    return limits
