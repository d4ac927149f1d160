"""The keys of a statistics line, declared once for text, JSON and the README.

A line has the keys of the subject, then of each side (`frontend_peers`, or
`socket_peers` of an endpoint), then of each direction (`forward_messages`, or
`sent_messages`), then those of its kind. All lines of a device have the same keys in
the same order.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from zmqdev.stats.extras import numbers
from zmqdev.stats.rates import ROWS, Rate
from zmqdev.stats.snapshot import AddressState, Flow, PeerCounts, SideState, Snapshot, flow_of
from zmqdev.stats.units import moment

T = TypeVar("T")


@dataclass(frozen=True)
class Line:
    """One subject at one moment. `rates` are by direction; `clock` is in seconds since 1970."""

    subject: Snapshot
    rates: dict[str, Rate]
    clock: float


@dataclass(frozen=True)
class Key(Generic[T]):
    """A column. `value` reads it from its subject; `text` says whether text lines have it too."""

    name: str
    unit: str
    help: str
    value: Callable[[T], Any]
    text: bool = True


SUBJECT: tuple[Key[Line], ...] = (
    Key("time", "seconds", "time since 1970; in text the date and time in UTC", lambda x: x.clock),
    Key(
        "device",
        "",
        "name of the device; an endpoint has `endpoint` instead",
        lambda x: x.subject.name,
    ),
    Key("kind", "", "forwarder, streamer, queue, pub, ...", lambda x: x.subject.kind),
    Key(
        "state",
        "",
        "starting, running, paused, draining; stopped or failed in the last line",
        lambda x: x.subject.state,
    ),
    Key("uptime", "seconds", "time since the start", lambda x: round(x.subject.uptime, 3)),
)
SIDE: tuple[Key[SideState], ...] = (
    Key("type", "", "socket type", lambda side: side.type, text=False),
    Key(
        "addresses",
        "",
        "list of the bound addresses",
        lambda side: [state.actual for state in side.addresses],
        text=False,
    ),
    Key("peers", "peers", "peers connected now", lambda side: side.peers.connected),
    Key(
        "accepted",
        "peers",
        "peers connected since the start",
        lambda s: s.peers.accepted,
        text=False,
    ),
    Key("disconnects", "peers", "peers that have left", lambda s: s.peers.disconnects, text=False),
    Key(
        "failed_handshakes",
        "peers",
        "peers whose handshake failed",
        lambda side: side.peers.failed_handshakes,
        text=False,
    ),
    Key("refused", "", "map of reason to count of refusals", lambda s: dict(s.refused), text=False),
)
FLOW: tuple[Key[tuple[Flow, Rate]], ...] = (
    Key("messages", "messages", "whole messages that the target accepted", lambda x: x[0].messages),
    Key("bytes", "bytes", "bytes of all frames of these messages", lambda x: x[0].bytes),
    Key(
        "msgs_per_s",
        "messages/s",
        "rate since the line before; in the last line the mean of the whole run",
        lambda x: round(x[1].messages, 1),
    ),
    Key("bytes_per_s", "bytes/s", "the same in bytes", lambda x: round(x[1].bytes)),
    Key("drops", "messages", "messages dropped, for any reason", lambda x: x[0].dropped),
    Key(
        "blocked_pct",
        "percent",
        "share of that time during which a message waited for a full target",
        lambda x: round(x[1].blocked * 100, 1),
    ),
    Key("drops_by_reason", "messages", "map of reason to count", lambda x: dict(x[0].drops), False),
    Key(
        "blocked_ns",
        "ns",
        "total time that messages waited for a full target",
        lambda x: x[0].blocked_ns,
        False,
    ),
)
# Names of addresses beside the sides of a device, by the options that ask for them.
BESIDE = ("control", "metrics", "capture", "capture_connect")
# An endpoint does not count drops or time blocked.
_DEVICES_ONLY = frozenset({"drops", "blocked_pct", "drops_by_reason", "blocked_ns"})


def columns(line: Line, *, text: bool) -> Iterator[tuple[str, Any]]:
    """Yield (key, value) of a line, in order."""
    subject = line.subject
    for key in SUBJECT:
        name = subject.category if key.name == "device" else key.name
        yield name, key.value(line)
    for name, state in () if text else subject.beside.items():
        yield f"{name}_address", state.actual
    for side in subject.sides:
        for side_key in _those(SIDE, text):
            yield f"{side.name}_{side_key.name}", side_key.value(side)
    for flow in subject.flows:
        for flow_key in _those(FLOW, text):
            if flow.blocked_ns is not None or flow_key.name not in _DEVICES_ONLY:
                value = flow_key.value((flow, line.rates.get(flow.name, Rate())))
                yield f"{flow.name}_{flow_key.name}", value
    yield from _extra(line, text)


def _those(keys: tuple[Key[T], ...], text: bool) -> Iterator[Key[T]]:
    return (key for key in keys if key.text or not text)


def _extra(line: Line, text: bool) -> Iterator[tuple[str, Any]]:
    """Yield what only this kind counts: single numbers in text, everything in JSON."""
    subject = line.subject
    if subject.category == "endpoint":
        yield "expected", subject.expected
    if text or subject.category == "endpoint":
        yield from numbers(subject)
    else:
        yield from (
            (name, _rated(name, value, line.rates)) for name, value in subject.details.items()
        )


def _rated(name: str, value: Any, rates: Mapping[str, Rate]) -> Any:
    """Rows of routes and backends with their messages and bytes a second, where these are known."""
    return [_rated_row(ROWS[name], row, rates) for row in value] if name in ROWS else value


def _rated_row(one: str, row: Mapping[str, Any], rates: Mapping[str, Rate]) -> Mapping[str, Any]:
    rate = rates.get(f"{one} {row['name']}")
    if rate is None:
        return row
    return {
        **row,
        "msgs_per_s": round(rate.messages, 1),
        "bytes_per_s": round(rate.bytes),
    }


def as_text(line: Line) -> str:
    """Return `time=... device=queue ...`: one blank between columns, none within a value."""
    return " ".join(f"{name}={_word(name, value)}" for name, value in columns(line, text=True))


def _word(name: str, value: Any) -> str:
    if name == "time":
        return moment(value)
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return "".join(c if c.isprintable() and not c.isspace() else "_" for c in str(value)) or "-"


def as_object(line: Line) -> dict[str, Any]:
    """Return all keys of a line for JSON."""
    return dict(columns(line, text=False))


def to_line(line: Line) -> str:
    """Return a line of JSON, without a newline."""
    return json.dumps(as_object(line))


def from_line(line: bytes | str, at: float) -> Snapshot:
    """Restore a snapshot from `to_line`, as of the moment `at`; rates are lost.

    Raises ValueError when it is not a statistics line.
    """
    try:
        return _read(json.loads(line), at)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a statistics line: {error!r}") from None


def _read(told: dict[str, Any], at: float) -> Snapshot:
    category = "endpoint" if "endpoint" in told else "device"
    return Snapshot(
        category=category,
        name=told[category],
        kind=told["kind"],
        state=told["state"],
        at=at,
        uptime=float(told["uptime"]),
        sides=tuple(_read_side(name, told) for name in _prefixes(told, "type", "addresses")),
        flows=tuple(_read_flow(name, told) for name in _prefixes(told, "messages", "bytes")),
        details={key: value for key, value in told.items() if not _is_declared(key)},
        expected=told.get("expected"),
    )


def _prefixes(told: dict[str, Any], first: str, second: str) -> Iterator[str]:
    """Yield the names of sides, or directions, that have both keys."""
    for key in told:
        name = key.removesuffix(f"_{first}")
        if name != key and f"{name}_{second}" in told:
            yield name


def _read_side(name: str, told: dict[str, Any]) -> SideState:
    return SideState(
        name,
        told[f"{name}_type"],
        tuple(AddressState("", address, address) for address in told[f"{name}_addresses"]),
        PeerCounts(
            connected=told[f"{name}_peers"],
            accepted=told[f"{name}_accepted"],
            disconnects=told[f"{name}_disconnects"],
            failed_handshakes=told[f"{name}_failed_handshakes"],
        ),
        dict(told[f"{name}_refused"]),
    )


def _read_flow(name: str, told: dict[str, Any]) -> Flow:
    return flow_of(
        name,
        told[f"{name}_messages"],
        told[f"{name}_bytes"],
        dict(told.get(f"{name}_drops_by_reason", {})),
        told.get(f"{name}_blocked_ns"),
    )


_HEADS = frozenset({"endpoint", "expected", *(key.name for key in SUBJECT)})
_ENDINGS = (*(f"_{key.name}" for key in SIDE), *(f"_{key.name}" for key in FLOW))


def _is_declared(key: str) -> bool:
    return key in _HEADS or key.endswith(_ENDINGS)


def reference() -> Iterator[tuple[str, str, str, bool]]:
    """Yield (key, unit, help, also in text) of every declared key, for the README."""
    for prefix, keys in (("", SUBJECT), ("SIDE_", SIDE), ("DIRECTION_", FLOW)):
        for key in keys:
            yield f"{prefix}{key.name}", key.unit, key.help, key.text
    for name in BESIDE:
        flag = name.replace("_", "-")
        yield (
            f"{name}_address",
            "",
            f"bound address of --{flag}; only devices with it",
            False,
        )
    yield "expected", "messages", "how many messages there will be, if known; only endpoints", True
