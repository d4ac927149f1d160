"""The interface of an engine, the part of a device that moves messages.

The engine lives in the device's thread. Each method is called in that thread, between two calls of
`run`, unless it is marked "any thread".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import zmq

from zmqdev.device.peers import PeerWatch
from zmqdev.device.socket import OpenSocket, Watch
from zmqdev.options.device import DeviceSpec
from zmqdev.relay import Counters
from zmqdev.security.unfinished import Progress
from zmqdev.stats.snapshot import AddressState, Flow


@dataclass(frozen=True)
class Leftover:
    """What a drain could not pass on, in sentences; empty when everything has left."""

    reports: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ending:
    """How a device ends.

    It has the latest time (monotonic seconds), how many peers are connected to each side, and
    whether the device must leave at once.
    """

    deadline: float
    watches: Mapping[str, PeerWatch]
    at_once: Callable[[], bool]


class Engine(Protocol):
    """The relay of a plain device, or the broker of a reliable queue."""

    follows_peers: bool  # whether `peer_changed` is wanted
    counters: Counters

    @property
    def spec(self) -> DeviceSpec:
        """Return the settings, including changes since the start."""

    def open(self, context: zmq.Context[Any], wake: zmq.Socket[bytes], watch: Watch) -> None:
        """Make, bind and connect the sockets; after a RunError none stays open.

        `watch` is called with each side before it is bound or connected, because its first peer may
        come at the same moment.
        """

    def run(self, *, paused: bool) -> None:
        """Work until `wake` is readable, without reading it; with `paused`, move nothing."""

    def drain(self, ending: Ending) -> bool:
        """Stop taking in, and pass on what is here; return whether that is done.

        It returns False when `wake` is readable: the device reads it and calls again.
        """

    def leftover(self) -> Leftover:
        """Return what is left after the last call of `drain`."""

    def close(self, linger_ms: int) -> None:
        """Close every socket; unsent messages are kept for `linger_ms`."""

    def released(self, all_read: bool) -> None:
        """Release the rest after `close`, once the context is gone; also called when `open` failed.

        `all_read`: the peers have read what was sent.
        """

    def configure(self, key: str, value: Any) -> None:
        """Change a setting at run time; Unchangeable says why it cannot be changed."""

    def tap(self, socket: zmq.Socket[bytes] | None) -> None:
        """Copy each message passed on to this PUB, after a frame `>` or `<`; None stops that.

        The socket still belongs to the caller.
        """

    def peer_changed(self, side: str, what: str) -> None:
        """Handle a connection made or lost: `what` is connected or disconnected."""

    def sockets(self) -> tuple[OpenSocket, ...]:
        """Return the sides, frontend first. Any thread may read the result's addresses."""

    def beside(self) -> Mapping[str, AddressState]:
        """Return addresses beside the sides, by the option that sets them."""

    def flows(self) -> tuple[Flow, ...]:
        """Return the counts by direction. Any thread."""

    def progress(self, direction: int) -> Progress:
        """Return the progress with the messages of a side. Any thread.

        0 is forward, the messages that the frontend takes in.
        """

    def details(self) -> Mapping[str, Any]:
        """Return details that only this engine has, for status and the live view. Any thread."""

    def inside(self) -> int:
        """Return how many messages were taken in and not passed on, at the end.

        Messages in the queues of the sockets are not counted, since their number is unknown.
        """

    def read_again(self) -> Callable[[], None]:
        """Read files such as rights again; return a function that applies them. Any thread.

        UsageError names what is wrong.
        """

    def owed(self) -> int:
        """Return how many requests have no reply so far, an estimate. Any thread.

        It is 0 where no replies are passed on.
        """

    def reset(self) -> None:
        """Count from zero again. Any thread."""
