"""Who can reach a bound address, before and after an export.

In an engine's network a part has to bind every interface, or the other parts could not
reach it. What the file binds on the loopback is then published on the loopback of the
machine (compose), or open only to the parts that connect to it (Kubernetes).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zmqdev.options import address as addresses
from zmqdev.topology.links import ANY, Plan, Port, is_loopback
from zmqdev.topology.rules_parts import RULES

METRICS_PORT = 9464  # the default port of the OpenTelemetry Prometheus exporter
_OPEN = next(rule for rule in RULES if rule.name == "open-to-all")


@dataclass(frozen=True)
class Bound:
    """A tcp address that a part binds; `peers` are the parts of the file that connect to it."""

    host: str
    number: int
    peers: tuple[str, ...] = ()

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    @property
    def published(self) -> str | None:
        """Return HOST:PORT:PORT for compose; None when only parts of the file connect to it."""
        if self.host in ANY:
            return f"{self.number}:{self.number}"
        if self.loopback and self.peers:
            return None
        return f"{_numbered(self.host)}:{self.number}:{self.number}"


def bound_by(plan: Plan, part: str) -> tuple[Bound, ...]:
    """Return the tcp addresses that a part binds, in the order of its keys."""
    return tuple(
        Bound(port.parts.host, int(port.parts.port), _peers(plan, port))
        for port in plan.ports
        if port.part.name == part and port.verb == "bind" and port.parts.transport == "tcp"
    )


def _peers(plan: Plan, port: Port) -> tuple[str, ...]:
    return tuple(dict.fromkeys(peer.part.name for peer in plan.peers(port)))


def metrics_at(place: str) -> Bound:
    """Split HOST:PORT of --metrics; METRICS_PORT stands in for a port chosen by the system."""
    parts = addresses.split(f"tcp://{place}", "bind")
    chosen_later = parts.port in ("*", "0")
    return Bound(parts.host, METRICS_PORT if chosen_later else int(parts.port))


def _numbered(host: str) -> str:
    """Return a host as an IP address; engines do not know names of interfaces."""
    if ":" in host:
        return f"[{host}]"
    return host if host.replace(".", "").isdigit() else "127.0.0.1"


def opened(plan: Plan) -> Iterator[str]:
    """Repeat the warnings `open-to-all` that `check` gives for the file."""
    for finding in dict.fromkeys(_OPEN.find(plan)):
        yield f"{finding.place}: {finding.severity}: {finding.message} [{finding.rule}]"


def widened(plan: Plan) -> Iterator[str]:
    """Warn of ports that were bound to one interface and become open to every pod."""
    for port in _of_one_interface(plan):
        if port.security == "null" and port.open:
            yield (
                f"{port.place}: warning: {port.label} binds {port.parts.host} alone here; in the "
                f"cluster every pod reaches it [{_OPEN.name}]"
            )


def narrowed(plan: Plan) -> Iterator[str]:
    """Report ports of a named interface, which compose publishes on the loopback."""
    for port in _of_one_interface(plan):
        if _numbered(port.parts.host) == "127.0.0.1":
            yield (
                f"{port.label}: compose knows no interface {port.parts.host}; published on "
                "127.0.0.1"
            )


def _of_one_interface(plan: Plan) -> Iterator[Port]:
    for port in plan.ports:
        host = port.parts.host
        tcp = port.verb == "bind" and port.parts.transport == "tcp"
        if tcp and host not in ANY and not is_loopback(host):
            yield port


def allowed_here(plan: Plan) -> Iterator[str]:
    """Report sides that admit the loopback only, because exported peers have other addresses."""
    for part in plan.topology.parts:
        for name, side in part.addressed:
            if side.bind and side.allow and all(is_loopback(str(one)) for one in side.allow):
                where = f"{part.name}.{name}" if name else part.name
                allowed = ", ".join(str(one) for one in side.allow)
                yield f"{where} allows {allowed} only; peers come from other addresses there"
