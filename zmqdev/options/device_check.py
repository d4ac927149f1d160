"""The settings of a device completed for its kind: defaults filled in, contradictions refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from zmqdev.errors import UsageError
from zmqdev.options import capturing, control_keys, security_check, sockopt, socktype
from zmqdev.options.device import (
    CHOSEN_LATER,
    DeviceSpec,
    bound_addresses,
    on_demand,
)
from zmqdev.options.kind import DeviceKind, SideDefault
from zmqdev.options.layer import Written
from zmqdev.options.routes_table import is_routed, rules_of, table_of
from zmqdev.options.side import Backend, Frontend

S = TypeVar("S", Frontend, Backend)
# A subscription is its topic and a byte, or the name of a command (RFC 29, 37).
SUBSCRIPTION_HEAD = 64
# Limits of subscriptions that wait unread in libzmq's queue and in the kernel's buffer.
UNREAD_SUBSCRIPTIONS = 100
UNREAD_BYTES = 64 * 1024


def resolve(kind: DeviceKind, spec: DeviceSpec, written: Written) -> DeviceSpec:
    """Return the settings with every default of the kind filled in; UsageError names the place."""
    named_alone = bool(spec.backends) and not written.says("backend")
    rules = rules_of(spec, written)
    if rules.backends != spec.backends:
        spec, written = replace(spec, backends=rules.backends), written.under(rules.written)
    filled = _filled(kind, spec, written, named_alone=named_alone)
    if filled.last_value:
        _check_last_value(kind, filled, written)
    if is_routed(filled):
        _check_routed(kind, filled, written)
        table_of(filled, rules)
    return filled


def _check_last_value(kind: DeviceKind, spec: DeviceSpec, written: Written) -> None:
    place = written.place("last-value")
    if kind.name != "forwarder" or spec.backend.type != "XPUB":
        raise UsageError("last-value: only with a forwarder whose backend is an XPUB", place)
    if is_routed(spec) or spec.backends:
        raise UsageError(
            "last-value: not together with routes or named backends; put one forwarder behind "
            "another",
            place,
        )


def _check_routed(kind: DeviceKind, spec: DeviceSpec, written: Written) -> None:
    if kind.only:
        raise UsageError(
            "a reliable queue routes by service; remove either routes or reliable",
            written.place("routes", "drop", "keep"),
        )
    if spec.frontend.type == "ROUTER" in {side.type for side in spec.targets.values()}:
        raise UsageError(
            "between two ROUTERs each message names its receiver, and no route can; take the "
            "routes out, or use a DEALER",
            written.place("routes", "backend.type", "backends", "drop", "keep"),
        )


def _filled(
    kind: DeviceKind, spec: DeviceSpec, written: Written, *, named_alone: bool
) -> DeviceSpec:
    """Fill in defaults. `named_alone`: there are named backends and `backend` is not mentioned."""
    frontend_type = spec.frontend.type or _partner(kind, spec, "frontend")
    backend_type = spec.backend.type or _partner(kind, spec, "backend", demand=on_demand(spec))
    if on_demand(spec):
        _check_demand(kind, frontend_type, backend_type, written)
    elif not named_alone:
        _check_pair(kind, frontend_type, backend_type, written)
    on_full = spec.on_full or ("drop" if backend_type in socktype.PUBLISHERS else "block")
    fill = partial(_fill, kind, spec, on_full, written)
    filled = replace(
        spec,
        name=spec.name or _heir(spec.replace) or kind.name,
        on_full=on_full,
        frontend=_subscribed(
            fill(kind.frontend, "frontend", spec.frontend, frontend_type), written
        ),
        backend=spec.backend
        if named_alone
        else fill(kind.backend, "backend", spec.backend, backend_type),
        backends={
            name: _named(kind, spec, fill, written, name, frontend_type) for name in spec.backends
        },
    )
    _check_addresses(filled, written)
    _check_affinity(filled, written)
    capturing.check(filled, written)
    _check_security(filled, written)
    control_keys.check(filled, written)
    return filled


def _named(
    kind: DeviceKind,
    spec: DeviceSpec,
    fill: Callable[[SideDefault, str, Backend, str], Backend],
    written: Written,
    name: str,
    frontend_type: str,
) -> Backend:
    """Return a backend of `backends`, filled in. It has no default address, unlike `backend`."""
    side, path = spec.backends[name], f"backends.{name}"
    if kind.only:
        raise UsageError(
            f"{path}: a reliable queue shares requests by service, and has one backend",
            written.place(path),
        )
    if not side.bind and not side.connect:
        raise UsageError(f"{path}: write bind or connect, and an address", written.place(path))
    type_ = side.type or _partner(kind, spec, "backend", demand=side.demand)
    if side.demand:
        _check_demand(kind, frontend_type, type_, written, path)
    else:
        _check_pair(kind, frontend_type, type_, written, path)
    return fill(kind.backend, path, side, type_)


def _heir(replaced: str | None) -> str | None:
    """Return the name of the device that is replaced, unless that is a control address."""
    return None if replaced is None or ":" in replaced else replaced


def _check_security(spec: DeviceSpec, written: Written) -> None:
    for name, side in spec.sides.items():
        security_check.check(side, written, f"{spec.path(name)}.")
    sees = any(side.type == "XPUB" for side in spec.targets.values())
    if spec.topic_acl and not sees and not spec.names_services:
        raise UsageError(
            "topic-acl: needs an XPUB backend, which sees who subscribes, or a reliable queue "
            "with workers that name their service",
            written.place("topic-acl"),
        )


def _partner(kind: DeviceKind, spec: DeviceSpec, side: str, *, demand: bool = False) -> str:
    """Return the type of a side: the kind's, or the one that fits the other side."""
    own = (kind.frontend if side == "frontend" else kind.backend).type
    if side == "backend" and spec.frontend.type == "SUB" and own == "XPUB":
        return "PUB"
    if demand:
        return "ROUTER"
    if side == "frontend" and spec.backend.type == "PUB" and own == "XSUB":
        return "SUB"
    return own


def _check_demand(
    kind: DeviceKind, frontend: str, backend: str, written: Written, path: str = "backend"
) -> None:
    """Refuse work on demand elsewhere than at a streamer, whose ROUTER answers the workers."""
    place = written.place(f"{path}.demand")
    if kind.name != "streamer":
        raise UsageError(f"demand: only with a streamer, not with a {kind.name}", place)
    if (frontend, backend) != ("PULL", "ROUTER"):
        raise UsageError(
            f"demand: needs a PULL frontend and a ROUTER backend, not {frontend} and {backend}",
            written.place(f"{path}.type", "frontend.type", f"{path}.demand"),
        )


def _check_pair(
    kind: DeviceKind, frontend: str, backend: str, written: Written, path: str = "backend"
) -> None:
    own = (kind.frontend.type, kind.backend.type)
    if kind.only:
        if (frontend, backend) != own:
            fix = f"a {own[0]} frontend and a {own[1]} backend, and no other"
            place = written.place("backend.type", "frontend.type")
            raise UsageError(f"{kind.name}: what is asked for has {fix}", place)
        return
    if socktype.legal(frontend, backend):
        return
    place = written.place(f"{path}.type", "frontend.type", path)
    fit = ", ".join(socktype.legal_backends(frontend))
    raise UsageError(
        f"{kind.name}: a {frontend} frontend does not work with a {backend} backend; "
        f"with {frontend} goes {fit}",
        place,
    )


def _fill(
    kind: DeviceKind,
    spec: DeviceSpec,
    on_full: str,
    written: Written,
    default: SideDefault,
    name: str,
    side: S,
    type_: str,
) -> S:
    bind, connect = side.bind, side.connect
    if not bind and not connect:
        bind = (default.address,) if default.verb == "bind" else ()
        connect = (default.address,) if default.verb == "connect" else ()
    for option_name in side.sockopts:
        wrong = sockopt.wrong_type(option_name, type_)
        if wrong:
            raise UsageError(f"{name}: {wrong}", written.place(f"{name}.{option_name}"))
    base = sockopt.defaults(
        type_, hwm=kind.hwm, linger_ms=round(spec.drain * 1000), connects=len(connect)
    )
    if name != "frontend":
        base |= _backend_defaults(type_, on_full, spec.limits.topic_length)
        if spec.topic_acl and type_ == "ROUTER":
            # Where workers have different rights, no worker may take over another one's
            # id.
            base |= {"router_handover": False}
    sockopts = sockopt.merge(base, side.sockopts)
    return replace(side, type=type_, bind=bind, connect=connect, sockopts=sockopts)


def _backend_defaults(type_: str, on_full: str, longest: int) -> dict[str, sockopt.Value]:
    if type_ == "ROUTER":
        # A worker that returns with its old id takes over; a client must not.
        return {"router_handover": True}
    if type_ in socktype.PUBLISHERS:
        # Subscribers send only subscriptions. A longer one costs a node of the topic
        # trie for each byte, so its connection is closed. libzmq reads everything that
        # has arrived before it returns the first message, so little may be buffered.
        largest: dict[str, sockopt.Value] = {
            "maxmsgsize": longest + SUBSCRIPTION_HEAD,
            "rcvhwm": UNREAD_SUBSCRIPTIONS,
            "rcvbuf": UNREAD_BYTES,
        }
        return largest | ({"xpub_nodrop": True} if on_full == "block" else {})
    return {}


def _subscribed(side: Frontend, written: Written) -> Frontend:
    if side.type == "SUB":
        return replace(side, subscribe=side.subscribe if side.subscribe is not None else (b"",))
    if side.subscribe is not None:
        fix = "add --frontend-type SUB" if side.type == "XSUB" else "only a SUB frontend subscribes"
        why = (
            "subscriptions come from the subscribers" if side.type == "XSUB" else "no subscriptions"
        )
        raise UsageError(
            f"subscribe: a {side.type} frontend has {why}; {fix}",
            written.place("frontend.subscribe"),
        )
    return side


def _check_addresses(spec: DeviceSpec, written: Written) -> None:
    seen: dict[str, str] = {}
    for key, address in bound_addresses(spec):
        if address in seen and not address.endswith(CHOSEN_LATER):
            raise UsageError(
                f"{key}: {address} is bound by {seen[address]} too", written.place(key)
            )
        seen[address] = key
    for name, side in spec.sides.items():
        if side.sockopts.get("conflate"):
            raise UsageError(
                "conflate breaks multipart messages, so a device does not take it",
                written.place(f"{spec.path(name)}.conflate"),
            )


def _check_affinity(spec: DeviceSpec, written: Written) -> None:
    """Refuse a mask without any I/O thread: libzmq would find no thread for its connections."""
    for name, side in (("frontend", spec.frontend), ("backend", spec.backend)):
        wrong = sockopt.wrong_affinity(side.sockopts, spec.io_threads)
        if wrong:
            raise UsageError(f"{name}.{wrong}", written.place(f"{name}.affinity"))
