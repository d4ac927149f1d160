"""Checks and completion of the settings of a reliable worker or client."""

from __future__ import annotations

from zmqdev.errors import UsageError
from zmqdev.options.endpoint import ClientSpec, WorkerSpec
from zmqdev.options.endpoint_groups import Endpoint
from zmqdev.options.layer import Written
from zmqdev.options.reliable import DEFAULT_SERVICE, check_service
from zmqdev.options.reliable_peers import (
    FOREVER,
    KEPT_WINDOW,
    MOST_CONNECTIONS,
    RETRIES,
    STRICT_WINDOW,
)


def asks(spec: ClientSpec) -> bool:
    """Whether a client asks the queue if it accepts ids, which only Majordomo allows."""
    can = spec.reliable and spec.protocol in ("mdp-0.1", "mdp-0.2") and not spec.bind
    return spec.id == "auto" and can and not keeps(spec)


def keeps(spec: ClientSpec) -> bool:
    """Whether a client posts requests to a queue with a store, or collects replies."""
    return spec.reliable and (spec.post or spec.collect)


def has_ids(spec: ClientSpec) -> bool:
    """Whether a client puts ids on all its requests from the first one on.

    A client that binds cannot renew a connection, so it needs them.
    """
    if spec.id != "auto" or spec.bind or keeps(spec):
        return bool(spec.id == "on" or spec.bind or keeps(spec))
    return bool(not asks(spec) and spec.window > STRICT_WINDOW)


def _of_reliable(spec: ClientSpec | WorkerSpec) -> dict[str, bool]:
    """Return {name: whether an option of the reliable queue differs from its default}.

    It does not ask whether it was written: a file from --print-config has every key.
    """
    own = type(spec)
    found = {
        "protocol": spec.protocol != own.protocol,
        "service": spec.service != own.service,
    }
    if isinstance(spec, ClientSpec):
        return found | {"post": spec.post, "collect": spec.collect}
    return found | {"heartbeat": spec.heartbeat != WorkerSpec.heartbeat}


def check(spec: Endpoint, written: Written) -> None:
    """Raise UsageError for contradictions."""
    if not isinstance(spec, (ClientSpec, WorkerSpec)):
        return
    if isinstance(spec, ClientSpec):
        _check_id(spec, written)
    if not spec.reliable:
        for name, differs in _of_reliable(spec).items():
            if differs:
                raise UsageError("only with --reliable", _at(name, written))
        return
    if isinstance(spec, ClientSpec) and spec.replies != 1:
        raise UsageError("a reliable queue sends one reply; leave it out", _at("replies", written))
    if isinstance(spec, WorkerSpec):
        _check_worker(spec, written)
    check_service(spec.service, _at("service", written))
    if spec.protocol in ("ppp", "ppp-text", "plain") and spec.service != DEFAULT_SERVICE:
        raise UsageError(
            f"{spec.protocol} has no service names; leave it out, or use mdp-0.1",
            _at("service", written),
        )


def _check_id(spec: ClientSpec, written: Written) -> None:
    if spec.post and spec.collect:
        raise UsageError(
            "post and collect cannot be given together; collect with the ids that post prints",
            _at("collect", written),
        )
    if keeps(spec) and spec.id == "off":
        raise UsageError("a kept request needs an id; leave it out", _at("id", written))
    if spec.id != "off":
        return
    if spec.bind:
        raise UsageError(
            "a client that binds needs ids; connect, or leave it out", _at("id", written)
        )
    if spec.window > MOST_CONNECTIONS:
        raise UsageError(
            f"without ids each request in flight has a connection, and {MOST_CONNECTIONS} is the "
            "limit; use a smaller --window, or --id on",
            _at("id", written),
        )


def _check_worker(spec: WorkerSpec, written: Written) -> None:
    # Checked first, because the default type depends on it.
    if spec.bind or not spec.connect:
        raise UsageError("a reliable worker connects to its queues", written.place("bind"))
    if spec.type not in (None, "DEALER"):
        raise UsageError("a reliable worker is a DEALER", _at("type", written))


def _at(name: str, written: Written) -> str:
    return written.place((name,)) or name


def retries_of(spec: ClientSpec, written: Written) -> int:
    """Return how often a client sends a request again."""
    if not spec.reliable or ("retries",) in written.places:
        return spec.retries
    return FOREVER if spec.collect else RETRIES


def window_of(spec: ClientSpec, written: Written) -> int:
    """Return the requests in flight; posts wait for the disk, so many are sent at a time."""
    unsaid = ("window",) not in written.places
    return KEPT_WINDOW if keeps(spec) and unsaid else spec.window
