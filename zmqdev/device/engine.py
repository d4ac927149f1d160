"""The interface of an engine: the part of a device that moves messages.

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
    """What a drain could not pass on, one sentence each; empty when everything left."""

    reports: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ending:
    """How a device ends: the latest time (monotonic seconds), how many peers are connected to each
    side, and whether it must leave at once."""

    deadline: float
    watches: Mapping[str, PeerWatch]
    at_once: Callable[[], bool]


class Engine(Protocol):
    """The relay of a plain device, or the broker of a reliable queue."""

    follows_peers: bool  # whether `peer_changed` is wanted
    counters: Counters

    @property
    def spec(self) -> DeviceSpec:
        """The settings, with the changes made since the start."""

    def open(self, context: zmq.Context[Any], wake: zmq.Socket[bytes], watch: Watch) -> None:
        """Make, bind and connect the sockets. RunError; nothing stays open after one.

        `watch` is called with each side before it is bound or connected: its first peer may
        come in the same moment.
        """

    def run(self, *, paused: bool) -> None:
        """Work until `wake` is readable, without reading it. `paused`: move nothing."""

    def drain(self, ending: Ending) -> bool:
        """Stop taking in, and pass on what is here. True when done. False when `wake` is readable:
        the device reads it and calls again."""

    def leftover(self) -> Leftover:
        """What is still here, after the last call of `drain`."""

    def close(self, linger_ms: int) -> None:
        """Close every socket; unsent messages are kept for `linger_ms`."""

    def released(self, all_read: bool) -> None:
        """After `close`, once the context is gone; `all_read`: the peers have read what was sent.
        Also when `open` failed."""

    def configure(self, key: str, value: Any) -> None:
        """Change what can change at run time; Unchangeable says why for anything else."""

    def tap(self, socket: zmq.Socket[bytes] | None) -> None:
        """Copy each message passed on to this PUB, with one leading frame `>` or `<`; None: stop.
        The socket stays its owner's."""

    def peer_changed(self, side: str, what: str) -> None:
        """A connection of a side was made or lost: `what` is connected or disconnected."""

    def sockets(self) -> tuple[OpenSocket, ...]:
        """The sides, frontend first. Any thread may read the result's addresses."""

    def beside(self) -> Mapping[str, AddressState]:
        """Where what stands beside the sides can be reached, by the option that asks for it."""

    def flows(self) -> tuple[Flow, ...]:
        """Counts by direction. Any thread."""

    def progress(self, direction: int) -> Progress:
        """How far it is with the messages of a side; 0 is forward, what the frontend takes in.
        Any thread."""

    def details(self) -> Mapping[str, Any]:
        """What only this engine knows, for status and the live view. Any thread."""

    def inside(self) -> int:
        """At the end: messages taken in and not passed on. Those in the queues of the sockets are
        not known."""

    def read_again(self) -> Callable[[], None]:
        """Read files of its own again, such as rights; what is returned puts them into force.
        UsageError names what is wrong. Any thread."""

    def owed(self) -> int:
        """Requests that have no reply so far, an estimate; 0 where no replies travel. Any
        thread."""

    def reset(self) -> None:
        """Count from zero again. Any thread."""
