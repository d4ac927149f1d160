"""sub and pull with --check: messages are examined, not printed; one JSON line at the end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

import zmq

from zmqdev.endpoints.clock import ClockWatch
from zmqdev.endpoints.delivery import Delivery
from zmqdev.system.stdio import OUTPUT, Sink
from zmqdev.endpoints.task import AT_ONCE, BURST, FlowCount, Rest, Wait, held_at_most
from zmqdev.endpoints.tasks.last import Last
from zmqdev.errors import Unmet, ZmqdevError
from zmqdev.options import delivery as spec_delivery
from zmqdev.relay import recv_burst
from zmqdev.stats.latency import Latency
from zmqdev.wire import stamp

_NANO = 1_000_000_000


@dataclass(frozen=True)
class Demands:
    """What must hold for the program to end with 0. None: it does not matter.

    max_loss: messages, or a share of those sent when `loss_is_share`. min_rate:
    messages a second. max_latency: seconds, of 99 in 100 messages.
    """

    expect: int | None = None
    max_loss: float | None = None
    loss_is_share: bool = False
    min_rate: float | None = None
    max_latency: float | None = None


def demands_of(spec: spec_delivery.CheckingOptions) -> Demands:
    """The demands that a spec makes."""
    loss = spec.max_loss
    return Demands(
        expect=spec.expect,
        max_loss=loss.amount if loss else None,
        loss_is_share=bool(loss and loss.is_share),
        min_rate=spec.min_rate,
        max_latency=spec.max_latency,
    )


class Checking:
    """See `Task` for what each method promises."""

    lingers = False
    state = "running"

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        sink: Sink,
        demands: Demands,
        count: int | None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.flow = FlowCount()
        self.delivery = Delivery()
        self.latency = Latency()
        self.ahead = 0
        """Messages stamped by a clock that is ahead of ours: their latency is not known."""
        self._most_ahead = 0.0
        self._watch = ClockWatch(clock)
        self.expected = count
        self.stalled_since: float | None = None
        self._socket, self._sink, self._demands, self._clock = socket, sink, demands, clock
        self._first = self._last = 0.0
        self._left: int | None = None
        self._taking = Last(socket)
        self._told = False

    @property
    def ended(self) -> bool:
        return self._sink.closed or (self._told and self._sink.empty)

    def step(self, now: float) -> Wait:
        if self._told:
            self._sink.flush()
            return Wait(writers=(self._sink.descriptor,))
        limit = BURST if self._left is None else min(BURST, self._left)
        messages = self._messages(limit) if limit and not self._complete else []
        if messages:
            self._examine(messages, now)
            return AT_ONCE
        if self._complete or self._left is not None:
            self._tell()
            return AT_ONCE
        self.stalled_since = now if self.stalled_since is None else self.stalled_since
        return Wait(zmq.POLLIN)

    def stop(self, now: float) -> None:
        """Examine what is here already."""
        if self._left is None:
            self._left = len(self._taking) if self._taking.began else held_at_most(self._socket)

    @property
    def intake(self) -> Callable[[int], int] | None:
        """As in a receiver that prints."""
        self._taking.keep = not self._complete
        if self._socket.type == zmq.SUB and not self._complete:
            return None
        return self._taking.take

    def _messages(self, limit: int) -> list[list[bytes]]:
        return self._taking.next(limit) if self._taking.began else recv_burst(self._socket, limit)

    def rest(self) -> Rest | None:
        return None if self._sink.empty else Rest(OUTPUT, of_peers=False)

    def unmet(self) -> str | None:
        """After a time-out: what is missing of what was asked for."""
        if self.expected is None:
            return None if self.flow.messages else "nothing came"
        return f"{self._taken} of {self.expected} messages came"

    def verdict(self) -> ZmqdevError | None:
        failures = self.failures()
        return Unmet("; ".join(failures)) if failures else None

    def reports(self) -> list[str]:
        return [*self._taking.report(), *self._unstamped()]

    def _unstamped(self) -> list[str]:
        """The one cause that has an easy remedy."""
        if self.delivery.received or not self.delivery.corrupt:
            return []
        return ["no message has a stamp; give the sender (pub, push or client) --stamp"]

    def summary(self) -> str | None:
        return None

    def extra(self) -> dict[str, float]:
        counts = self.delivery
        return {
            "lost": counts.lost,
            "doubled": counts.doubled,
            "reordered": counts.reordered,
            "corrupt": counts.corrupt,
        }

    def close(self) -> None:
        """The line is told however it ends; the output is not ours to close."""
        if not self._told:
            self._tell()

    @property
    def _taken(self) -> int:
        """What counts towards the expected number: each message once, and bad ones too."""
        return self.delivery.received + self.delivery.corrupt

    @property
    def _complete(self) -> bool:
        return self.expected is not None and self._taken >= self.expected

    def _examine(self, messages: list[list[bytes]], now: float) -> None:
        self._watch.look()
        clock = self._clock()
        if not self.flow.messages:
            self._first = now
        self._last = now
        self.stalled_since = None
        self.flow.add(messages)
        if self._left is not None:
            self._left -= len(messages)
        for message in messages:
            found = stamp.read(message)
            if found is None:
                self.delivery.corrupt += 1
                continue
            self.delivery.take(found.source, found.sequence)
            self._time((clock - found.time_ns) / _NANO)

    def _time(self, seconds: float) -> None:
        self.latency.add(seconds)
        if seconds < 0:
            self.ahead += 1
            self._most_ahead = max(self._most_ahead, -seconds)

    @property
    def rate(self) -> float | None:
        """Messages a second from the first burst to the last; None when that is one moment."""
        took = self._last - self._first
        return self.flow.messages / took if took > 0 else None

    def failures(self) -> list[str]:
        """The demands that were not met, in words."""
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
        """Figures are judged only where they can be told."""
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

    def _tell(self) -> None:
        """The one line, on stdout."""
        self._told = True
        self._watch.look()
        counts, times = self.delivery, self.latency.summary()
        told = {
            "received": counts.received,
            "sources": len(counts.sources),
            "lost": counts.lost,
            "doubled": counts.doubled,
            "reordered": counts.reordered,
            "corrupt": counts.corrupt,
            "bytes": self.flow.bytes,
            "seconds": round(self._last - self._first, 6),
            "rate": None if self.rate is None else round(self.rate, 1),
            "latency_p50": times.p50,
            "latency_p99": times.p99,
            "latency_p999": times.p999,
            "latency_max": times.max,
            "ahead": self.ahead,
            "clock_set": self._watch.times_set,
            "unmet": self.failures(),
        }
        self._sink.write(json.dumps(told).encode() + b"\n")
        self._sink.flush()
