"""The addresses of a topology and the links between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from zmqdev.options import address as addresses
from zmqdev.options.device import DeviceSpec
from zmqdev.options.endpoint import ENDPOINTS
from zmqdev.options.endpoint_check import type_of
from zmqdev.options.executing import Executing
from zmqdev.options.part import Part
from zmqdev.options.security_check import mechanism
from zmqdev.options.side import Side
from zmqdev.topology.read import Topology

ANY = frozenset({"*", "0.0.0.0", "::"})
LOOPBACK = frozenset({"localhost", "lo", "::1"})
# Pairs of names for one address. 127.0.0.1 and 127.0.0.2 differ.
_SAME = ({"127.0.0.1", "localhost"}, {"127.0.0.1", "lo"}, {"localhost", "lo"}, {"::1", "localhost"})


@dataclass(frozen=True)
class Port:
    """An address of a part.

    `sends` is True when messages, or requests, leave there, and False when they arrive.
    It is None where clients and workers share a side, or both ends are alike.
    """

    part: Part
    side: str
    type: str
    verb: str
    address: str
    place: str
    sends: bool | None
    security: str = "null"
    open: bool = True  # no `allow` or `deny`

    @property
    def label(self) -> str:
        """Return `queue.backend`, or only the name for an endpoint."""
        return f"{self.part.name}.{self.side}" if self.side else self.part.name

    @cached_property
    def parts(self) -> addresses.Parts:
        """Return the parsed address; the source of a `tcp://SOURCE;PEER` is left out."""
        source, _, peer = self.address.rpartition(";")
        return addresses.split(f"tcp://{peer}" if source else self.address, self.verb)

    @property
    def anywhere(self) -> bool:
        """Whether it is bound to every interface of the machine."""
        return self.verb == "bind" and self.parts.host in ANY

    @property
    def chosen_later(self) -> bool:
        """Whether the system chooses the port or path, so that no other part can name it."""
        return self.parts.port in ("*", "0") or self.parts.path == "*"

    @property
    def here(self) -> bool:
        """Whether it names this machine and nothing else."""
        return self.parts.transport in ("ipc", "inproc") or is_loopback(self.parts.host)


def is_loopback(host: str) -> bool:
    """Whether a host is the loopback."""
    return host in LOOPBACK or host.startswith("127.")


@dataclass(frozen=True)
class Link:
    """A port that binds and one that connects to it."""

    bound: Port
    connected: Port

    @property
    def source(self) -> Port | None:
        """Return where messages come from; None when both ends send or both receive."""
        if self.bound.sends == self.connected.sends:
            return None
        if self.bound.sends is None:
            return self.connected if self.connected.sends else self.bound
        return self.bound if self.bound.sends else self.connected

    @property
    def target(self) -> Port | None:
        """Return where messages go; None when both ends send or both receive."""
        if self.source is None:
            return None
        return self.connected if self.source is self.bound else self.bound


def ports_of(part: Part) -> Iterator[Port]:
    """Yield every address of a part, in the order of the keys in the file."""
    spec = part.spec
    if not isinstance(spec, DeviceSpec):
        kind = ENDPOINTS[part.kind]
        yield from _side(part, "", spec, type_of(kind, spec), kind.sends)
        if isinstance(spec, Executing):
            for address in spec.push:
                yield _beside(part, "push", "PUSH", address, "push", "connect")
            for address in spec.pub:
                yield _beside(part, "pub", "PUB", address, "pub")
        return
    keeping = part.keeping
    sends = None if keeping is not None and keeping.shares else False
    for name, side in spec.sides.items():
        yield from _side(part, name, side, side.type or "", sends if name == "frontend" else True)
    if spec.capture:
        yield _beside(part, "capture", "PUB", spec.capture, "capture")
    if spec.capture_connect:
        place = "capture-connect"
        yield _beside(part, place, "PUB", spec.capture_connect, place, "connect")
    if keeping is not None and keeping.reliable.dead_letters:
        where = "reliable.dead-letters"
        yield _beside(part, "dead-letters", "PUSH", keeping.reliable.dead_letters, where)


def _side(part: Part, name: str, side: Side, type_: str, sends: bool | None) -> Iterator[Port]:
    head = part.path(name)
    free = not (side.allow or side.deny)
    for verb, joined in (("bind", side.bind), ("connect", side.connect)):
        for address in joined:
            place = part.at(f"{head}{verb}")
            yield Port(part, name, type_, verb, address, place, sends, mechanism(side), free)


def _beside(part: Part, name: str, type_: str, address: str, key: str, verb: str = "bind") -> Port:
    return Port(part, name, type_, verb, address, part.at(key), sends=True)


@dataclass(frozen=True)
class Plan:
    """A topology with its ports and links."""

    topology: Topology
    ports: tuple[Port, ...]
    links: tuple[Link, ...]

    def peers(self, port: Port) -> list[Port]:
        """Return the ports at the other end of a port's links."""
        found = [link.connected for link in self.links if link.bound is port]
        return found + [link.bound for link in self.links if link.connected is port]

    def flows(self) -> Iterator[tuple[str, str]]:
        """Yield (part that messages leave, part that they reach) of every link."""
        for link in self.links:
            source, target = link.source, link.target
            if source is not None and target is not None:
                yield source.part.name, target.part.name


def plan(topology: Topology) -> Plan:
    """Return the plan of a topology."""
    ports = tuple(port for part in topology.parts for port in ports_of(part))
    return Plan(topology, ports, tuple(_links(ports)))


def _links(ports: Iterable[Port]) -> Iterator[Link]:
    bound: dict[tuple[str, str], list[Port]] = defaultdict(list)
    ports = tuple(ports)
    for port in ports:
        if port.verb == "bind" and not port.chosen_later:
            bound[_key(port)].append(port)
    for port in ports:
        if port.verb == "connect":
            yield from (Link(one, port) for one in bound[_key(port)] if _meets(one, port))


def _key(port: Port) -> tuple[str, str]:
    parts = port.parts
    return parts.transport, parts.port or parts.path


def same_address(one: Port, other: Port) -> bool:
    """Whether two ports cannot both be bound."""
    if _key(one) != _key(other) or one.chosen_later:
        return False
    if one.parts.transport != "tcp":
        return True
    hosts = {one.parts.host, other.parts.host}
    return len(hosts) == 1 or bool(hosts & ANY)


def _meets(bound: Port, connected: Port) -> bool:
    """Whether a connection to one port reaches the other, as far as the names tell.

    An IP address outside the loopback may belong to another machine; a host name is
    assumed to be this machine's.
    """
    if bound.parts.transport != "tcp":
        return True
    at, to = bound.parts.host, connected.parts.host
    if at in ANY:
        return is_loopback(to) or not _is_number(to)
    return at == to or {at, to} in _SAME


def _is_number(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()
