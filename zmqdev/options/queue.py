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
    """The settings of a queue. A map under `reliable` in a file makes it reliable."""

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
        """Whether workers name their service, as those of a reliable queue do."""
        return self.reliable.enabled and self.reliable.workers != "plain"

    @property
    def shares(self) -> bool:
        """Whether clients and workers connect to the same address. For resolved settings."""
        return self.reliable.enabled and not self.backend.bind and not self.backend.connect


_ONE_SOCKET = (
    "clients and workers share the frontend's socket; set it for the frontend, or give the workers "
    "a separate address"
)
# The backend of a reliable queue: ROUTER addresses each worker, DEALER distributes in
# turn.
_BACKENDS = {"auto": "ROUTER", "plain": "DEALER"}


def spec_of(kind: str) -> type[DeviceSpec]:
    """Return the spec class of a device kind."""
    return {"queue": QueueSpec, "streamer": StreamerSpec}.get(kind, DeviceSpec)


def reliable_kind(workers: str) -> DeviceKind:
    """Return the queue's row as it is with `--reliable`."""
    queue = KINDS["queue"]
    backend = SideDefault(_BACKENDS[workers], queue.backend.verb, queue.backend.address)
    return replace(queue, backend=backend, only=True)


def resolve_device(kind: DeviceKind, spec: DeviceSpec, written: Written) -> DeviceSpec:
    """Complete the settings of a device, including those of a reliable queue and of a spool."""
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
    """Whether each peer gets a separate connection to the server."""
    return isinstance(spec, QueueSpec) and spec.keep_ids


def _keeping(kind: DeviceKind, spec: QueueSpec, written: Written) -> DeviceSpec:
    """Complete a queue with keep-ids, whose backend connects to one server with DEALERs."""
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
    """Whether only the frontend has an address to bind, or both sides have the same.

    RFC 7 and 18: in Majordomo clients and workers can use the same socket. Plain
    workers cannot, because their messages do not differ from those of clients.
    """
    front, back = spec.frontend, spec.backend
    if spec.reliable.workers == "plain" or not front.bind or front.connect or back.connect:
        return False
    later = any(address.endswith(CHOSEN_LATER) for address in front.bind)
    return not back.bind or (set(back.bind) == set(front.bind) and not later)


def _joined(spec: QueueSpec, written: Written) -> QueueSpec:
    """Merge the options of workers into the frontend's socket; the backend has no address."""
    front, back = spec.frontend, spec.backend
    for field in fields(Side):
        if field.name not in ("bind", "connect", "type", "sockopts"):
            value = value_of(back, field.name)
            if value not in (value_of(Backend(), field.name), value_of(front, field.name)):
                raise UsageError(_ONE_SOCKET, written.place(f"backend.{field.name}"))
    for name, value in back.sockopts.items():
        if value != front.sockopts.get(name):
            raise UsageError(_ONE_SOCKET, written.place(f"backend.{name}"))
    # As at a backend: a worker that returns with its old id takes over.
    sockopts = {"router_handover": not spec.topic_acl, **front.sockopts}
    shared = {f.name: value_of(front, f.name) for f in fields(Side) if f.name != "type"}
    shared |= {"bind": (), "connect": (), "sockopts": sockopts}
    return replace(
        spec, frontend=replace(front, sockopts=sockopts), backend=replace(back, **shared)
    )


def _switched_on(spec: QueueSpec, written: Written) -> QueueSpec:
    """Enable `reliable` if a file has a map for it; a flag or variable alone does not."""
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
    # Compare with defaults: a file from --print-config has every key, at its default.
    database = settings.store is not None and is_url(settings.store)
    default = Reliable()
    if settings.lease != default.lease and not database:
        why = "only with a database as --store: a file has one queue; leave it out"
        raise UsageError(why, written.place((_SECTION, "lease")))
    if settings.store_size != default.store_size and database:
        why = "only with a file as --store: a database has the room of its disk; leave it out"
        raise UsageError(why, written.place((_SECTION, "store-size")))
