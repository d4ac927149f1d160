from collections.abc import Callable, Sequence

import zmq

from zmqdev.relay.counters import Counters

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
    /,
) -> list[list[bytes]]: ...
def send_burst(
    socket: zmq.Socket[bytes], messages: Sequence[Sequence[bytes]], /
) -> tuple[int, int]: ...

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
        handles_signals: bool,
        /,
    ) -> bool: ...
    def close(self) -> None: ...
