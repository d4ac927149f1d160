"""Each connection of a device, with its traffic as far as TCP knows it.

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
    """`open_`: descriptor -> address, as a PeerWatch has it. The first thousand are looked at, a
    few microseconds each. Bytes are None where the system does not count them: ipc, or not Linux.
    """
    return list(_each(itertools.islice(open_.items(), MOST_ADDRESSES)))


def _each(found: Iterator[tuple[int, str]]) -> Iterator[dict[str, Any]]:
    for descriptor, address in found:
        copy = duplicate(descriptor)
        if copy is None:
            continue  # it has just ended
        with copy:
            counts = exchanged(copy)
            try:
                remote = written(copy.getpeername())
            except OSError:
                continue
            # The number may be another connection's by now: then that one is what is told of.
            yield {
                "address": remote or address,
                "sent_bytes": counts[0] if counts else None,
                "received_bytes": counts[1] if counts else None,
                "silent": round(silence(copy.fileno()), 3) if counts else None,
            }
