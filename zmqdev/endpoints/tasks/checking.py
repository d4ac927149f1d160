"""sub and pull with --check: messages are checked, and reported as JSON at the end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import zmq

from zmqdev.endpoints.clock import ClockWatch
from zmqdev.endpoints.delivery import Delivery
from zmqdev.endpoints.form.format import Layout, Message
from zmqdev.endpoints.task import BURST
from zmqdev.endpoints.tasks.receiver import ReportingReceiver
from zmqdev.errors import Unmet, ZmqdevError
from zmqdev.options import delivery as spec_delivery
from zmqdev.stats.latency import Latency
from zmqdev.system.stdio import Sink
from zmqdev.wire import stamp

_NANO = 1_000_000_000


@dataclass(frozen=True)
class Demands:
    """What must hold for exit status 0; None means no demand.

    max_loss is a number of messages or, with `loss_is_share`, a share of those sent. min_rate is in
    messages a second. max_latency is in seconds, for 99 in 100 messages.
    """

    expect: int | None = None
    max_loss: float | None = None
    loss_is_share: bool = False
    min_rate: float | None = None
    max_latency: float | None = None


def demands_of(spec: spec_delivery.CheckingOptions) -> Demands:
    """Return the demands of a spec."""
    loss = spec.max_loss
    return Demands(
        expect=spec.expect,
        max_loss=loss.amount if loss else None,
        loss_is_share=bool(loss and loss.is_share),
        min_rate=spec.min_rate,
        max_latency=spec.max_latency,
    )


class Checking(ReportingReceiver):
    """A receiver that checks the stamps of messages and reports them in a line of JSON."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        sink: Sink,
        demands: Demands,
        count: int | None,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        super().__init__(socket, sink, Layout(), count)
        self.delivery = Delivery()
        self.latency = Latency()
        self.ahead = 0
        """Messages stamped by a clock that is ahead of this one, whose latency is unknown."""
        self._most_ahead = 0.0
        self._watch = ClockWatch(wall)
        self._demands, self._wall = demands, wall
        self._first_at = self._last_at = 0.0

    @property
    def came(self) -> int:
        """Return how many messages came, each counted once, including corrupt ones."""
        return self.delivery.received + self.delivery.corrupt

    def verdict(self) -> ZmqdevError | None:
        failures = self.failures()
        return Unmet("; ".join(failures)) if failures else None

    def reports(self) -> list[str]:
        return [*super().reports(), *self._unstamped()]

    def _unstamped(self) -> list[str]:
        """Return a hint when no message at all has a stamp."""
        if self.delivery.received or not self.delivery.corrupt:
            return []
        return ["no message has a stamp; give the sender (pub, push or client) --stamp"]

    def extra(self) -> dict[str, float]:
        counts = self.delivery
        return {
            "lost": counts.lost,
            "doubled": counts.doubled,
            "reordered": counts.reordered,
            "corrupt": counts.corrupt,
        }

    def _limit(self) -> int:
        """Return how many messages to receive: duplicates do not count, so any number may come."""
        return BURST if self._left is None else min(BURST, self._left)

    def _show(self, messages: Sequence[Message], now: float) -> None:
        self._watch.look()
        wall = self._wall()
        if not self.flow.messages:
            self._first_at = now
        self._last_at = now
        self.flow.add(messages)
        for message in messages:
            found = stamp.read(message)
            if found is None:
                self.delivery.corrupt += 1
                continue
            self.delivery.take(found.source, found.sequence)
            self._time((wall - found.time_ns) / _NANO)

    def _time(self, seconds: float) -> None:
        self.latency.add(seconds)
        if seconds < 0:
            self.ahead += 1
            self._most_ahead = max(self._most_ahead, -seconds)

    @property
    def rate(self) -> float | None:
        """Return messages a second from the first burst to the last; None if there was only one."""
        took = self._last_at - self._first_at
        return self.flow.messages / took if took > 0 else None

    def failures(self) -> list[str]:
        """Return the demands that were not met, in words."""
        wants, counts, found = self._demands, self.delivery, []
        if wants.expect is not None and counts.received != wants.expect:
            found.append(f"{counts.received} of {wants.expect} messages came")
        if wants.max_loss is not None and self._loss() > wants.max_loss:
            found.append(f"{counts.lost} lost, more than allowed")
        if counts.corrupt and wants != Demands():
            found.append(f"{counts.corrupt} corrupt or without a stamp")
        if wants.min_rate is not None and (self.rate is None or self.rate < wants.min_rate):
            found.append(f"{self.rate or 0:.0f} messages a second, less than {wants.min_rate:g}")
        return [*found, *self._latency_failures()]

    def _latency_failures(self) -> list[str]:
        """Return what is wrong with the latency, or why it is unknown."""
        most = self._demands.max_latency
        if most is None:
            return []
        if self._watch.times_set:
            return ["the latency is unknown: the clock was set meanwhile"]
        if self._most_ahead > most:
            return [f"the latency is unknown: stamped up to {self._most_ahead:g} s in the future"]
        p99 = self.latency.summary().p99
        if p99 is None or p99 > most:
            return [f"p99 latency {p99 or 0:.6f} s, more than {most:g} s"]
        return []

    def _loss(self) -> float:
        lost, received = self.delivery.lost, self.delivery.received
        if not self._demands.loss_is_share:
            return lost
        return lost / (lost + received) if lost + received else 0.0

    def _report(self) -> bytes:
        self._watch.look()
        counts, times = self.delivery, self.latency.summary()
        found = {
            "received": counts.received,
            "sources": len(counts.sources),
            "lost": counts.lost,
            "doubled": counts.doubled,
            "reordered": counts.reordered,
            "corrupt": counts.corrupt,
            "bytes": self.flow.bytes,
            "seconds": round(self._last_at - self._first_at, 6),
            "rate": None if self.rate is None else round(self.rate, 1),
            "latency_p50": times.p50,
            "latency_p99": times.p99,
            "latency_p999": times.p999,
            "latency_max": times.max,
            "ahead": self.ahead,
            "clock_set": self._watch.times_set,
            "unmet": self.failures(),
        }
        return json.dumps(found).encode() + b"\n"
