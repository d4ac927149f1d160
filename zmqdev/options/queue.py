"""A queue as it was asked for, plain or reliable."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from zmqdev.errors import UsageError
from zmqdev.options.device import CHOSEN_LATER, DeviceSpec, resolve
from zmqdev.options.kind import KINDS, DeviceKind, SideDefault
from zmqdev.options.layer import Written
from zmqdev.options.option import options_of, section
from zmqdev.options.reliable import Reliable, check_service
from zmqdev.options.side import Backend, Side

_SECTION = "reliable"


@dataclass(frozen=True)
class QueueSpec(DeviceSpec):
    """A queue. A file that has a map under `reliable` means a reliable one."""

    reliable: Reliable = section(
        Reliable, help="Keep each request until it is answered.", shorthand="enabled"
    )

    @property
    def shares(self) -> bool:
        """Resolved: whether clients and workers come to one address, the frontend's."""
        return self.reliable.enabled and not self.backend.bind and not self.backend.connect


_ONE_SOCKET = (
    "clients and workers share the frontend's socket; say it of the frontend, or give the workers "
    "an address of their own"
)
# What stands behind a reliable queue: a ROUTER addresses each worker, a DEALER shares out blindly.
_BACKENDS = {"auto": "ROUTER", "plain": "DEALER"}


def spec_of(kind: str) -> type[DeviceSpec]:
    """The spec class of a device kind."""
    return QueueSpec if kind == "queue" else DeviceSpec


def reliable_kind(workers: str) -> DeviceKind:
    """The queue's row, as it is with `--reliable`."""
    queue = KINDS["queue"]
    backend = SideDefault(_BACKENDS[workers], queue.backend.verb, queue.backend.address)
    return replace(queue, backend=backend, only=True)


def resolve_device(kind: DeviceKind, spec: DeviceSpec, written: Written) -> DeviceSpec:
    """`device.resolve`, and what a reliable queue has beside it."""
    if not isinstance(spec, QueueSpec):
        return resolve(kind, spec, written)
    spec = _switched_on(spec, written)
    if not spec.reliable.enabled:
        return resolve(kind, spec, written)
    _check(spec.reliable, written)
    reliable = reliable_kind(spec.reliable.workers)
    if not _shares(spec):
        return resolve(reliable, spec, written)
    no_address = replace(reliable.backend, verb="", address="")
    return resolve(replace(reliable, backend=no_address), _joined(spec, written), written)


def _shares(spec: QueueSpec) -> bool:
    """The frontend alone has an address to bind, or both have the same.

    RFC 7 and 18: Majordomo works with one socket for clients and workers. Ordinary workers
    say nothing that would tell them apart.
    """
    front, back = spec.frontend, spec.backend
    if spec.reliable.workers == "plain" or not front.bind or front.connect or back.connect:
        return False
    later = any(address.endswith(CHOSEN_LATER) for address in front.bind)
    return not back.bind or (set(back.bind) == set(front.bind) and not later)


def _joined(spec: QueueSpec, written: Written) -> QueueSpec:
    """One socket: the frontend's, with what holds for workers. The backend has no address."""
    front, back = spec.frontend, spec.backend
    for field in fields(Side):
        if field.name not in ("bind", "connect", "type", "sockopts"):
            value = getattr(back, field.name)
            if value not in (getattr(Backend(), field.name), getattr(front, field.name)):
                raise UsageError(_ONE_SOCKET, written.place(f"backend.{field.name}"))
    for name, value in back.sockopts.items():
        if value != front.sockopts.get(name):
            raise UsageError(_ONE_SOCKET, written.place(f"backend.{name}"))
    # As at a backend: a worker that comes back under its old id takes over.
    sockopts = {"router_handover": not spec.topic_acl, **front.sockopts}
    shared = {f.name: getattr(front, f.name) for f in fields(Side) if f.name != "type"}
    shared |= {"bind": (), "connect": (), "sockopts": sockopts}
    return replace(
        spec, frontend=replace(front, sockopts=sockopts), backend=replace(back, **shared)
    )


def _switched_on(spec: QueueSpec, written: Written) -> QueueSpec:
    """A file's map under `reliable` switches it on; a flag or variable alone does not."""
    if spec.reliable.enabled or written.place((_SECTION, "enabled")) != written.fallback:
        return spec
    for key in options_of(Reliable):
        path = (_SECTION, key)
        if path not in written.places:
            continue
        place = written.places[path]
        if place.startswith(("--", "ZMQDEV_")):
            raise UsageError("this is of the reliable queue; add --reliable", place)
        return replace(spec, reliable=replace(spec.reliable, enabled=True))
    return spec


def _check(settings: Reliable, written: Written) -> None:
    check_service(settings.service, written.place((_SECTION, "service")) or "service")
    if settings.workers == "plain" and settings.heartbeat:
        raise UsageError(
            "plain workers know no heartbeats; leave it out (--busy-timeout says how long "
            "a worker may take), or leave --workers plain out",
            written.place((_SECTION, "heartbeat")),
        )
    if settings.workers == "auto" and settings.concurrency > 1:
        raise UsageError(
            "Majordomo and Paranoid Pirate workers take one request at a time; "
            "start more workers, or add --workers plain",
            written.place((_SECTION, "concurrency")),
        )
