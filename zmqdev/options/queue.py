"""A queue as it was asked for, plain or reliable."""

from __future__ import annotations

from dataclasses import dataclass, replace

from zmqdev.errors import UsageError
from zmqdev.options.device import DeviceSpec, resolve
from zmqdev.options.kind import KINDS, DeviceKind, SideDefault
from zmqdev.options.layer import Written
from zmqdev.options.option import options_of, section
from zmqdev.options.reliable import Reliable, check_service

_SECTION = "reliable"


@dataclass(frozen=True)
class QueueSpec(DeviceSpec):
    """A queue. A file that has a map under `reliable` means a reliable one."""

    reliable: Reliable = section(
        Reliable, help="Keep each request until it is answered.", shorthand="enabled"
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
    return resolve(reliable_kind(spec.reliable.workers), spec, written)


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
