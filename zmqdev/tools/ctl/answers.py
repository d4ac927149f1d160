"""Answers of a control socket as text; `--json` prints them unchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from zmqdev.control.runtimedir import Found
from zmqdev.stats import extras, units
from zmqdev.stats.snapshot import Flow, PeerCounts, Snapshot, from_plain
from zmqdev.system.printable import escaped

HEAD = ("NAME", "KIND", "STATE", "UPTIME", "PID", "PEERS", "FORWARD", "BACKWARD", "ADDRESSES")
_NANO = 1_000_000_000


def listing(rows: Sequence[tuple[Found, Mapping[str, Any] | None]]) -> str:
    """Return a table of the running devices; the status is None for one that did not answer."""
    if not rows:
        return "this user has no running device"
    table = [HEAD, *(_listed(found, told) for found, told in rows)]
    sizes = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(cell.ljust(size) for cell, size in zip(row, sizes, strict=True)) for row in table
    ]
    return _lines(line.rstrip() for line in lines)


def _listed(found: Found, told: Mapping[str, Any] | None) -> tuple[str, ...]:
    try:
        snapshot = from_plain(told or {})
    except ValueError:
        state = "no answer" if told is None else "unreadable"
        return (found.name, "", state, "", "", "", "", "", found.address)
    passed = [units.short(flow.messages) for flow in snapshot.flows]
    return (
        found.name,
        snapshot.kind,
        snapshot.state,
        units.clock(snapshot.uptime),
        str((told or {}).get("process", {}).get("pid", "")),
        "/".join(str(side.peers.connected) for side in snapshot.sides),
        passed[0] if passed else "",
        passed[1] if len(passed) > 1 else "",
        " ".join(state.actual for side in snapshot.sides for state in side.addresses),
    )


def answer(verb: str, result: Any) -> str:
    """Return the result of a verb as text."""
    return _SHOWN.get(verb, _plain)(result)


def _status(told: Mapping[str, Any]) -> str:
    return _lines(_status_lines(told, from_plain(told)))


def _status_lines(told: Mapping[str, Any], snapshot: Snapshot) -> Iterator[str]:
    process, control = told["process"], told["control"]
    subject = snapshot
    yield f"{control['name']}: {snapshot.kind}, {snapshot.state}, up {units.clock(snapshot.uptime)}"
    yield (
        f"  process   pid {process['pid']}, zmqdev {process['version']}, {process['relay']} relay"
    )
    if snapshot.restarts:
        yield f"  restarts  {snapshot.restarts}, the last one after {snapshot.restart_cause}"
    yield f"  control   {control['address']}{', tapped' if control['tapped'] else ''}"
    for name, state in snapshot.beside.items():
        if name != "control":
            yield f"  {name:<9} {state.actual}"
    for side in snapshot.sides:
        at = ", ".join(f"{state.verb} {state.actual}" for state in side.addresses) or "no address"
        yield f"  {side.name:<9} {side.type} {at}; {_counts(side.peers)}{_refused(side.refused)}"
        yield from (f"            {line}" for line in _failures(side.peers))
    for flow in subject.flows:
        yield f"  {flow.name:<9} {_flow(flow)}"
    for line in _together(extras.spoken(subject)):
        yield f"  {line}"
    for service in extras.services(subject):
        yield f"  {service.text}"
    yield from (f"  {line}" for line in extras.routes(subject.details))
    yield from _parts(told["details"].get("parts", ()))


def _routes(told: Mapping[str, Any]) -> str:
    return _lines([*extras.routes(told), *extras.unrouted(told)])


def _parts(parts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each part of a file that `zmqdev run` has started."""
    width = max((len(part["name"]) for part in parts), default=0)
    for part in parts:
        words = [f"up {units.clock(part['uptime'])}"] if part["uptime"] else []
        words += [f"pid {part['pid']}"] if part["pid"] else []
        words += [units.counted(part["restarts"], "new start")] if part["restarts"] else []
        words += [f"last: {part['why']}"] if part["why"] else []
        yield f"  {part['name']:<{width}}  {', '.join([part['kind'], part['state'], *words])}"


def _together(words: list[str]) -> list[str]:
    return [", ".join(words)] if words else []


def _counts(peers: PeerCounts) -> str:
    parts = [f"{units.counted(peers.connected, 'peer')} now, {peers.accepted} since the start"]
    if peers.disconnects:
        parts.append(f"{peers.disconnects} left")
    if peers.failed_handshakes:
        parts.append(f"{units.counted(peers.failed_handshakes, 'failed handshake')}")
    return ", ".join(parts)


def _refused(counts: Mapping[str, int]) -> str:
    return "".join(f", {units.exact(n)} refused by {why}" for why, n in counts.items())


def _flow(flow: Flow) -> str:
    parts = [units.counted(flow.messages, "message"), units.size(flow.bytes)]
    if flow.blocked_ns:
        parts.append(f"blocked for {units.duration(flow.blocked_ns / _NANO)}")
    drops = [f"{units.exact(n)} {why.replace('_', ' ')}" for why, n in flow.drops.items()]
    if drops:
        parts.append(f"dropped {units.exact(flow.dropped)}: {', '.join(drops)}")
    return ", ".join(parts)


def _peers(told: Mapping[str, Any]) -> str:
    return _lines(line for side, found in told.items() for line in _side_lines(side, found))


def _side_lines(side: str, told: Mapping[str, Any]) -> Iterator[str]:
    connections = told.get("connections")
    peers = PeerCounts(**{name: told[name] for name in told if name != "connections"})
    yield f"{side}: {_counts(peers)}"
    if connections is None:
        yield from (f"  {address}" for address in peers.addresses)
    width = max((len(one["address"]) for one in connections or ()), default=0)
    for one in connections or ():
        yield f"  {one['address']:<{width}}  {_bytes(one)}".rstrip()
    yield from (f"  {line}" for line in _failures(peers))


def _bytes(told: Mapping[str, Any]) -> str:
    """Describe the traffic of one connection; empty where the system does not report it."""
    if told["sent_bytes"] is None:
        return ""
    sent, came = (_amount(told, what) for what in ("sent", "received"))
    return f"sent {sent}, received {came}, last heard {units.duration(told['silent'])} ago"


def _amount(told: Mapping[str, Any], what: str) -> str:
    """Return the total of bytes, and the rate where it was measured."""
    rate = told.get(f"{what}_bytes_per_s")
    total = units.size(told[f"{what}_bytes"])
    return total if rate is None else f"{total} ({units.byte_rate(rate)})"


def _failures(peers: PeerCounts) -> Iterator[str]:
    for reason, count in peers.reasons.items():
        yield f"failed {'once' if count == 1 else f'{units.exact(count)} times'}: {reason}"


def _verbs(told: Mapping[str, Any]) -> str:
    width = max(len(row["usage"]) for row in told.values())
    return _lines(f"{row['usage'].ljust(width)}  {row['help']}" for row in told.values())


def _plain(result: Any) -> str:
    """Return the result as YAML, which people can read and `--config` can load."""
    if not result:
        return "done"
    import yaml

    return yaml.safe_dump(result, sort_keys=False, allow_unicode=True).rstrip("\n")


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(map(escaped, lines))


_SHOWN: dict[str, Callable[[Any], str]] = {
    "status": _status,
    "peers": _peers,
    "routes": _routes,
    "verbs": _verbs,
}
