"""Rules about links between parts, over the ports of a topology. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from zmqdev.options.part import Part
from zmqdev.options.socktype import PEERS
from zmqdev.topology.finding import ERROR, WARNING, Rule
from zmqdev.topology.links import Plan, Port, same_address
from zmqdev.topology.order import cycles

Found = Iterator[tuple[Part, str, str]]


def _cannot_talk(plan: Plan) -> Found:
    for link in plan.links:
        at, to = link.connected, link.bound
        if to.type not in PEERS[at.type]:
            yield (
                at.part,
                at.place,
                f"{at.label} ({at.type}) connects to {to.label} ({to.type}); with {to.type} goes "
                f"{', '.join(sorted(PEERS[to.type]))}",
            )


def _wrong_side(plan: Plan) -> Found:
    for link in plan.links:
        at, to = link.connected, link.bound
        alike = at.sends is None and "endpoint" in (at.part.category, to.part.category)
        if link.source is None and to.type in PEERS[at.type] and at.type != "PAIR" and not alike:
            both = "send" if at.sends else "take messages in"
            yield at.part, at.place, f"{at.label} connects to {to.label}, and both {both}"


def _bound_twice(plan: Plan) -> Found:
    seen: dict[tuple[str, str], list[Port]] = {}
    for port in plan.ports:
        if port.verb != "bind":
            continue
        key = (port.parts.transport, port.parts.port or port.parts.path)
        for other in seen.setdefault(key, []):
            if same_address(port, other):
                yield (
                    port.part,
                    port.place,
                    f"{port.label} binds {port.address}, as {other.label} does",
                )
                break
        seen[key].append(port)


def _alone(plan: Plan, verb: str) -> Iterator[Port]:
    met = {id(port) for link in plan.links for port in (link.bound, link.connected)}
    return (port for port in plan.ports if port.verb == verb and id(port) not in met)


def _nobody_binds(plan: Plan) -> Found:
    pairs = {id(port) for pair in _both_connected(plan) for port in pair}
    for port in _alone(plan, "connect"):
        outside = port.parts.transport != "inproc"
        if port.here and outside and id(port) not in pairs:
            yield (
                port.part,
                port.place,
                f"{port.label} connects to {port.address}, which no part binds",
            )


def _both_connected(plan: Plan) -> Iterator[tuple[Port, Port]]:
    """Yield pairs of ports that connect to one address which nothing binds, and could talk."""
    by_address: dict[str, list[Port]] = {}
    for port in _alone(plan, "connect"):
        by_address.setdefault(port.address, []).append(port)
    for ports in by_address.values():
        for port in ports[1:]:
            first = ports[0]
            if port.sends != first.sends and port.type in PEERS[first.type]:
                yield first, port


def _both_connect(plan: Plan) -> Found:
    for first, port in _both_connected(plan):
        yield (
            port.part,
            port.place,
            f"{port.label} and {first.label} both connect to {port.address}, and no part binds it",
        )


def _nobody_connects(plan: Plan) -> Found:
    """Find addresses that nothing connects to, in files with endpoints.

    In a file of devices alone, programs outside it connect to them.
    """
    if not any(part.category == "endpoint" for part in plan.topology.parts):
        return
    for port in _alone(plan, "bind"):
        if port.side not in ("capture", "dead-letters"):
            yield (
                port.part,
                port.place,
                f"{port.label} binds {port.address}, and no part connects to it",
            )


def _device_loop(plan: Plan) -> Found:
    parts = {part.name: part for part in plan.topology.parts}
    for loop in cycles(sorted(parts), plan.flows()):
        names = " -> ".join([*loop, loop[0]])
        first = parts[loop[0]]
        yield first, first.place, f"messages go round in a ring: {names}"


def _one_sided(plan: Plan) -> Found:
    for link in plan.links:
        at, to = link.connected, link.bound
        if at.security != to.security:
            yield (
                at.part,
                at.place,
                f"{at.label} comes with {at.security}, and {to.label} asks for {to.security}",
            )


def _inproc_alone(plan: Plan) -> Found:
    for port in _alone(plan, "connect"):
        if port.parts.transport == "inproc":
            yield (
                port.part,
                port.place,
                f"{port.label} connects to {port.address}, which no part binds",
            )


RULES = (
    Rule(
        "cannot-talk",
        ERROR,
        "One part connects to another with a socket type that it cannot talk to.",
        "change one of the two socket types, or the address",
        _cannot_talk,
    ),
    Rule(
        "wrong-side",
        WARNING,
        "Both ends of a connection send, or both receive: for example, a client at the "
        "workers' side of a queue.",
        "connect to the device's other side",
        _wrong_side,
    ),
    Rule(
        "bound-twice",
        ERROR,
        "Two parts bind the same address, or one binds it on every interface.",
        "give one of them another port or path; let replicas connect, or use ${REPLICA}",
        _bound_twice,
    ),
    Rule(
        "nobody-binds",
        WARNING,
        "A part connects to an address of this machine that no part binds.",
        "correct the address; if another program binds it, add `ignore: nobody-binds`",
        _nobody_binds,
    ),
    Rule(
        "nobody-connects",
        WARNING,
        "A part binds an address that no part connects to, in a file with endpoints.",
        "correct the address; if other programs connect to it, add `ignore: nobody-connects`",
        _nobody_connects,
    ),
    Rule(
        "both-connect",
        ERROR,
        "Two parts connect to one address that no part binds.",
        "let one of the two bind",
        _both_connect,
    ),
    Rule(
        "device-loop",
        ERROR,
        "The messages of a device come back to it.",
        "take one of the connections out",
        _device_loop,
    ),
    Rule(
        "one-sided-security",
        ERROR,
        "Two connected parts use different security mechanisms.",
        "give both the same: null, plain or curve",
        _one_sided,
    ),
    Rule(
        "inproc-alone",
        ERROR,
        "A part connects to an inproc address that no part binds.",
        "correct the address; inproc stays within this file",
        _inproc_alone,
    ),
)
