"""The settings of an endpoint completed: defaults filled in, contradictions refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from zmqdev.errors import UsageError
from zmqdev.options import receiving_check, reliable_peers_check, security_check, sockopt
from zmqdev.options.endpoint import (
    AnyEndpoint,
    ClientSpec,
    EndpointKind,
    Pub,
    Pull,
    Push,
    Sub,
    WorkerSpec,
)
from zmqdev.options.endpoint_groups import Endpoint, Frames, Input, Records
from zmqdev.options.layer import Written, plain
from zmqdev.options.limits import TOPIC_LIMIT

# Settings of endpoints whose socket type can be chosen.
_TYPED = (Pub, Push, Pull, WorkerSpec)
_HEX_DIGITS = frozenset(b"0123456789abcdefABCDEF")


def resolve(kind: EndpointKind, spec: AnyEndpoint, written: Written) -> AnyEndpoint:
    """Return the settings with every default of the kind filled in; UsageError names the place."""
    bind, connect = spec.bind, spec.connect
    if not bind and not connect:
        bind = (kind.address,) if kind.verb == "bind" else ()
        connect = (kind.address,) if kind.verb == "connect" else ()
    filled: AnyEndpoint = replace(spec, name=spec.name or kind.name, bind=bind, connect=connect)
    if isinstance(filled, Pull) and filled.demand:
        filled = _on_demand(filled, written)
    if isinstance(filled, _TYPED):
        filled = replace(filled, type=filled.type or _default_type(kind, filled))
    security_check.check(filled, written)
    for check in _CHECKS:
        check(filled, written)
    if isinstance(filled, ClientSpec):
        retries = reliable_peers_check.retries_of(filled, written)
        window = reliable_peers_check.window_of(filled, written)
        filled = replace(filled, retries=retries, window=window)
    return replace(filled, sockopts=_sockopts(kind, filled, written))


def type_of(kind: EndpointKind, spec: Endpoint) -> str:
    """Return the socket type of resolved settings."""
    asked = spec.type if isinstance(spec, _TYPED) else None
    return asked or kind.types[0]


def paced(spec: Pub) -> bool:
    """Whether a publisher sends at times of its own."""
    return bool(spec.interval or spec.rate or spec.ticks)


def _on_demand(spec: Pull, written: Written) -> Pull:
    """Make a puller that asks for work a DEALER, which sends requests and receives work."""
    if spec.type not in (None, "DEALER"):
        raise UsageError(
            f"demand: the socket type must be DEALER, not {spec.type}",
            written.place("type", "demand"),
        )
    if spec.bind:
        raise UsageError(
            "demand: connect to the streamer; a puller that binds cannot ask",
            written.place("bind", "demand"),
        )
    return replace(spec, type="DEALER")


def _default_type(kind: EndpointKind, spec: Endpoint) -> str:
    """Return the default type: ROUTER for a worker with several peers, else the kind's.

    A DEALER would send a reply to any peer; only a ROUTER sends it to the one that
    asked.
    """
    several = spec.bind or (len(spec.connect) > 1 and not _has_lines(spec))
    if kind.name == "worker" and several:
        return "ROUTER"
    return kind.types[0]


def _has_lines(spec: Endpoint) -> bool:
    """Whether it has a separate socket for each address: a reliable worker."""
    return isinstance(spec, WorkerSpec) and spec.reliable


def _sockopts(kind: EndpointKind, spec: Endpoint, written: Written) -> dict[str, sockopt.Value]:
    type_ = type_of(kind, spec)
    for name in spec.sockopts:
        wrong = sockopt.wrong_type(name, type_)
        if wrong:
            raise UsageError(f"{kind.name}: {wrong}", written.place(name))
    if no_thread := sockopt.wrong_affinity(spec.sockopts, spec.io_threads):
        raise UsageError(f"{kind.name}: {no_thread}", written.place("affinity"))
    connects = 1 if _has_lines(spec) else len(spec.connect)
    base = sockopt.defaults(
        type_, hwm=kind.hwm, linger_ms=round(spec.drain * 1000), connects=connects
    )
    if spec.count and kind.name in ("pull", "worker"):
        # Messages beyond the count would be lost to other receivers.
        base["rcvhwm"] = min(kind.hwm, spec.count)
    if type_ == "XPUB":
        # Report every subscription, also a second one of the same topic.
        base["xpub_verboser"] = True
    if isinstance(spec, Pub) and spec.on_full == "block":
        base["xpub_nodrop"] = True
    return sockopt.merge(base, spec.sockopts)


def _check_input(spec: Endpoint, written: Written) -> None:
    if not isinstance(spec, Input):
        return
    sources = _given(data=spec.data, file=spec.file, size=spec.size, ticks=_ticks(spec))
    _only_one(sources, written)
    _only_one(_given(interval=spec.interval, rate=spec.rate), written)
    if spec.jitter is not None and spec.interval is None:
        raise UsageError("jitter needs --interval", written.place("jitter"))
    if spec.jitter is not None and spec.jitter > (spec.interval or 0):
        raise UsageError("jitter cannot be longer than the interval", written.place("jitter"))


def _check_replay(spec: Endpoint, written: Written) -> None:
    if not isinstance(spec, (Pub, Push, ClientSpec)) or spec.replay is None:
        return
    place = written.place("replay")
    if spec.format != "json":
        raise UsageError("only JSON lines hold times; add --format json", place)
    others = _given(
        data=spec.data,
        size=spec.size,
        ticks=_ticks(spec),
        interval=spec.interval,
        rate=spec.rate,
        collect=isinstance(spec, ClientSpec) and spec.collect,
    )
    if others:
        raise UsageError(f"replay and {others[0]} cannot be given together", place)


def _ticks(spec: object) -> bool:
    return isinstance(spec, Pub) and spec.ticks


def _given(**settings: object) -> list[str]:
    """Return the keys of the settings that were given."""
    return [name.replace("_", "-") for name, value in settings.items() if value]


def _only_one(names: list[str], written: Written) -> None:
    if len(names) > 1:
        listed = " and ".join(names)
        raise UsageError(f"{listed} cannot be given together", written.place(names[-1]))


def _check_form(spec: Endpoint, written: Written) -> None:
    if not isinstance(spec, Records):
        return
    form, frames = spec.format, spec.frames if isinstance(spec, Frames) else None
    if form == "raw" and spec.null:
        raise UsageError(
            "raw has no line ends for NUL to replace; leave one of the two out",
            written.place("null", "format"),
        )
    if form == "hex" and frames and _HEX_DIGITS & set(frames):
        raise UsageError(
            "frames: the separator cannot be a hexadecimal digit with --format hex",
            written.place("frames"),
        )
    if form in ("json", "csv") and frames:
        words = {"json": "JSON lines", "csv": "CSV records"}
        raise UsageError(
            f"frames: {words[form]} separate frames themselves; leave it out",
            written.place("frames"),
        )


def _check_pub(spec: Endpoint, written: Written) -> None:
    if isinstance(spec, Pub) and spec.wait_subscribers and spec.type == "PUB":
        raise UsageError(
            "wait-subscribers: a PUB does not see who subscribes; use --type XPUB",
            written.place("wait-subscribers"),
        )


def _check_topic_input(spec: Endpoint, written: Written) -> None:
    if not isinstance(spec, Pub):
        return
    column, separator = spec.topic_column, spec.topic_separator
    topic = spec.topic is not None
    given = _given(topic_column=column, topic_separator=separator, topic=topic)
    _only_one(given, written)
    if given in ([], ["topic"]):
        return
    [name] = given
    made = _given(data=spec.data, size=spec.size, ticks=spec.ticks)
    if made:
        raise UsageError(
            f"{name} is for records of --file or stdin, not for {made[0]}", written.place(name)
        )
    if name == "topic-separator" and (spec.format not in ("text", "raw") or spec.frames):
        raise UsageError(
            f"{name} cuts a line in two; records of several columns take --topic-column N",
            written.place(name),
        )
    if name == "topic-column" and spec.format in ("text", "raw") and not spec.frames:
        raise UsageError(
            f"{name} needs columns: --format csv, or --frames SEP", written.place(name)
        )


def _check_wait(spec: Endpoint, written: Written) -> None:
    if isinstance(spec, Pub) and spec.wait_subscribers and spec.no_wait:
        raise UsageError(
            "no-wait and wait-subscribers contradict each other; leave one out",
            written.place("no-wait"),
        )


def _check_sub(spec: Endpoint, written: Written) -> None:
    for prefix in spec.subscribe if isinstance(spec, Sub) else ():
        if len(prefix) > TOPIC_LIMIT:
            raise UsageError(
                f"subscribe: {len(prefix)} bytes; the most is {TOPIC_LIMIT}, since longer ones "
                "can crash a forwarder (libzmq 4671)",
                written.place("subscribe"),
            )


def _check_worker(spec: Endpoint, written: Written) -> None:
    if not isinstance(spec, WorkerSpec):
        return
    said = ["reply"] if spec.reply != WorkerSpec.reply else []
    _only_one(said + _given(echo=spec.echo, exec=spec.exec), written)
    if spec.type == "REP" and spec.jobs > 1:
        raise UsageError(
            "jobs: a REP socket answers one request at a time; use --type DEALER",
            written.place("jobs"),
        )
    shared = spec.type == "DEALER" and not _has_lines(spec)
    if shared and len(spec.bind) + len(spec.connect) > 1:
        raise UsageError(
            "type: a DEALER spreads its replies over all its peers; use --type ROUTER for "
            "several addresses",
            written.place("type"),
        )


_CHECKS = (
    _check_input,
    _check_replay,
    _check_form,
    _check_pub,
    _check_topic_input,
    _check_wait,
    _check_sub,
    _check_worker,
    reliable_peers_check.check,
    receiving_check.check,
)


def addresses(spec: Endpoint) -> Iterator[tuple[str, str]]:
    """Yield (key, address) of everything the endpoint binds and connects."""
    yield from (("bind", address) for address in spec.bind)
    yield from (("connect", address) for address in spec.connect)


def warnings(spec: Endpoint) -> Iterator[str]:
    """Yield warnings about settings that are allowed but risky."""
    for mark in ("sndhwm", "rcvhwm"):
        if spec.sockopts.get(mark) == 0:
            yield f"{mark} is 0: a stalled peer can fill the memory"


def printed(kind: EndpointKind, spec: Endpoint) -> dict[str, Any]:
    """Return resolved settings as a file."""
    return {"endpoint": kind.name, **plain(spec)}
