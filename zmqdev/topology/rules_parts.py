"""Rules about single parts, over the ports of a topology. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from zmqdev.options.endpoint_groups import Input
from zmqdev.options.part import Part
from zmqdev.topology.finding import ERROR, WARNING, Rule
from zmqdev.topology.links import Plan
from zmqdev.topology.order import cycles
from zmqdev.topology.placement import in_threads

Found = Iterator[tuple[Part, str, str]]


def _no_subscription(plan: Plan) -> Found:
    for part in plan.topology.parts:
        if part.device is not None and part.device.frontend.subscribe == ():
            place = part.at("frontend.subscribe")
            yield part, place, f"{part.name} subscribes to nothing, so nothing passes"


def _hwm_zero(plan: Plan) -> Found:
    for part in plan.topology.parts:
        for name, side in part.addressed:
            head = part.path(name)
            for mark in ("sndhwm", "rcvhwm"):
                if side.sockopts.get(mark) == 0:
                    where = f"{part.name} {name}".strip()
                    yield (
                        part,
                        part.at(f"{head}{mark}", f"{head}hwm"),
                        f"{where}: {mark} 0 is no limit: one stalled peer can fill the memory",
                    )


def _open_to_all(plan: Plan) -> Found:
    for port in plan.ports:
        if port.anywhere and port.security == "null" and port.open:
            yield (
                port.part,
                port.place,
                f"{port.label} binds {port.address}: any host that reaches it can connect",
            )


def _inproc_processes(plan: Plan) -> Found:
    threads = in_threads(plan)
    for port in plan.ports:
        if port.parts.transport == "inproc" and port.part.name not in threads:
            what = "is an endpoint" if port.part.category == "endpoint" else "is isolated"
            yield (
                port.part,
                port.place,
                f"{port.label} uses {port.address}, which stays within one process, and "
                f"{what}: it has a process of its own",
            )


def _endpoint_thread(plan: Plan) -> Found:
    for part in plan.topology.parts:
        if part.category == "endpoint" and part.life.isolate == "thread":
            yield (
                part,
                part.at("isolate"),
                f"{part.name} is an endpoint, which has its own process",
            )


def _plain_queue(plan: Plan) -> Found:
    """Find plain queues in front of workers, in a file where another queue is reliable."""
    queues = [part for part in plan.topology.parts if part.kind == "queue"]
    if not any(part.keeps for part in queues):
        return
    for port in plan.ports:
        plain = port.part.kind == "queue" and not port.part.keeps
        if plain and port.side == "backend":
            for peer in plan.peers(port):
                if peer.part.kind == "worker":
                    yield (
                        port.part,
                        port.part.place,
                        f"{port.part.name} loses the requests of a worker that dies; other "
                        "queues of this file are reliable",
                    )
                    break


def _unknown_after(plan: Plan) -> Found:
    known = {word for part in plan.topology.parts for word in (part.name, part.base)}
    for part in plan.topology.parts:
        for name in part.life.after:
            if name not in known:
                yield (
                    part,
                    part.at("after"),
                    f"{part.name} comes after {name!r}, and there is no such part",
                )


def _after_ring(plan: Plan) -> Found:
    parts = {part.name: part for part in plan.topology.parts}
    edges = [
        (first.name, part.name)
        for part in parts.values()
        for word in part.life.after
        for first in plan.topology.named(word)
    ]
    for ring in cycles(parts, edges):
        first = parts[ring[0]]
        yield first, first.at("after"), f"each comes after the other: {', '.join(ring)}"


def _same_name(plan: Plan) -> Found:
    seen: dict[str, str] = {}
    for part in plan.topology.parts:
        name = str(part.spec.name)
        if part.category == "device" and name in seen:
            yield part, part.at("name"), f"{part.name} is called {name!r}, as {seen[name]} is"
        seen.setdefault(name, part.name)


def _reads_stdin(plan: Plan) -> Found:
    for part in plan.topology.parts:
        if isinstance(part.spec, Input) and "-" in part.spec.file:
            yield (
                part,
                part.at("file"),
                f"{part.name} reads stdin, which a part does not have",
            )


RULES = (
    Rule(
        "no-subscription",
        WARNING,
        "A SUB frontend subscribes to nothing.",
        'leave `subscribe` out to get everything, or name prefixes; "" is everything',
        _no_subscription,
    ),
    Rule(
        "hwm-zero",
        WARNING,
        "A high-water mark of 0 sets no limit for a stalled peer.",
        "give a number of messages",
        _hwm_zero,
    ),
    Rule(
        "open-to-all",
        WARNING,
        "A side is bound to every interface without security.",
        "bind 127.0.0.1 or one interface, or use curve, plain or allow",
        _open_to_all,
    ),
    Rule(
        "inproc-processes",
        ERROR,
        "An inproc address connects parts that do not share a process.",
        "use ipc, or `isolate: thread` on devices at both ends",
        _inproc_processes,
    ),
    Rule(
        "endpoint-thread",
        ERROR,
        "An endpoint has `isolate: thread`.",
        "take it out; only devices share a process",
        _endpoint_thread,
    ),
    Rule(
        "plain-queue",
        WARNING,
        "A plain queue serves workers, but another queue of the file is reliable.",
        "make it reliable too, or add `ignore: plain-queue`",
        _plain_queue,
    ),
    Rule(
        "unknown-after",
        ERROR,
        "`after` names a part that does not exist.",
        "correct the name",
        _unknown_after,
    ),
    Rule(
        "after-ring",
        ERROR,
        "The `after` of several parts form a ring, so there is no order.",
        "take one of them out",
        _after_ring,
    ),
    Rule(
        "same-name",
        WARNING,
        "Two devices have the same name, so `ctl` uses another one for the second.",
        "give each its own `name`, or none to use the name of the part",
        _same_name,
    ),
    Rule(
        "reads-stdin",
        WARNING,
        "A part reads stdin, which `run` does not provide.",
        "name a file, or use `data`",
        _reads_stdin,
    ),
)
