from collections.abc import Callable, Iterator, Sequence
from typing import Any

import zmq
from typing_extensions import Self

from zmqdev.relay.counters import Counters
from zmqdev.relay.target import Target

SYMBOLS: tuple[str, ...]
ROWS: tuple[str, ...]

def bind(
    addresses: tuple[int, ...],
    failure: Callable[[int], zmq.ZMQError],
    keys: tuple[int, ...],
    /,
) -> None: ...
def recv_burst(
    socket: zmq.Socket[bytes],
    limit: int,
    seen: set[int] | None = None,
    named: list[tuple[int, int]] | None = None,
    sources: list[int] | None = None,
    /,
) -> list[list[bytes]]: ...
def send_burst(
    socket: zmq.Socket[bytes], messages: Sequence[Sequence[bytes]], /
) -> tuple[int, int]: ...
def pump(
    results: Iterator[Any],
    names: dict[str, int],
    targets: tuple[Target, ...],
    limit: int,
    capture: zmq.Socket[bytes] | None,
    tap: zmq.Socket[bytes] | None,
    label: bytes = b"",
    /,
) -> tuple[int, int, int, int, Any]: ...
def json_field(text: bytes, path: tuple[bytes, ...], /) -> bytes | None: ...

class Routes:
    def __new__(cls, source: tuple[Any, ...], /) -> Self: ...
    def decide(
        self, message: tuple[bytes, ...] | None, envelope: int, now: int, room: bytes, /
    ) -> tuple[list[tuple[int, list[bytes]]], list[int], bool, bool, int]: ...

class RoutedRelay:
    held: tuple[bool, bool]
    routes: Routes
    def __new__(
        cls,
        sockets: tuple[zmq.Socket[bytes], ...],
        cells: tuple[int, ...],
        counters: Counters,
        routes: Routes,
        enveloped: bool,
        /,
    ) -> RoutedRelay: ...
    def renew(self, routes: Routes, /) -> None: ...
    def run(
        self,
        forward: tuple[bool, bool, int, int, int] | None,
        backward: tuple[bool, bool, int, int, int] | None,
        capture: zmq.Socket[bytes] | None,
        tap: zmq.Socket[bytes] | None,
        until_idle: bool,
        limit_ms: int,
        handles_signals: bool,
        /,
    ) -> bool: ...
    def label(self, forward: bytes, backward: bytes, /) -> None: ...
    def close(self) -> None: ...

class Relay:
    held: tuple[bool, bool]
    def __new__(
        cls,
        frontend: zmq.Socket[bytes],
        backend: zmq.Socket[bytes],
        wake: zmq.Socket[bytes],
        counters: Counters,
        /,
    ) -> Relay: ...
    def run(
        self,
        forward: tuple[bool, bool, int, int, int] | None,
        backward: tuple[bool, bool, int, int, int] | None,
        capture: zmq.Socket[bytes] | None,
        tap: zmq.Socket[bytes] | None,
        until_idle: bool,
        limit_ms: int,
        stall_ms: int,
        handles_signals: bool,
        /,
    ) -> bool: ...
    def label(self, forward: bytes, backward: bytes, /) -> None: ...
    def close(self) -> None: ...
    def take_held(self) -> list[bytes] | None: ...
