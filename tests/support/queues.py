"""`make bench-queues`: queues that flush before they acknowledge, on this machine in one run.

    python -m support.queues DIRECTORY [SECONDS [ROUNDS]]

A client posts jobs of 64 bytes, so many open at a time, and a worker does them: posted, called
kept, taken, done, all over loopback. Each queue is measured for SECONDS at each number of open
jobs, in turn, ROUNDS times; the table has the medians. Servers as in `queue_servers`, those that
are not here are left out, and named.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from support.queue_clients import Client
from support.queue_servers import SERVERS, Missing, Server, site

OPEN = (1, 10, 100, 1000)
# The share of the time that is not counted: connections, first pages.
WARM = 0.25
LONGEST = 30.0


@dataclass
class Rates:
    """Of one queue: jobs a second, and processor time of a job, by the jobs that are open."""

    jobs: dict[int, list[float]] = field(default_factory=lambda: {open: [] for open in OPEN})
    cpu: dict[int, list[float]] = field(default_factory=lambda: {open: [] for open in OPEN})


def measure(server: Server, open: int, seconds: float) -> tuple[float, float]:
    """(jobs a second, seconds of the server's processor time a job)."""
    client = server.client(open)
    try:
        posted = _work(client, open, 0, time.monotonic() + seconds * WARM)
        done, cpu, began = client.done, server.cpu(), time.monotonic()
        posted = _work(client, open, posted, began + seconds)
        took, count = time.monotonic() - began, client.done - done
        cost = (server.cpu() - cpu) / max(1, count)
        _finish(client, posted)
    finally:
        client.close()
    return count / took, cost


def _work(client: Client, open: int, posted: int, until: float) -> int:
    while time.monotonic() < until:
        room = open - posted + min(client.kept, client.done)
        if room > 0:
            client.post(room)
            posted += room
        client.turn(0.1)
    return posted


def _finish(client: Client, posted: int) -> None:
    """Nothing is left behind for the next round; and nothing was lost."""
    end = time.monotonic() + LONGEST
    while min(client.kept, client.done) < posted:
        assert time.monotonic() < end, f"{posted} posted, {client.kept} kept, {client.done} done"
        client.turn(0.1)
    assert client.done == client.kept == posted, f"{posted}, {client.kept}, {client.done}"


def run(place: Path, seconds: float, rounds: int) -> dict[str, Rates]:
    found: dict[str, Rates] = {}
    with site(place) as here:
        servers: dict[str, Server] = {}
        for name, start in SERVERS.items():
            try:
                servers[name] = start(here)
            except Missing as why:
                print(f"left out: {name}: {why}", flush=True)
        for number in range(rounds):
            for open in OPEN:
                for name, server in servers.items():
                    jobs, cpu = measure(server, open, seconds)
                    rates = found.setdefault(name, Rates())
                    rates.jobs[open].append(jobs)
                    rates.cpu[open].append(cpu)
                    print(
                        f"round {number + 1}, {open} open: {name}: {jobs:,.0f} jobs/s, "
                        f"{cpu * 1e6:.0f} µs of CPU a job",
                        flush=True,
                    )
    return found


def table(found: dict[str, Rates]) -> str:
    lines = ["| jobs a second | 1 open | 10 | 100 | 1,000 | CPU a job at 100 |"]
    lines.append("|" + "---|" * (len(OPEN) + 2))
    for name, rates in found.items():
        cells = [f"{median(rates.jobs[open]):,.0f}" for open in OPEN]
        cells.append(f"{median(rates.cpu[100]) * 1e6:.0f} µs")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    place = Path(sys.argv[1]).resolve()
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 3.0
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    made = table(run(place, seconds, rounds))
    (place / "table.md").write_text(made + "\n")
    print(f"\n{made}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
