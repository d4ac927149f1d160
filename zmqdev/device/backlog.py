"""Messages taken in at the end and not yet passed on: an inproc pair without high-water mark.

Taking in ends at once, however slow the receivers are. The messages taken are passed on by a relay
like all others, by the same rules and with the same counters.
"""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

import zmq

from zmqdev.device.socket import events
from zmqdev.relay import DROPS, Counters, Lane, Relay, recv_burst, send_burst
from zmqdev.relay.veil import veil

if TYPE_CHECKING:  # a plain device needs none of these, and starts sooner without
    from zmqdev.device.demand import DemandRelay
    from zmqdev.device.keep_ids import KeepRelay
    from zmqdev.relay.fan import RoutedRelay
    from zmqdev.relay.hook import Hook
    from zmqdev.relay.last_value import LastValueRelay

    AnyRelay = Relay | RoutedRelay | DemandRelay | KeepRelay | LastValueRelay

# Messages taken at a time.
BURST = 4096
TURN_MS = 20
_names = itertools.count()


class Backlog:
    """A backlog between a relay's frontend and a second relay; used in the device's thread.

    `hook` is the function that the relay calls, if any.
    """

    def __init__(
        self,
        context: zmq.Context[Any],
        relay: AnyRelay,
        counters: Counters,
        hook: Hook | None = None,
    ) -> None:
        self._source, self._counters, self._hook = relay.frontend, counters, hook
        address = f"inproc://zmqdev-backlog-{next(_names)}"
        self._in, self._out = context.socket(zmq.PUSH), context.socket(zmq.PULL)
        for end in (self._in, self._out):
            end.set(zmq.SNDHWM, 0)
            end.set(zmq.RCVHWM, 0)
            end.set(zmq.LINGER, 0)
        self._in.bind(address)
        self._out.connect(address)
        self.relay = relay.behind(self._out)
        # A separate relay fills the pair, faster than most peers can send, so that it finishes.
        self._unasked = context.socket(zmq.PAIR)
        self._moved = Counters()
        self._mover = Relay(
            *(self._source, self._in, self._unasked, self._moved), backward=Lane(enabled=False)
        )
        self.relay.capture, self.relay.tap = relay.capture, relay.tap
        self.relay.labels = relay.labels
        self._taken = hook.left if hook is not None else int(relay.held[0])
        self._plain: bool | None = None
        self._swaps = isinstance(relay, Relay) and relay.backend.type == zmq.ROUTER
        self._passed_before = self._passed()

    @property
    def empty(self) -> bool:
        """Whether all messages taken were passed on."""
        return not self.relay.held[0] and not events(self._out) & zmq.POLLIN

    @property
    def inside(self) -> int:
        """Return how many messages were taken and not passed on.

        The one that the first relay holds counts too.
        """
        return max(0, self._taken - self._passed() + self._passed_before)

    @property
    def plain(self) -> bool:
        """Whether messages were taken and none had the empty frame of a REQ."""
        return self._plain is True

    def take(self, wait_ms: int) -> int:
        """Take the messages that are here, or come within `wait_ms`; return how many.

        It ends after TURN_MS even if more messages come.
        """
        if wait_ms:
            self._source.poll(wait_ms)
        taken = self._look_at_one()
        if taken:
            before = self._moved.total()["forward"]["messages"]
            self._mover.run(until_idle=True, limit_ms=TURN_MS)
            taken += self._moved.total()["forward"]["messages"] - before
        self._taken += taken
        return taken

    def _look_at_one(self) -> int:
        burst = recv_burst(self._source, 1)
        if not burst:
            return 0
        if self._plain is not False:
            self._plain = b"" not in burst[0][1:]
        send_burst(self._in, self._veiled(burst))
        return 1

    def _veiled(self, burst: list[list[bytes]]) -> list[list[bytes]]:
        """Return messages as the first relay would have passed them on.

        Replies come back to these addresses.
        """
        if self._source.type != zmq.ROUTER:
            return burst
        veiled = [[veil(address), *rest] for address, *rest in burst]
        if not self._swaps:
            return veiled
        return [[*message[1:2], message[0], *message[2:]] for message in veiled]

    def discard(self, until: float) -> int:
        """Read and drop the messages that are here; return how many."""
        count = 0
        while time.monotonic() < until and (burst := recv_burst(self._source, BURST)):
            count += len(burst)
        return count

    def close(self) -> None:
        """Close the relays and the pair."""
        self.relay.close()
        self._mover.close()
        self._unasked.close(0)
        self._in.close(0)
        self._out.close(0)

    def _passed(self) -> int:
        if self._hook is not None:  # it may yield more messages than it took, or fewer
            return self._hook.taken
        forward = self._counters.total()["forward"]
        return forward["messages"] + sum(forward[drop] for drop in DROPS)
