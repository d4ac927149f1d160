"""Metrics and the page of a whole file: its parts, their messages and restarts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from zmqdev.report.scrape import MetricsServer, MetricsSource
from zmqdev.stats.snapshot import Snapshot
from zmqdev.supervisor.member import MemberState
from zmqdev.supervisor.supervisor import Fleet

EVERY = 1.0
# Groups of states of a part (supervisor/member.py): it runs; it runs or ended well; no
# fault.
UP = ("running", "stopping")
READY = (*UP, "ended")
WELL = (*READY, "waiting", "starting")


@dataclass(frozen=True)
class Look:
    """All parts at one moment. The loop replaces it, the threads of the server read it."""

    parts: tuple[MemberState, ...] = ()
    subjects: tuple[Snapshot, ...] = ()


class PartsCollector(Collector):
    """The collector for prometheus_client of a whole run."""

    def __init__(self, look: Callable[[], Look]) -> None:
        self._look = look

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the last look."""
        look = self._look()
        yield from _lives(look.parts)
        yield from _flows(look.subjects)


def _lives(parts: Sequence[MemberState]) -> Iterator[Metric]:
    labels = ("part", "kind")
    up = GaugeMetricFamily("zmqdev_part_up", "1 while the part runs.", labels=labels)
    restarts = CounterMetricFamily(
        "zmqdev_part_restarts", "How often the part was started again.", labels=labels
    )
    uptime = GaugeMetricFamily(
        "zmqdev_part_uptime_seconds", "Time since its last start.", labels=labels
    )
    for part in parts:
        key = (part.name, part.kind)
        up.add_metric(key, part.state in UP)
        restarts.add_metric(key, part.restarts)
        uptime.add_metric(key, part.uptime)
    yield from (up, restarts, uptime)


def _flows(subjects: Sequence[Snapshot]) -> Iterator[Metric]:
    labels = ("part", "direction")
    messages = CounterMetricFamily(
        "zmqdev_part_messages", "Whole messages passed on, sent or received.", labels=labels
    )
    size = CounterMetricFamily("zmqdev_part_bytes", "Bytes of those messages.", labels=labels)
    dropped = CounterMetricFamily(
        "zmqdev_part_dropped_messages", "Messages dropped, for any reason.", labels=labels
    )
    peers = GaugeMetricFamily("zmqdev_part_peers", "Peers connected now.", labels=("part", "side"))
    for subject in subjects:
        for flow in subject.flows:
            messages.add_metric((subject.name, flow.name), flow.messages)
            size.add_metric((subject.name, flow.name), flow.bytes)
            dropped.add_metric((subject.name, flow.name), flow.dropped)
        for side in subject.sides:
            peers.add_metric((subject.name, side.name), side.peers.connected)
    yield from (messages, size, dropped, peers)


class RunMetrics:
    """Serves metrics beside a run. `subjects` is called in the loop only."""

    def __init__(
        self, place: str, subjects: Callable[[], Sequence[Snapshot]], picture: str = ""
    ) -> None:
        self._place, self._subjects, self._picture = place, subjects, picture
        self._look = Look()
        self.serving: MetricsServer | None = None

    def started(self, fleet: Fleet) -> None:
        """Serve until the run ends."""
        self._take(fleet)
        fleet.loop.every(EVERY, lambda: self._take(fleet))
        source = MetricsSource(
            collector=PartsCollector(lambda: self._look),
            subjects=lambda: self._look.subjects,
            sick=lambda: _failed(self._look.parts),
            not_ready=lambda: [
                f"{part.name}: {part.state}" for part in self._look.parts if part.state not in READY
            ],
            picture=self._picture,
        )
        self.serving = MetricsServer(self._place, source)

    def ended(self, fleet: Fleet) -> None:
        """Close the server."""
        if self.serving is not None:
            self.serving.close()

    def _take(self, fleet: Fleet) -> None:
        self._look = Look(tuple(fleet.shown()), tuple(self._subjects()))


def _failed(parts: Sequence[MemberState]) -> list[str]:
    return [f"{part.name}: {part.state}" for part in parts if part.state not in WELL]
