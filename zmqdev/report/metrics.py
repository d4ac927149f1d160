"""Snapshots as Prometheus metrics, by its naming rules: base units, `_total` for counters.

Names, units and help texts come from the tables that declare the counts:
relay.STATISTICS for the data path, stats.reliable for a reliable queue. A row added
there is a metric here. Labels are the device and the direction, side, service or
reason. Reasons are single words, and each has a series from the start, because
`increase()` ignores the first value of a series.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

import zmqdev
from zmqdev.device.tally import FAILURES, in_a_word
from zmqdev.relay.counters import STATISTICS, Statistic
from zmqdev.security.policy import REASONS
from zmqdev.stats.reliable import SERVICE_NOW
from zmqdev.stats.reliable import STATISTICS as RELIABLE
from zmqdev.stats.snapshot import STATES, SideState, Snapshot
from zmqdev.stats.spool import SPOOL

# Unit in the tables -> Prometheus' base unit and the factor.
_SCALE = {"nanoseconds": ("seconds", 1e-9)}
_RELIABLE_NOW = (
    ("queued", "requests that wait for a worker"),
    ("in_flight", "requests that a worker has"),
    ("bytes", "bytes of the requests held"),
    ("clients", "clients with requests here"),
    ("store_bytes", "bytes of the store"),
    ("store_full", "1 while the store takes no post"),
    ("lease", "seconds until another queue may take over what is kept; 0 with a file"),
)

_OF_ROUTES = (
    ("messages", "Messages that a route took or copied."),
    ("bytes", "Bytes of those messages."),
    ("full", "Deliveries of a route that a full backend refused."),
)


_OF_LAST_VALUES = (
    ("last_values", "Topics with a kept last message.", GaugeMetricFamily),
    ("last_value_bytes", "Bytes of those messages.", GaugeMetricFamily),
    ("last_values_greeted", "Last messages sent only to a new subscriber.", CounterMetricFamily),
    ("last_values_repeated", "Last messages sent again to other subscribers.", CounterMetricFamily),
)


class Snapshots(Collector):
    """The collector for prometheus_client; `take` returns the present snapshots."""

    def __init__(self, take: Callable[[], Sequence[Snapshot]]) -> None:
        self._take = take

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of this moment."""
        yield from metrics(self._take())


def metrics(snapshots: Sequence[Snapshot]) -> Iterator[Metric]:
    """Yield every metric of every device."""
    yield from _about(snapshots)
    for row in STATISTICS:
        if not row.dropped:
            yield _flow_metric(row, snapshots)
    yield _drops(snapshots)
    yield from _peers(snapshots)
    for key, made in _OF_DETAILS.items():
        found = [(s.name, s.details[key]) for s in snapshots if key in s.details]
        if found:
            yield from made(found)


def _about(snapshots: Sequence[Snapshot]) -> Iterator[Metric]:
    info = GaugeMetricFamily(
        "zmqdev_device_info", "What runs; always 1.", labels=("device", "kind", "version")
    )
    state = GaugeMetricFamily(
        "zmqdev_device_state", "1 for the current state of the device.", labels=("device", "state")
    )
    uptime = GaugeMetricFamily(
        "zmqdev_device_uptime_seconds", "Time since the start.", labels=("device",)
    )
    restarts = CounterMetricFamily(
        "zmqdev_device_restarts",
        "Restarts of the program after a fault of a library.",
        labels=("device",),
    )
    for snapshot in snapshots:
        restarts.add_metric((snapshot.name,), snapshot.restarts)
        info.add_metric((snapshot.name, snapshot.kind, zmqdev.__version__), 1)
        uptime.add_metric((snapshot.name,), snapshot.uptime)
        for name in STATES:
            state.add_metric((snapshot.name, name), snapshot.state == name)
    yield from (info, state, uptime, restarts)


def _flow_metric(row: Statistic, snapshots: Sequence[Snapshot]) -> Metric:
    unit, scale = _SCALE.get(row.unit, (row.unit, 1))
    base = row.name.removesuffix("_ns")
    name = f"zmqdev_{base}" if base == unit else f"zmqdev_{base}_{unit}"
    family = CounterMetricFamily(name, _sentence(row.help), labels=("device", "direction"))
    for snapshot in snapshots:
        for flow in snapshot.flows:
            family.add_metric((snapshot.name, flow.name), flow.counts.get(row.name, 0) * scale)
    return family


def _drops(snapshots: Sequence[Snapshot]) -> Metric:
    reasons = [row for row in STATISTICS if row.dropped]
    told = "; ".join(f"{row.name}: {row.help}" for row in reasons)
    family = CounterMetricFamily(
        "zmqdev_dropped_messages",
        f"Messages dropped, by reason ({told}).",
        labels=("device", "direction", "reason"),
    )
    for snapshot in snapshots:
        for flow in snapshot.flows:
            for row in reasons:
                labels = (snapshot.name, flow.name, row.name)
                family.add_metric(labels, flow.counts.get(row.name, 0))
    return family


def _peers(snapshots: Sequence[Snapshot]) -> Iterator[Metric]:
    sides = [(snapshot.name, side) for snapshot in snapshots for side in snapshot.sides]
    labels = ("device", "side")
    now = GaugeMetricFamily("zmqdev_peers", "Peers connected now.", labels=labels)
    came = CounterMetricFamily(
        "zmqdev_peers_accepted", "Peers that completed the handshake.", labels=labels
    )
    left = CounterMetricFamily("zmqdev_peers_disconnected", "Peers that have left.", labels=labels)
    for device, side in sides:
        now.add_metric((device, side.name), side.peers.connected)
        came.add_metric((device, side.name), side.peers.accepted)
        left.add_metric((device, side.name), side.peers.disconnects)
    yield from (now, came, left)
    yield _by_reason(
        "zmqdev_failed_handshakes", "Handshakes that failed.", sides, FAILURES, _failed
    )
    yield _by_reason(
        "zmqdev_refused",
        "Peers and requests refused by a rule.",
        sides,
        tuple(REASONS),
        lambda side: side.refused,
    )


def _failed(side: SideState) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for reason, count in side.peers.reasons.items():
        word = in_a_word(reason)
        counts[word] = counts.get(word, 0) + count
    return counts


def _by_reason(
    name: str,
    help: str,
    sides: Sequence[tuple[str, SideState]],
    reasons: Sequence[str],
    counts: Callable[[SideState], Mapping[str, int]],
) -> Metric:
    family = CounterMetricFamily(name, help, labels=("device", "side", "reason"))
    for device, side in sides:
        for reason, count in {**dict.fromkeys(reasons, 0), **counts(side)}.items():
            family.add_metric((device, side.name, reason), count)
    return family


def _routes(routed: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> Iterator[Metric]:
    for name, help in _OF_ROUTES:
        family = CounterMetricFamily(f"zmqdev_route_{name}", help, labels=("device", "route"))
        for device, rows in routed:
            for row in rows:
                family.add_metric((device, row["name"]), row[name])
        yield family


def _backends(named: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> Iterator[Metric]:
    labels = ("device", "backend")
    messages = CounterMetricFamily(
        "zmqdev_backend_messages", "Messages that a backend took.", labels=labels
    )
    blocked = CounterMetricFamily(
        "zmqdev_backend_blocked_seconds", "Time a message waited for that backend.", labels=labels
    )
    full = CounterMetricFamily(
        "zmqdev_backend_full",
        "Messages that a backend had no room for and that did not wait.",
        labels=labels,
    )
    for device, rows in named:
        for row in rows:
            messages.add_metric((device, row["name"]), row["messages"])
            full.add_metric((device, row["name"]), row["full"])
            blocked.add_metric((device, row["name"]), row["blocked_ns"] / 1e9)
    yield from (messages, blocked, full)


def _last_values(kept: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[Metric]:
    keys = ("last_values", "bytes", "greeted", "repeated")
    for key, (name, help, family) in zip(keys, _OF_LAST_VALUES, strict=True):
        made = family(f"zmqdev_{name}", help, labels=("device",))
        for device, told in kept:
            made.add_metric((device,), told[key])
        yield made


def _hooks(hooked: Sequence[tuple[str, int]]) -> Iterator[Metric]:
    help = "Time in the Python function of the routes."
    family = CounterMetricFamily("zmqdev_hook_seconds", help, labels=("device",))
    for device, nanoseconds in hooked:
        family.add_metric((device,), nanoseconds / 1e9)
    yield family


def _spools(reports: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[Metric]:
    for row in SPOOL:
        family = CounterMetricFamily if row.grows else GaugeMetricFamily
        help = _sentence(f"{row.unit} {row.help}".strip())
        made = family(f"zmqdev_spool_{row.name.removeprefix('spool_')}", help, labels=("device",))
        for device, report in reports:
            made.add_metric((device,), report[row.name])
        yield made


def _reliable(reports: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[Metric]:
    for row in RELIABLE:
        help = f"{row.unit.capitalize()} {row.help}."
        family = CounterMetricFamily(f"zmqdev_reliable_{row.name}", help, labels=("device",))
        for device, report in reports:
            family.add_metric((device,), report["counters"].get(row.name, 0))
        yield family
    for name, help in _RELIABLE_NOW:
        gauge = GaugeMetricFamily(f"zmqdev_reliable_{name}", _sentence(help), labels=("device",))
        for device, report in reports:
            gauge.add_metric((device,), report.get(name, 0))
        yield gauge
    oldest = GaugeMetricFamily(
        "zmqdev_reliable_oldest_seconds", "Age of the oldest request held.", labels=("device",)
    )
    for device, report in reports:
        oldest.add_metric((device,), report["oldest"])
    yield oldest
    for row in SERVICE_NOW:
        help = _sentence(f"{row.unit} {row.help}")
        gauge = GaugeMetricFamily(f"zmqdev_service_{row.name}", help, labels=("device", "service"))
        for device, report in reports:
            for service in report["services"]:
                gauge.add_metric((device, service["name"]), service[row.name])
        yield gauge


_OF_DETAILS: Mapping[str, Callable[[list[tuple[str, Any]]], Iterator[Metric]]] = {
    "routes": _routes,
    "backends": _backends,
    "last_value": _last_values,
    "hook_ns": _hooks,
    "spool": _spools,
    "reliable": _reliable,
}
"""By the key of a snapshot's details: what makes metrics of them, each with its device."""


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
