"""ZDCF 1.0, the ZeroMQ Device Configuration File (RFC 17): read as parts, and written.

    version: 1.0
    apps:
      NAME:
        context: {iothreads: 1, verbose: false}
        devices:
          NAME:
            type: zmq_queue
            sockets:
              frontend: {type: ROUTER, bind: tcp://..., option: {hwm: 1000}}
              backend: {...}

JSON is YAML, so both syntaxes are read by one reader. RFC 17 lets a reader
refuse a greater version than it knows. Options that libzmq no longer has are
refused by name; `rate` and `swap` of libzmq 2 are among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from zmqdev.errors import UsageError
from zmqdev.options.document import Node, Place
from zmqdev.options.part import Part
from zmqdev.options.side import Backend, Frontend
from zmqdev.options.sockopt import SOCKET_OPTIONS
from zmqdev.options.suggest import near

KINDS = {"zmq_queue": "queue", "zmq_forwarder": "forwarder", "zmq_streamer": "streamer"}
VERSION = 1
_SIDES = ("frontend", "backend")
# Names of libzmq 2 -> present names. The units are the same.
_RENAMED = {"identity": "routing_id"}
# Options of RFC 17 for transports or versions of libzmq that are not supported.
_GONE = {
    "swap": "removed in libzmq 3",
    "mcast_loop": "for pgm, which is not built in",
    "recovery_ivl": "for pgm, which is not built in",
    "recovery_ivl_msec": "for pgm, which is not built in",
    "rate": "for pgm, which is not built in",
}


def is_zdcf(node: Node) -> bool:
    """Whether a file is ZDCF."""
    return node.is_map and "apps" in node.value


def as_parts(node: Node) -> Node:
    """Return the same devices as a file with parts; UsageError names what cannot be kept."""
    _only(node, ("version", "apps"), "the file")
    _check_version(node)
    apps = _map(node, "apps")
    single = len(apps.value) == 1
    parts: dict[str, Node] = {}
    keys: dict[str, Place] = {}
    for app, at, body in apps.items():
        _expect_map(body, f"apps.{app}")
        _only(body, ("context", "devices"), f"apps.{app}")
        threads = _threads(body)
        for name, place, device in _devices(body).items():
            word = name if single else f"{app}.{name}"
            keys[word] = place
            parts[word] = _part(name, device, threads)
        if "devices" not in body.value:
            raise UsageError(f"apps.{app}: no devices", str(at))
    return Node({"parts": Node(parts, apps.place, keys)}, node.place, {"parts": apps.place})


def _check_version(node: Node) -> None:
    said = node.value.get("version")
    if said is None:
        raise UsageError("the file has `apps` but no `version`; ZDCF needs one", str(node.place))
    number = said.value
    try:
        value = float(number) if not isinstance(number, bool) else -1.0
    except (TypeError, ValueError):
        value = -1.0
    if value < 0 or value != value:
        raise UsageError(f"version: expected a number like 1.0, not {number!r}", str(said.place))
    if value > VERSION or value == 0:
        raise UsageError(f"unsupported ZDCF version {number} (supported: 1)", str(said.place))


def _threads(body: Node) -> Node | None:
    """Return the I/O threads of the context, which each device here has separately."""
    context = body.value.get("context")
    if context is None:
        return None
    _expect_map(context, "context")
    _only(context, ("iothreads", "verbose"), "context")
    found: Node | None = context.value.get("iothreads")
    return found


def _devices(body: Node) -> Node:
    return _map(body, "devices") if "devices" in body.value else Node({}, body.place)


def _part(name: str, device: Node, threads: Node | None) -> Node:
    _expect_map(device, name)
    _only(device, ("type", "sockets"), name)
    said = device.value.get("type")
    if said is None:
        raise UsageError(f"{name}: no type; known are {', '.join(KINDS)}", str(device.place))
    kind = KINDS.get(str(said.value))
    if kind is None:
        hint = near(str(said.value), KINDS) or f"; known are {', '.join(KINDS)}"
        raise UsageError(f"{name}: unknown type {said.value!r}{hint}", str(said.place))
    values = {"device": Node(kind, said.place)}
    keys = {"device": device.keys["type"]}
    if threads is not None:
        values["io-threads"], keys["io-threads"] = threads, threads.place
    for side, place, socket in _map(device, "sockets").items() if "sockets" in device.value else ():
        if side not in _SIDES:
            raise UsageError(
                f"{name}: a device has a frontend and a backend, not {side!r}", str(place)
            )
        values[side], keys[side] = _side(f"{name}.{side}", socket), place
    return Node(values, device.place, keys)


def _side(where: str, socket: Node) -> Node:
    _expect_map(socket, where)
    _only(socket, ("type", "bind", "connect", "option"), where)
    values = {key: socket.value[key] for key in ("bind", "connect") if key in socket.value}
    keys = dict(socket.keys)
    if "type" in socket.value:
        said = socket.value["type"]
        values["type"] = Node(_type(said.value), said.place)
    for key, place, item in _map(socket, "option").items() if "option" in socket.value else ():
        name = _option(where, key, place)
        values[name], keys[name] = _truth(name, item), place
    return Node(values, socket.place, keys)


def _type(value: object) -> object:
    """Return the socket type. libzmq 2 also wrote `ZMQ_ROUTER`, and XREP and XREQ for
    ROUTER and DEALER."""
    word = str(value).upper().removeprefix("ZMQ_")
    return {"XREP": "ROUTER", "XREQ": "DEALER"}.get(word, word)


def _option(where: str, key: str, place: Place) -> str:
    if key in _GONE:
        raise UsageError(f"{where}: option {key!r} is not supported: {_GONE[key]}", str(place))
    name = _RENAMED.get(key, key)
    if name != "subscribe" and name not in SOCKET_OPTIONS:
        hint = near(key, SOCKET_OPTIONS)
        raise UsageError(f"{where}: option {key!r} is not supported{hint}", str(place))
    return name


def _truth(name: str, item: Node) -> Node:
    """Return a boolean for an option that RFC 17 writes as 1 or 0."""
    flag = name in SOCKET_OPTIONS and SOCKET_OPTIONS[name].type.schema() == {"type": "boolean"}
    return Node(bool(item.value), item.place) if flag and item.value in (0, 1) else item


def _map(node: Node, key: str) -> Node:
    found: Node = node.value[key]
    _expect_map(found, key)
    return found


def _expect_map(node: Node, where: str) -> None:
    if not node.is_map:
        raise UsageError(f"{where}: expected names and values", str(node.place))


def _only(node: Node, known: Iterable[str], where: str) -> None:
    for key, at, _ in node.items():
        if key not in known:
            raise UsageError(f"{where}: unknown key {key!r}{near(key, known)}", str(at))


def write(name: str, parts: Iterable[Part]) -> tuple[dict[str, Any], list[str]]:
    """Return (the tree of a ZDCF file, a sentence for everything that it cannot express)."""
    devices: dict[str, Any] = {}
    lost: list[str] = []
    parts = list(parts)
    threads = set()
    for part in parts:
        device = part.device
        if device is None:
            lost.append(f"{part.name}: ZDCF has no endpoints, so this {part.kind} is left out")
            continue
        devices[part.name] = {
            "type": f"zmq_{part.kind}",
            "sockets": {
                name: _socket(side, name, part)
                for name, side in device.sides.items()
                if name in _SIDES
            },
        }
        threads.add(device.io_threads)
        lost += _lost(part)
    if len(threads) > 1:
        lost.append(f"ZDCF has one context: {max(threads)} I/O threads for all devices")
    context = {"context": {"iothreads": max(threads)}} if threads - {1} else {}
    return {"version": 1.0, "apps": {name: {**context, "devices": devices}}}, lost


def _socket(side: Frontend | Backend, name: str, part: Part) -> dict[str, Any]:
    made: dict[str, Any] = {"type": side.type}
    for verb, found in (("bind", side.bind), ("connect", side.connect)):
        if found:
            made[verb] = found[0] if len(found) == 1 else list(found)
    options = {
        {"routing_id": "identity"}.get(key, key): SOCKET_OPTIONS[key].type.plain(value)
        for key, value in side.sockopts.items()
        if (name, key) in part.written.places
    }
    # `hwm` became both marks; a mark that was written itself took precedence.
    marks = [mark for mark in ("sndhwm", "rcvhwm") if (name, mark) not in part.written.places]
    if (name, "hwm") in part.written.places and marks:
        options["hwm"] = side.sockopts[marks[0]]
    subscribe = side.subscribe if isinstance(side, Frontend) else None
    if subscribe is not None:
        options["subscribe"] = [prefix.decode(errors="replace") for prefix in subscribe]
    return made | ({"option": options} if options else {})


_KEPT = {
    "name",
    "io-threads",
    "bind",
    "connect",
    "type",
    "subscribe",
    "hwm",
    *SOCKET_OPTIONS,
}


def _lost(part: Part) -> Iterator[str]:
    for path in part.written.places:
        if path[-1] not in _KEPT:
            yield f"{part.name}: ZDCF cannot say {'.'.join(path)}"
