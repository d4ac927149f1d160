"""Long runs: `make soak`."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path

import pytest
from support.load import Load
from support.processes import Start, until
from support.reliable import Queue, own_worker

from zmqdev.wire.dialect import DIALECTS, REQ

# A REQ worker has no heartbeats; ours speaks the others.
PROTOCOLS = [name for name in DIALECTS if name != REQ.name]
SECONDS = float(os.environ.get("SOAK", "600"))
EVERY = 2.0
# After the first part of the run all pools and caches have their size.
WARM = 0.2
# Growth allowed from then on: pages that come and go with the moment, no leak of a request's size.
GROWTH = 4 << 20
# Parts of the run at which the size is told.
MARKS = (0.0, 0.1, 0.5, 1.0)


def resident(process: int) -> int:
    """Bytes."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.soak
@pytest.mark.timeout(SECONDS + 300)
def test_memory_is_flat_under_load_with_kills(start: Start) -> None:
    """The workers speak each protocol in turn."""
    queue = Queue(start)
    works = (("--delay", "10ms", "--protocol", protocol) for protocol in itertools.cycle(PROTOCOLS))
    crew = [own_worker(start, queue, *next(works)) for _ in range(4)]
    queue.settle(4)
    sizes: list[int] = []
    end = time.monotonic() + SECONDS
    with Load(queue.frontend, clients=2, window=5) as load:
        while time.monotonic() < end:
            time.sleep(EVERY)
            crew.pop(0).process.kill()
            crew.append(own_worker(start, queue, *next(works)))
            queue.settle(4)
            sizes.append(resident(queue.program.process.pid))
    assert load.lost == load.duplicated == load.unexpected == set()
    until(queue.is_empty, "the ledger is empty")
    warm = sizes[int(len(sizes) * WARM) :]
    third = len(warm) // 3
    before, after = (sum(part) / len(part) for part in (warm[:third], warm[-third:]))
    print(f"{load.answered} requests, {len(sizes)} kills, {before:.0f} to {after:.0f} bytes")
    for part in MARKS:
        size = sizes[round(part * (len(sizes) - 1))]
        print(f"after {part * SECONDS:.0f} s: {size / (1 << 20):.1f} MiB")
    assert load.answered > SECONDS * 20
    assert queue.count("redispatched") > 0
    assert after - before < GROWTH
