"""The last message of each topic, for subscribers that come later.

A topic is the first frame of a message, or, in a message of one frame, the text before its first
blank. libzmq can send a message only to the connection whose subscription was read last (option 98,
XPUB_MANUAL_LAST_VALUE, at an XPUB that is manual). So a subscription to a single topic brings the
newcomer one message that no other peer gets. For a prefix with several topics, the first goes only
to the newcomer, and the others go to all peers that have them: they are `repeated`.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import zmq

from zmqdev.relay import recv_burst, send_burst
from zmqdev.relay.bursts import offer, with_label
from zmqdev.relay.twin import BATCH, BYTES, FULL, MESSAGES, Direction, Relay

# XPUB_MANUAL_LAST_VALUE, of the draft API; every libzmq since 4.3.3 has it.
OPTION = 98
# Values that are sent for one subscription.
MOST_AT_ONCE = 1000
# Bytes of all values. Above it, those that have been unchanged for longest are forgotten.
MOST_BYTES = 256 << 20


def supported() -> bool:
    """Return whether this libzmq has the option."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.XPUB)
    try:
        socket.setsockopt(OPTION, 1)
    except zmq.ZMQError:
        return False
    finally:
        socket.close(0)
        context.term()
    return True


class LastValues:
    """The last message of each topic, for at most `most` topics."""

    def __init__(self, most: int, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._values: OrderedDict[bytes, Sequence[bytes]] = OrderedDict()  # longest unchanged first
        self._names: list[bytes] = []  # sorted
        self.bytes = 0

    def __len__(self) -> int:
        """Return how many topics there are."""
        return len(self._values)

    def keep(self, message: Sequence[bytes]) -> None:
        """Keep a message as the last one of its topic."""
        topic = message[0] if len(message) > 1 else message[0].partition(b" ")[0]
        before = self._values.get(topic)
        if before is None:
            insort(self._names, topic)
        else:
            self.bytes -= sum(map(len, before))
            self._values.move_to_end(topic)
        self._values[topic] = message
        self.bytes += sum(map(len, message))
        while len(self._values) > self._most or self.bytes > self._most_bytes:
            self._forget_one()

    def fits(self, prefix: bytes, most: int = MOST_AT_ONCE) -> list[Sequence[bytes]]:
        """Return the values for a subscription, by topic, at most `most`."""
        found = []
        # A prefix may include text after the topic: `AAPL 1` fits `AAPL 189.20`.
        within = self._values.get(prefix.partition(b" ")[0]) if b" " in prefix else None
        if within is not None and len(within) == 1 and within[0].startswith(prefix):
            found.append(within)
        for name in self._names[bisect_left(self._names, prefix) :]:
            if not name.startswith(prefix) or len(found) >= most:
                break
            found.append(self._values[name])
        return found

    def _forget_one(self) -> None:
        topic, value = self._values.popitem(last=False)
        self.bytes -= sum(map(len, value))
        del self._names[bisect_left(self._names, topic)]


class Newcomers:
    """Sends last values to new subscribers, in the thread of the XPUB."""

    def __init__(self, socket: zmq.Socket[bytes], values: LastValues) -> None:
        self._socket, self.values = socket, values
        self.sent = 0
        """Values that went to a newcomer alone."""
        self.repeated = 0
        """Values that others who have the topic got once more."""

    def greet(self, prefix: bytes) -> None:
        """Send the values for a subscription; call it right after that was granted."""
        for place, message in enumerate(self.values.fits(prefix)):
            if place:
                self.repeated += not offer(self._socket, message)
            else:
                self._alone(message)

    def _alone(self, message: Sequence[bytes]) -> None:
        """Send a message only to the newcomer.

        Turning the option off also turns the manual mode off, so that is turned on again.
        """
        self._socket.setsockopt(OPTION, 1)
        try:
            self.sent += not offer(self._socket, message)
        finally:
            self._socket.setsockopt(OPTION, 0)
            self._socket.setsockopt(zmq.XPUB_MANUAL, 1)

    def plain(self) -> dict[str, Any]:
        """Return the numbers for a snapshot."""
        return {
            "last_values": len(self.values),
            "bytes": self.values.bytes,
            "greeted": self.sent,
            "repeated": self.repeated,
        }


class LastValueRelay(Relay):
    """A `twin.Relay` that keeps the messages passed on forward.

    It moves bursts where the target drops.
    """

    def __init__(self, *sockets: Any, values: LastValues, **options: Any) -> None:
        super().__init__(*sockets, **options)
        self.values = values
        self.receive: Callable[..., list[list[bytes]]] = recv_burst
        self.send: Callable[..., tuple[int, int]] = send_burst

    def _turn(self, flow: Direction) -> int:
        drops = flow.to_dropper and flow.lane.on_full == "drop"
        if not drops or flow.held is not None:
            return super()._turn(flow)
        seen: set[int] | None = set() if self.counters.origins.wanted else None
        burst = self.receive(flow.source, BATCH, *(() if seen is None else (seen,)))
        if seen:
            self.counters.origins.note(0, seen)
        self._pass_burst(flow, [one for one in burst if self._is_within(flow, one)])
        return len(burst)

    def _pass_burst(self, flow: Direction, messages: list[list[bytes]]) -> None:
        accepted, _ = self.send(flow.target, messages)
        self._count(flow, FULL, len(messages) - accepted)
        del messages[accepted:]
        self._count(flow, MESSAGES, accepted)
        for message in messages:
            self._count(flow, BYTES, sum(map(len, message)))
            self.values.keep(message)
        if self.capture is not None:
            self.send(self.capture, with_label(self.labels[0], messages))
        if self.tap is not None:
            self.send(self.tap, [[flow.mark, *message] for message in messages])

    def _copy(self, flow: Direction, message: list[zmq.Frame]) -> None:
        super()._copy(flow, message)
        if flow.to_dropper:
            self.values.keep([frame.bytes for frame in message])
