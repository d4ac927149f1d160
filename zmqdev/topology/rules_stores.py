"""Rules about the stores of reliable queues and the spools of streamers."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from zmqdev.options.endpoint import ClientSpec
from zmqdev.options.part import Part
from zmqdev.options.store_url import is_url, secret_of
from zmqdev.options.streamer import StreamerSpec
from zmqdev.system.mounts import file_system_of, is_network, is_volatile
from zmqdev.topology.finding import ERROR, WARNING, Rule
from zmqdev.topology.links import Plan

Found = Iterator[tuple[Part, str, str]]
_STORE, _SPOOL = "reliable.store", "spool"


def _files(plan: Plan) -> Iterator[tuple[Part, str, str]]:
    """Yield each part with a store or spool file, the option that names it, and the file."""
    for part in plan.topology.parts:
        store = part.keeping.reliable.store if part.keeping is not None else None
        if store and not is_url(store):
            yield part, _STORE, store
        elif isinstance(part.spec, StreamerSpec) and part.spec.spool:
            yield part, _SPOOL, part.spec.spool


def _one_store(plan: Plan) -> Found:
    first: dict[str, Part] = {}
    for part, key, path in _files(plan):
        other = first.setdefault(os.path.realpath(path), part)
        if other is not part:
            yield part, part.at(key), f"{part.name} and {other.name} have one file, {path}"


def _store_place(plan: Plan) -> Found:
    for part, key, path in _files(plan):
        kind = file_system_of(path)
        if is_volatile(kind):
            yield part, part.at(key), f"{part.name}: {path} is in memory ({kind})"
        elif is_network(kind):
            yield part, part.at(key), f"{part.name}: {path} is on a network file system ({kind})"


def _posts_nowhere(plan: Plan) -> Found:
    """Find clients that post to a queue without a store, which keeps no ids."""
    for port in plan.ports:
        client = port.part.spec
        if not isinstance(client, ClientSpec) or not (client.post or client.collect):
            continue
        for peer in plan.peers(port):
            queue = peer.part.keeping
            if queue is not None and not queue.reliable.store:
                name = peer.part.name
                text = f"{port.part.name} posts to {name}, which has no store and refuses that"
                yield port.part, port.part.at("post", "collect"), text


def _open_passwords(plan: Plan) -> Found:
    """Written out in a file that others can read."""
    for part in plan.topology.parts:
        store = part.keeping.reliable.store if part.keeping is not None else None
        secret = secret_of(store) if store else ""
        for file in plan.topology.files if secret else ():
            if _others_read(file) and secret in Path(file).read_text(errors="replace"):
                text = f"{part.name}: others can read {file}, and the password of its store in it"
                yield part, part.at(_STORE), text


def _others_read(file: str) -> bool:
    try:
        mode = os.stat(file).st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & (stat.S_IRGRP | stat.S_IROTH))


RULES = (
    Rule(
        "one-store",
        ERROR,
        "Two parts have the same store or spool.",
        "give each its own file",
        _one_store,
    ),
    Rule(
        "store-place",
        WARNING,
        "A store or spool is in memory, or on a network file system.",
        "name a file on a local disk",
        _store_place,
    ),
    Rule(
        "post-store",
        WARNING,
        "A client posts or collects at a queue without a store.",
        "name a store for the queue, or leave post and collect out",
        _posts_nowhere,
    ),
    Rule(
        "store-password",
        WARNING,
        "A file that others can read has the password of a store.",
        "write ${NAME} and set that variable, use ~/.pgpass, or give the file mode 0600",
        _open_passwords,
    ),
)
