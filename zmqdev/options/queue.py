"""The settings of a queue, plain or reliable."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from zmqdev.errors import UsageError
from zmqdev.options.device import CHOSEN_LATER, DeviceSpec
from zmqdev.options.device_check import resolve
from zmqdev.options.kind import KINDS, DeviceKind, SideDefault
from zmqdev.options.layer import Written
from zmqdev.options.option import option, options_of, section, value_of
from zmqdev.options.reliable import Reliable, check_service
from zmqdev.options.routes_table import is_routed
from zmqdev.options.side import Backend, Side
from zmqdev.options.store_url import is_url
from zmqdev.options.streamer import StreamerSpec, check_spool
from zmqdev.options.types import Flag

_SECTION = "reliable"


@dataclass(frozen=True)
class QueueSpec(DeviceSpec):
    """A queue. A file that has a map under `reliable` means a reliable one."""

    reliable: Reliable = section(
        Reliable, help="Keep each request until it is answered.", shorthand="enabled"
    )
    keep_ids: bool = option(
        Flag(),
        default=False,
        help="For a server that is a ROUTER: give each peer a separate connection to it, with the "
        "peer's routing id; limits.connections is their maximum.",
        group="Sides",
    )

    @property
    def names_services(self) -> bool:
        return self.reliable.enabled and self.reliable.workers != "plain"

    @property
    def shares(self) -> bool:
        """Resolved: whether clients and workers come to one address, the frontend's."""
        return self.reliable.enabled and not self.backend.bind and not self.backend.connect


_ONE_SOCKET = (
    "clients and workers share the frontend's socket; set it for the frontend, or give the workers "
    "a separate address"
)
# What stands behind a reliable queue: a ROUTER addresses each worker, a DEALER shares out blindly.
_BACKENDS = {"auto": "ROUTER", "plain": "DEALER"}


def spec_of(kind: str) -> type[DeviceSpec]:
    """The spec class of a device kind."""
    return {"queue": QueueSpec, "streamer": StreamerSpec}.get(kind, DeviceSpec)


def reliable_kind(workers: str) -> DeviceKind:
    """The queue's row, as it is with `--reliable`."""
    queue = KINDS["queue"]
    backend = SideDefault(_BACKENDS[workers], queue.backend.verb, queue.backend.address)
    return replace(queue, backend=backend, only=True)


def resolve_device(kind: DeviceKind, spec: DeviceSpec, written: Written) -> DeviceSpec:
    """`device.resolve`, and what a reliable queue has beside it."""
    if not isinstance(spec, QueueSpec):
        made = resolve(kind, spec, written)
        if isinstance(made, StreamerSpec):
            check_spool(made, written)
        return made
    spec = _switched_on(spec, written)
    if spec.keep_ids:
        return _keeping(kind, spec, written)
    if not spec.reliable.enabled:
        return resolve(kind, spec, written)
    _check(spec.reliable, written)
    reliable = reliable_kind(spec.reliable.workers)
    if not _shares(spec):
        return resolve(reliable, spec, written)
    no_address = replace(reliable.backend, verb="", address="")
    return resolve(replace(reliable, backend=no_address), _joined(spec, written), written)


def keeps_ids(spec: DeviceSpec) -> bool:
    """Whether each peer has a connection to the server of its own."""
    return isinstance(spec, QueueSpec) and spec.keep_ids


def _keeping(kind: DeviceKind, spec: QueueSpec, written: Written) -> DeviceSpec:
    """The backend connects, to one server, from DEALERs."""
    if spec.reliable.enabled:
        raise UsageError(
            "keep-ids: a reliable queue sends requests to workers under ids of its own; leave "
            "keep-ids out, or reliable",
            written.place("keep-ids", (_SECTION, "enabled")),
        )
    if spec.backend.bind:
        raise UsageError(
            "keep-ids: the backend connects to the server; write --backend-connect ADDRESS, or "
            "backend: {connect: ADDRESS}",
            written.place("backend.bind", "keep-ids"),
        )
    server = replace(kind.backend, verb="connect")
    filled = resolve(replace(kind, backend=server), spec, written)
    _check_keeping(filled, written)
    return filled


def _check_keeping(spec: DeviceSpec, written: Written) -> None:
    if spec.backends or is_routed(spec):
        raise UsageError(
            "keep-ids: there is one server; leave routes and more backends out",
            written.place("keep-ids", "backends", "routes"),
        )
    types = (spec.frontend.type, spec.backend.type)
    if types != ("ROUTER", "DEALER"):
        raise UsageError(
            "keep-ids: needs a ROUTER frontend and a DEALER backend, not {} and {}".format(*types),
            written.place("frontend.type", "backend.type"),
        )
    if len(spec.backend.connect) > 1:
        raise UsageError(
            "keep-ids: there is one server; connect to one address",
            written.place("backend.connect"),
        )
    if "routing_id" in spec.backend.sockopts:
        raise UsageError(
            "keep-ids: each connection has the routing id of its peer; leave routing_id out",
            written.place("backend.routing_id", "backend.identity"),
        )


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
            value = value_of(back, field.name)
            if value not in (value_of(Backend(), field.name), value_of(front, field.name)):
                raise UsageError(_ONE_SOCKET, written.place(f"backend.{field.name}"))
    for name, value in back.sockopts.items():
        if value != front.sockopts.get(name):
            raise UsageError(_ONE_SOCKET, written.place(f"backend.{name}"))
    # As at a backend: a worker that comes back under its old id takes over.
    sockopts = {"router_handover": not spec.topic_acl, **front.sockopts}
    shared = {f.name: value_of(front, f.name) for f in fields(Side) if f.name != "type"}
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
            raise UsageError("only with --reliable", place)
        return replace(spec, reliable=replace(spec.reliable, enabled=True))
    return spec


def _check(settings: Reliable, written: Written) -> None:
    check_service(settings.service, written.place((_SECTION, "service")) or "service")
    if settings.workers == "plain" and settings.heartbeat:
        raise UsageError(
            "plain workers send no heartbeats; leave it out (--busy-timeout limits how "
            "long a worker may take), or leave out --workers plain",
            written.place((_SECTION, "heartbeat")),
        )
    _check_store(settings, written)
    if settings.workers == "auto" and settings.concurrency > 1:
        raise UsageError(
            "Majordomo and Paranoid Pirate workers take one request at a time; "
            "start more workers, or add --workers plain",
            written.place((_SECTION, "concurrency")),
        )


def _check_store(settings: Reliable, written: Written) -> None:
    # Not "was written": a file from --print-config has all keys, at their defaults.
    database = settings.store is not None and is_url(settings.store)
    default = Reliable()
    if settings.lease != default.lease and not database:
        why = "only with a database as --store: a file has one queue; leave it out"
        raise UsageError(why, written.place((_SECTION, "lease")))
    if settings.store_size != default.store_size and database:
        why = "only with a file as --store: a database has the room of its disk; leave it out"
        raise UsageError(why, written.place((_SECTION, "store-size")))
