"""One run: start the target, its senders and receivers, and collect what they measured."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from zmqdev.stats.latency import Latency
from zmqdev.tools.bench import samples
from zmqdev.tools.bench.case import Case
from zmqdev.tools.bench.cost import Cost, Meter, cost_of
from zmqdev.tools.bench.party.crew import Crew, CrewMember, ask, crew
from zmqdev.tools.bench.party.messages import Opened, Order, ReceivedCount, Sent
from zmqdev.tools.bench.party.party import COUNT, END, GO
from zmqdev.tools.bench.report import Run
from zmqdev.tools.bench.targets import Between, RunningTarget, started

ANYWHERE = ("tcp://127.0.0.1:*",)
# A message that has not arrived this long after the last progress counts as lost.
QUIET = 1.0
# A pubsub party must not drop messages itself. More than two windows have to fit,
# because a pipe learns what its reader took only once per half of its high-water mark.
PUBSUB_HWM, WINDOWS = 10_000, 3


@dataclass(frozen=True)
class RoundOutcome:
    """What the parties report after a run, and the cost of the device before and after."""

    sent: tuple[Sent, ...]
    received: tuple[ReceivedCount, ...]
    before: Cost
    after: Cost
    others: float | None


def once(case: Case, row: Between, round_: int, place: Path, target: RunningTarget | None) -> Run:
    """Run a case once. `place` is an empty directory for the files of the run."""
    with started(row, case, place, target) as running, crew() as made:
        senders, receivers = gather(made, case, row, running)
        if running is not None and running.control is not None:
            ask_on(made, case, running.control)
        outcome = play(case, senders, receivers, running, meter_of(made, running))
    return result(case, row, round_, outcome)


def gather(
    made: Crew, case: Case, row: Between, running: RunningTarget | None
) -> tuple[list[CrewMember], list[CrewMember]]:
    """Start and connect all parties.

    Receivers start first: with nothing in between, senders connect to their addresses.
    """
    receivers, opened = made.start(list(receiver_orders(case, running)))
    senders, _ = made.start(list(sender_orders(case, row, running, opened)))
    made.meet([*receivers, *senders])
    return senders, receivers


def ask_on(made: Crew, case: Case, control: str) -> None:
    """Start a party that asks the device for its status until the run is over."""
    (member,), _ = made.start([Order("asker", case, "connect", (control,))])
    made.meet([member])
    member.tell(GO)


def receiver_orders(case: Case, running: RunningTarget | None) -> list[Order]:
    """Return an order for each receiver of the case."""
    return [
        Order(
            role=case.kind.receiver,
            case=case,
            verb="bind" if running is None else "connect",
            addresses=ANYWHERE if running is None else running.backends,
            peers=case.senders if running is None else len(running.backends),
            number=number,
            direct=running is None,
            hwm=party_hwm(case),
            majordomo=running is not None and running.majordomo,
        )
        for number in range(case.receivers)
    ]


def sender_orders(
    case: Case, row: Between, running: RunningTarget | None, receivers: Sequence[Opened]
) -> list[Order]:
    """Return an order for each sender of the case."""
    if running is None:
        addresses = tuple(address for opened in receivers for address in opened.addresses)
    else:
        addresses = (running.frontend,)
    return [
        Order(
            role=case.kind.sender,
            case=case,
            verb="bind" if running is not None and running.senders_bind else "connect",
            addresses=addresses,
            peers=case.receivers if running is None else 1,
            pressed=row.pressed,
            majordomo=running is not None and running.majordomo,
            credits=tuple(address for opened in receivers for address in opened.credit),
            hwm=party_hwm(case),
        )
        for _ in range(case.senders)
    ]


def party_hwm(case: Case) -> int | None:
    """Return the high-water mark of the parties; None leaves libzmq's default."""
    return max(PUBSUB_HWM, WINDOWS * case.window) if case.load == "pubsub" else None


def play(
    case: Case,
    senders: list[CrewMember],
    receivers: list[CrewMember],
    running: RunningTarget | None,
    meter: Meter | None,
) -> RoundOutcome:
    """Start all parties at once, wait for the senders, then for what is still on its way."""
    before = cost_between(running, case)
    for member in (*receivers, *senders):
        member.tell(GO)
    patience = case.time + 30.0 if case.count is None else 300.0
    sent = tuple(member.hear(patience) for member in senders)
    if case.kind.receiver != "worker":
        settle(receivers, expected(case, sent))
    received = tuple(ask(receivers, END))
    after = cost_between(running, case)
    return RoundOutcome(sent, received, before, after, meter.share() if meter else None)


def cost_between(running: RunningTarget | None, case: Case) -> Cost:
    """Measure the device now; nothing where there is none or its process is unknown."""
    if running is None or not running.pid:
        return Cost(None, None)
    return cost_of(running.pid, threads=case.load == "route")


def meter_of(made: Crew, running: RunningTarget | None) -> Meter | None:
    """Return a meter; None when the process of the device is unknown and would count as another."""
    if running is None:
        return Meter(made.pids)
    return None if running.pid is None else Meter([*made.pids, running.pid])


def expected(case: Case, sent: Sequence[Sent]) -> int:
    """Return how many messages all receivers get together when nothing is lost."""
    copies = case.receivers if case.load == "pubsub" else 1
    return copies * sum(done.messages for done in sent)


def settle(receivers: list[CrewMember], whole: int) -> None:
    """Wait until everything has arrived or no more messages come."""
    came, since = -1, time.monotonic()
    while came < whole and time.monotonic() - since < QUIET:
        now = sum(ask(receivers, COUNT))
        if now > came:
            came, since = now, time.monotonic()
        elif came < whole:
            time.sleep(0.01)


def result(case: Case, row: Between, round_: int, outcome: RoundOutcome) -> Run:
    """Turn what the parties reported into a Run."""
    asks = case.load == "request"
    if row.name == "blocked":
        return blocked(row, round_, outcome)
    whole = expected(case, outcome.sent)
    if asks:
        came = sum(done.answered for done in outcome.sent)
    else:
        came = sum(done.messages for done in outcome.received)
    times = merged(done.times for done in (outcome.sent if asks else outcome.received))
    breaks = [done.breaks for done in outcome.received if done.breaks is not None]
    late = merged(done.late for done in outcome.sent)
    windows = [done.window for done in outcome.received if done.window is not None]
    return Run(
        between=row.name,
        round=round_,
        rate=rate_of(case, outcome),
        p50=times.summary().p50,
        p99=times.summary().p99,
        p999=times.summary().p999,
        cpu=cpu_per_message(outcome, came),
        loop=per_message(outcome.before.loop, outcome.after.loop, came),
        resident=outcome.after.resident,
        idle=outcome.before.resident,
        sent=whole,
        received=came,
        breaks=sum(breaks) if breaks else None,
        stalls=sum(done.stalls for done in outcome.sent),
        window=min(windows) if windows and not row.pressed else None,
        late=late.summary().p50,
        others=outcome.others,
    )


def rate_of(case: Case, outcome: RoundOutcome) -> float:
    """Return messages a second.

    For requests these are the answers in time; for pubsub the average of a receiver;
    otherwise what all receivers got together.
    """
    start = min(done.first for done in outcome.sent)
    end = max(done.last for done in outcome.sent)
    if case.load == "request":
        return sum(done.in_time for done in outcome.sent) / (end - start)
    together = samples.rate([done.marks for done in outcome.received], start, end)
    return together / case.receivers if case.load == "pubsub" else together


def cpu_per_message(outcome: RoundOutcome, came: int) -> float | None:
    """Return the device's CPU seconds per message; a request counts both its directions."""
    return per_message(outcome.before.cpu, outcome.after.cpu, came)


def per_message(before: float | None, after: float | None, came: int) -> float | None:
    """Divide a difference of CPU times by the messages; None where either is unknown."""
    return None if before is None or after is None or not came else (after - before) / came


def blocked(row: Between, round_: int, outcome: RoundOutcome) -> Run:
    """Return the run of a blocked device: nothing moves, so its CPU use is measured instead."""
    start = min(done.first for done in outcome.sent)
    end = max(done.last for done in outcome.sent)
    before, after = outcome.before.cpu, outcome.after.cpu
    busy = None if before is None or after is None else (after - before) / (end - start)
    return Run(row.name, round_, busy=busy, others=outcome.others)


def merged(times: Iterable[Latency]) -> Latency:
    """Add up latency measurements."""
    whole = Latency()
    for some in times:
        whole.merge(some)
    return whole
