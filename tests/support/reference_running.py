"""The tables about running devices, made from the declarations; see `reference`."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client.metrics_core import Metric
from support.markdown import table

from zmqdev.control.protocol import ERRORS
from zmqdev.control.settings import SETTINGS
from zmqdev.control.verbs import VERBS
from zmqdev.relay.counters import STATISTICS
from zmqdev.report.metrics import metrics
from zmqdev.stats.snapshot import Flow, PeerCounts, SideState, Snapshot
from zmqdev.stats.spool import SPOOL


def verbs() -> str:
    rows = []
    for verb in VERBS.values():
        arguments = "; ".join(
            f"`{a.name}`{'' if a.required else ' (optional)'}: {a.help}" for a in verb.arguments
        )
        rows.append((f"`{verb.usage}`", verb.help, arguments))
    return table(("verb", "what it does", "arguments"), rows)


def settings() -> str:
    return table(
        ("key", "what it is", "value"),
        ((f"`{row.key}`", row.help, _values(row.type)) for row in SETTINGS.values()),
    )


def _values(type_: object) -> str:
    choices = getattr(type_, "choices", ())
    return ", ".join(f"`{word}`" for word in choices) or f"`{getattr(type_, 'metavar', '')}`"


def errors() -> str:
    return table(("code", "what it means"), ((f"`{code}`", told) for code, told in ERRORS.items()))


def metric_rows() -> str:
    counts = {row.name: 1 for row in STATISTICS}
    side = SideState("frontend", "ROUTER", (), PeerCounts(reasons={"x": 1}), {"x": 1})
    report = {
        "counters": {},
        "queued": 0,
        "in_flight": 0,
        "bytes": 0,
        "clients": 0,
        "oldest": 0,
        "services": [],
    }
    spool = {row.name: 0 for row in SPOOL}
    one = Snapshot(
        "x",
        "queue",
        "running",
        0.0,
        0.0,
        (side,),
        (Flow("forward", "frontend", "backend", counts),),
        {
            "reliable": report,
            "spool": spool,
            "routes": [{"name": "x", "messages": 0, "bytes": 0, "full": 0}],
            "backends": [{"name": "x", "messages": 0, "full": 0, "blocked_ns": 0}],
            "last_value": {"last_values": 0, "bytes": 0, "greeted": 0, "repeated": 0},
        },
    )
    return table(
        ("metric", "type", "labels", "what it counts"),
        (
            (f"`{_name(found)}`", found.type, ", ".join(found._labelnames), found.documentation)  # type: ignore[attr-defined]
            for found in metrics([one])
        ),
    )


def _name(metric: Metric) -> str:
    return f"{metric.name}_total" if metric.type == "counter" else metric.name


TABLES: dict[str, Callable[[], str]] = {
    "control-verbs": verbs,
    "control-settings": settings,
    "control-errors": errors,
    "metrics": metric_rows,
}
