"""What an endpoint as asked for comes to: defaults filled in, contradictions refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from zmqdev.errors import UsageError
from zmqdev.options import delivery, executing, output, reliable_peers, security_check, sockopt
from zmqdev.options.endpoint import EndpointKind, Pub, Pull, Sub, WorkerSpec
from zmqdev.options.endpoint_groups import Endpoint, Input, Records, ReplayOptions
from zmqdev.options.layer import Written, plain
from zmqdev.options.limits import TOPIC_LIMIT

_HEX_DIGITS = frozenset(b"0123456789abcdefABCDEF")


def resolve(kind: EndpointKind, spec: Any, written: Written) -> Any:
    """The spec with every default of the kind filled in. UsageError names the place."""
    bind, connect = spec.bind, spec.connect
    if not bind and not connect:
        bind = (kind.address,) if kind.verb == "bind" else ()
        connect = (kind.address,) if kind.verb == "connect" else ()
    filled = replace(spec, name=spec.name or kind.name, bind=bind, connect=connect)
    if isinstance(filled, Pull) and filled.demand:
        filled = _on_demand(filled, written)
    if hasattr(spec, "type"):
        filled = replace(filled, type=filled.type or _default_type(kind, filled))
    security_check.check(filled, written)
    delivery.check(filled, written)
    for check in _CHECKS:
        check(filled, written)
    if isinstance(spec, reliable_peers.Calling):
        retries, window = (of(spec, written) for of in _CLIENTS)
        filled = replace(filled, retries=retries, window=window)
    return replace(filled, sockopts=_sockopts(kind, filled, written))


_CLIENTS = (reliable_peers.retries_of, reliable_peers.window_of)


def type_of(kind: EndpointKind, spec: Endpoint) -> str:
    """The socket type of a resolved spec."""
    return getattr(spec, "type", None) or kind.types[0]


def paced(spec: Any) -> bool:
    """Whether a publisher keeps a pace of its own."""
    return bool(spec.interval or spec.rate or getattr(spec, "ticks", False))


def _on_demand(spec: Pull, written: Written) -> Pull:
    """Who asks for work is a DEALER: what it asks and what comes take the same way."""
    if spec.type not in (None, "DEALER"):
        raise UsageError(
            f"demand: asks by a DEALER, not by a {spec.type}", written.place("type", "demand")
        )
    if spec.bind:
        raise UsageError("demand: connects to the streamer", written.place("bind", "demand"))
    return replace(spec, type="DEALER")


def _default_type(kind: EndpointKind, spec: Any) -> str:
    """A DEALER answers whoever is next; with more than one peer only a ROUTER answers who asked."""
    if kind.name == "worker" and (spec.bind or len(spec.connect) > 1):
        return "ROUTER"
    return kind.types[0]


def _sockopts(kind: EndpointKind, spec: Any, written: Written) -> dict[str, sockopt.Value]:
    type_ = type_of(kind, spec)
    for name in spec.sockopts:
        wrong = sockopt.wrong_type(name, type_)
        if wrong:
            raise UsageError(f"{kind.name}: {wrong}", written.place(name))
    base = sockopt.defaults(
        type_, hwm=kind.hwm, linger_ms=round(spec.drain * 1000), connects=len(spec.connect)
    )
    count = getattr(spec, "count", None)
    if count and kind.name in ("pull", "worker"):
        # What comes beyond the count is lost to the others that could have it.
        base["rcvhwm"] = min(kind.hwm, count)
    if type_ == "XPUB":
        # Each subscription is seen, also the second one of the same topic.
        base["xpub_verboser"] = True
    if getattr(spec, "on_full", None) == "block":
        base["xpub_nodrop"] = True
    return sockopt.merge(base, spec.sockopts)


def _check_input(spec: Any, written: Written) -> None:
    if not isinstance(spec, Input):
        return
    sources = [name for name in ("data", "file", "size", "ticks") if getattr(spec, name, None)]
    _only_one(sources, written)
    _only_one([name for name in ("interval", "rate") if getattr(spec, name)], written)
    if spec.jitter is not None and spec.interval is None:
        raise UsageError("jitter needs --interval", written.place("jitter"))
    if spec.jitter is not None and spec.jitter > (spec.interval or 0):
        raise UsageError("jitter cannot be longer than the interval", written.place("jitter"))


def _check_replay(spec: Any, written: Written) -> None:
    if not isinstance(spec, ReplayOptions) or spec.replay is None:
        return
    place = written.place("replay")
    if getattr(spec, "format", None) != "json":
        raise UsageError("only JSON lines hold times; add --format json", place)
    for name in ("data", "size", "ticks", "interval", "rate", "collect"):
        if getattr(spec, name, None):
            raise UsageError(f"replay and {name} cannot be given together", place)


def _only_one(names: list[str], written: Written) -> None:
    if len(names) > 1:
        listed = " and ".join(names)
        raise UsageError(f"{listed} cannot be given together", written.place(names[-1]))


def _check_form(spec: Any, written: Written) -> None:
    form = spec.format if isinstance(spec, Records) else ""
    if form == "raw" and spec.null:
        raise UsageError(
            "raw has no line ends that NUL could replace; leave one of the two out",
            written.place("null", "format"),
        )
    if form == "hex" and spec.frames and _HEX_DIGITS & set(spec.frames):
        raise UsageError(
            "frames: in hex the separator cannot be a hexadecimal digit", written.place("frames")
        )
    if form in ("json", "csv") and spec.frames:
        words = {"json": "JSON lines", "csv": "CSV records"}
        raise UsageError(
            f"frames: {words[form]} tell frames apart themselves; leave it out",
            written.place("frames"),
        )


def _check_pub(spec: Any, written: Written) -> None:
    if isinstance(spec, Pub) and spec.wait_subscribers and spec.type == "PUB":
        raise UsageError(
            "wait-subscribers: a PUB does not see who subscribes; use --type XPUB",
            written.place("wait-subscribers"),
        )


def _check_topic_input(spec: Any, written: Written) -> None:
    if not isinstance(spec, Pub):
        return
    said = ("topic_column", "topic_separator", "topic")
    given = [name.replace("_", "-") for name in said if getattr(spec, name) is not None]
    _only_one(given, written)
    if given in ([], ["topic"]):
        return
    [name] = given
    made = [key for key in ("data", "size", "ticks") if getattr(spec, key)]
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


def _check_wait(spec: Any, written: Written) -> None:
    if isinstance(spec, Pub) and spec.wait_subscribers and spec.no_wait:
        raise UsageError(
            "no-wait and wait-subscribers contradict each other; leave one out",
            written.place("no-wait"),
        )


def _check_sub(spec: Any, written: Written) -> None:
    for prefix in spec.subscribe if isinstance(spec, Sub) else ():
        if len(prefix) > TOPIC_LIMIT:
            raise UsageError(
                f"subscribe: {len(prefix)} bytes; the most is {TOPIC_LIMIT}, since longer ones "
                "can crash a forwarder (libzmq 4671)",
                written.place("subscribe"),
            )


def _check_worker(spec: Any, written: Written) -> None:
    if not isinstance(spec, WorkerSpec):
        return
    said = ["reply"] if spec.reply != WorkerSpec.reply else []
    _only_one(said + [name for name in ("echo", "exec") if getattr(spec, name)], written)
    if spec.type == "REP" and spec.jobs > 1:
        raise UsageError(
            "jobs: a REP socket answers one request at a time; use --type DEALER",
            written.place("jobs"),
        )
    if spec.type == "DEALER" and len(spec.bind) + len(spec.connect) > 1:
        raise UsageError(
            "type: the replies of a DEALER go round all its peers; use --type ROUTER for "
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
    reliable_peers.check,
    executing.check,
    output.check,
)


def addresses(spec: Endpoint) -> Iterator[tuple[str, str]]:
    """(key, address) of everything the endpoint binds and connects."""
    yield from (("bind", address) for address in spec.bind)
    yield from (("connect", address) for address in spec.connect)


def warnings(spec: Any) -> Iterator[str]:
    """What is allowed and yet deserves a word at the start."""
    for mark in ("sndhwm", "rcvhwm"):
        if spec.sockopts.get(mark) == 0:
            yield f"{mark} is 0: a stalled peer can fill the memory"


def printed(kind: EndpointKind, spec: Endpoint) -> dict[str, Any]:
    """A resolved spec as a loadable file."""
    return {"endpoint": kind.name, **plain(spec)}
