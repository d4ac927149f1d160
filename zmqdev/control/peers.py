"""The connections of a device, with their traffic as far as TCP reports it.

libzmq does not say how many messages a peer sent or received, so there are only bytes: messages
with their framing, heartbeats and handshake.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from zmqdev.stats.snapshot import MOST_ADDRESSES
from zmqdev.system.descriptor import duplicate, written
from zmqdev.system.process_info import exchanged, silence


def connections(open_: Mapping[int, str]) -> list[dict[str, Any]]:
    """Return address and traffic of each connection.

    `open_` is {descriptor: address}, as a PeerWatch has it. Only the first thousand are
    looked at, which takes a few microseconds each. Bytes are None where the system does
    not report them: with ipc, or outside Linux.
    """
    return list(_each(itertools.islice(open_.items(), MOST_ADDRESSES)))


def _each(found: Iterator[tuple[int, str]]) -> Iterator[dict[str, Any]]:
    for descriptor, address in found:
        copy = duplicate(descriptor)
        if copy is None:
            continue  # it has just been closed
        with copy:
            counts = exchanged(copy)
            try:
                remote = written(copy.getpeername())
            except OSError:
                continue
            # The descriptor may belong to another connection by now; then that one is
            # reported.
            yield {
                "address": remote or address,
                "sent_bytes": counts[0] if counts else None,
                "received_bytes": counts[1] if counts else None,
                "silent": round(silence(copy.fileno()), 3) if counts else None,
            }
