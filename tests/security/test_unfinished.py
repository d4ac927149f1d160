"""Messages without end: who sends one is found, and nobody else ever is."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from zmqdev.security.unfinished import (
    CHATTER,
    SLACK,
    WORTH,
    Floods,
    Progress,
    Unfinished,
    wire_size,
)

LARGEST = 10_000
QUEUE = 5


def test_what_a_message_takes_on_the_wire() -> None:
    assert wire_size(0, 10) == 0
    assert 1000 + 10 * 50 < wire_size(1000, 10) < 100_000
    assert wire_size(1 << 20, 0) > 8 << 20, "any number of frames: the small ones cost most"


@dataclass
class Peer:
    """Sends messages of `size` bytes, or one without end."""

    size: int = 0
    taken: int = 0
    begun: int = 0
    queue: int = 0
    seen: bool = False

    def send(self, amount: int) -> None:
        """libzmq takes so much of it, and no more once its queue is full."""
        while amount and self.queue < QUEUE:
            step = min(amount, self.size - self.begun) if self.size else amount
            self.taken += step
            self.begun += step
            amount -= step
            if self.begun == self.size:
                self.queue += 1
                self.begun = 0


@dataclass
class World:
    """A device with peers; served one by one, a message each."""

    peers: list[Peer]
    accounts: Unfinished[int] = field(default_factory=lambda: Unfinished(LARGEST, QUEUE))
    turns: int = 0
    messages: int = 0
    blocked: int = 0
    now: float = 0.0
    order: deque[int] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.order.extend(range(len(self.peers)))

    def turn(self, most: int) -> None:
        self.turns += 1
        for _ in range(most):
            ready = next((n for n in self.order if self.peers[n].queue), None)
            if ready is None:
                return
            self.order.rotate(-self.order.index(ready) - 1)
            self.peers[ready].queue -= 1
            self.peers[ready].seen = True
            self.messages += 1

    def look(
        self, tight: bool = False, paused: bool = False, share: int | None = None
    ) -> list[int]:
        taken = {number: peer.taken for number, peer in enumerate(self.peers)}
        progress = None if paused else Progress(self.turns, self.messages, self.blocked)
        return self.accounts.look(taken, self._seen, progress, self.now, tight, share)

    def _seen(self, number: int) -> bool:
        peer = self.peers[number]
        came, peer.seen = peer.seen and self.accounts.suspects, False
        return came


def played(world: World, sent: int, steps: int, *, each_turn: int = 5) -> list[int]:
    """So many looks, with turns between them; who was cut."""
    cut = []
    for _ in range(steps):
        for peer in world.peers:
            peer.send(sent)
        world.now += 0.05
        for _ in range(4):
            world.turn(each_turn)
        cut += world.look()
    return cut


def test_a_message_without_end_is_found_after_two_times_the_limit() -> None:
    world = World([Peer(), Peer(size=100)])
    assert played(world, LARGEST // 10, 20) == []
    assert world.accounts.suspects
    assert played(world, LARGEST // 10, 20) == [0], "once"
    assert world.peers[0].taken < 5 * LARGEST


def test_nobody_is_suspect_who_sends_less_than_a_message_may_have() -> None:
    world = World([Peer(), Peer()])
    played(world, LARGEST // 10, 9)
    assert not world.accounts.suspects


def test_heartbeats_are_no_message() -> None:
    world = World([Peer()])
    for _ in range(1000):
        world.peers[0].taken += CHATTER
        world.now += 1.0
        world.turn(1)
        assert world.look() == []
    assert not world.accounts.suspects


def test_a_device_that_reads_nothing_accuses_nobody() -> None:
    world = World([Peer(size=LARGEST)])
    for _ in range(50):
        world.peers[0].send(LARGEST)
        world.now += 1.0
        assert world.look(paused=True) == []
    assert world.peers[0].queue == QUEUE, "it waits at its high-water mark"


def test_more_than_a_full_queue_can_hold_is_no_queue() -> None:
    world = World([Peer()])
    cut = []
    for _ in range(2 * QUEUE):
        world.peers[0].send(LARGEST)
        world.blocked += 1
        world.now += 0.1
        cut += world.look()
    assert cut == [0]


def test_without_a_high_water_mark_a_blocked_queue_may_hold_anything() -> None:
    world = World([Peer()], Unfinished(LARGEST, 0))
    for _ in range(100):
        world.peers[0].send(LARGEST)
        world.blocked += 1
        world.now += 0.1
        assert world.look() == []


def test_where_the_way_on_is_never_quite_free_messages_of_others_tell() -> None:
    world = World([Peer(), Peer(size=100)])
    cut = []
    for _ in range(100):
        for peer in world.peers:
            peer.send(LARGEST // 10)
        world.now += 0.05
        world.turn(3)
        world.blocked += 1
        cut += world.look()
    assert cut == [0]


def looked_at(
    sizes: list[int], progress: list[Progress], queue: int = 1000, others: int = 0
) -> list[int]:
    """One connection with these sizes, a second apart, none of whose messages was seen."""
    accounts: Unfinished[int] = Unfinished(LARGEST, queue, chatter=0)
    rest = {-number: 0 for number in range(1, others + 1)}
    cut = []
    for now, (size, how_far) in enumerate(zip(sizes, progress, strict=True)):
        cut += accounts.look({7: size, **rest}, lambda key: False, how_far, float(now))
    return cut


def test_what_was_read_last_may_still_be_on_its_way_through() -> None:
    """As a large frame is that has to be decrypted: nothing is read from there meanwhile."""
    sizes = [LARGEST + 1, 2 * LARGEST + 2, *[2 * LARGEST + 3] * 20]
    idle = [Progress(turns * 100, 0) for turns in range(len(sizes))]
    assert looked_at(sizes[:2] + [sizes[1]] * 20, idle) == []
    assert looked_at(sizes, idle) == [7], "it is read on"


def test_no_turn_comes_while_the_way_on_is_blocked() -> None:
    sizes = [LARGEST * number for number in range(1, 60)]
    blocked = [Progress(turns * 100, 0, turns) for turns in range(len(sizes))]
    assert looked_at(sizes, blocked) == []
    free = [Progress(turns * 100, 0, min(turns, 20)) for turns in range(len(sizes))]
    assert looked_at(sizes, free) == [7], "then it is free"


def test_every_other_connection_may_have_its_turn_before() -> None:
    sizes = [LARGEST * number for number in range(1, 20)]
    busy = [Progress(turns, 50 * turns, turns) for turns in range(len(sizes))]
    assert looked_at(sizes, busy, others=500) == []
    free = [Progress(10 * turns, 50 * turns) for turns in range(len(sizes))]
    assert looked_at(sizes, free, others=500) == [], "it is never without something to move"
    assert looked_at(sizes, busy, others=50) == [7]


def test_when_memory_is_short_the_longest_goes_first() -> None:
    world = World([Peer(), Peer(), Peer(size=100)], Unfinished(1 << 40, QUEUE))
    cut = []
    for _ in range(30):
        world.peers[0].send(WORTH // 2)
        world.peers[1].send(WORTH)
        world.peers[2].send(WORTH)
        world.now += 0.1
        for _ in range(5):
            world.turn(5)
        cut += world.look(tight=True)
    assert cut == [1, 0]


def test_when_memory_is_short_all_above_their_share_go_at_once() -> None:
    """One at a time, thirty of them would be gone long after the memory is."""
    crowd = [Peer() for _ in range(30)]
    world = World([*crowd, Peer(), Peer(size=100)], Unfinished(1 << 40, QUEUE))
    rounds = []
    for _ in range(30):
        for peer in crowd:
            peer.send(WORTH)
        world.peers[30].send(WORTH // 8)
        world.peers[31].send(WORTH)
        world.now += 0.1
        for _ in range(5):
            world.turn(5)
        rounds.append(world.look(tight=True, share=3 * WORTH))
    assert max(rounds, key=len) == list(range(30))
    cut = sorted(key for found in rounds for key in found)
    assert cut in (list(range(30)), list(range(31)))


def test_a_descriptor_that_is_used_again_begins_anew() -> None:
    accounts: Unfinished[int] = Unfinished(LARGEST, QUEUE)
    progress = Progress(0, 0)
    accounts.look({7: LARGEST * 2}, lambda key: False, progress, 0.0)
    assert accounts.suspects
    accounts.look({}, lambda key: False, progress, 0.1)
    accounts.look({7: 100}, lambda key: False, progress, 0.2)
    assert not accounts.suspects


def test_cleared_accounts_begin_anew() -> None:
    world = World([Peer()])
    played(world, LARGEST // 2, 4)
    assert world.accounts.suspects
    world.accounts.clear()
    assert not world.accounts.suspects


def test_a_flood_is_what_comes_while_the_device_does_not_look() -> None:
    floods: Floods[int] = Floods(1000)
    sent = {1: 0, 2: 0}

    def look(turns: int, *amounts: int) -> list[int]:
        for key, amount in zip(sent, amounts, strict=True):
            sent[key] += amount
        return floods.look(sent.copy, turns)

    assert look(1, 5000, 5000) == []
    assert look(2, 5000, 5000) == [], "it has looked"
    assert not floods.near
    assert look(2, 5000, 0) == [], "from here on it is counted"
    assert floods.near
    assert look(2, 900, 10) == []
    assert look(2, 200, 10) == [1]
    assert look(2, 200, 10) == [], "once"
    assert look(3, 5000, 5000) == []


def test_a_flood_of_many_is_cut_where_it_is_largest() -> None:
    floods: Floods[int] = Floods(most=10 * SLACK, most_of_all=8 * SLACK)
    sent = {1: 0, 2: 0, 3: 0}

    def look(*amounts: int) -> list[int]:
        for key, amount in zip(sent, amounts, strict=True):
            sent[key] += amount * SLACK
        return floods.look(sent.copy, 1)

    assert look(0, 0, 0) == look(9, 9, 9) == []
    assert look(1, 2, 4) == []
    assert look(1, 2, 1) == [3]
    assert look(9, 1, 0) == [1]
    many: Floods[int] = Floods(most=10 * SLACK, most_of_all=8 * SLACK)
    small = dict.fromkeys(range(100), 0)
    assert many.look(small.copy, 1) == many.look(small.copy, 1) == []
    assert many.look(lambda: dict.fromkeys(small, SLACK), 1) == [], "nobody has much"


steps = st.lists(
    st.tuples(
        st.lists(st.integers(0, 3 * LARGEST), min_size=4, max_size=4),  # bytes of each peer
        st.integers(0, 4),  # turns
        st.booleans(),  # whether the way on is blocked
        st.floats(0.02, 0.3),  # seconds
    ),
    max_size=60,
)


@settings(max_examples=examples(200))
@given(st.lists(st.integers(1, LARGEST), min_size=4, max_size=4), steps, st.integers(1, 20))
def test_who_ends_its_messages_is_never_cut(
    sizes: list[int],
    plan: list[tuple[list[int], int, bool, float]],
    each_turn: int,
) -> None:
    """Slow or fast, small or as large as allowed, under load, and behind a stalled consumer."""
    world = World([Peer(size) for size in sizes])
    for amounts, turns, blocked, seconds in plan:
        for peer, amount in zip(world.peers, amounts, strict=True):
            peer.send(amount)
        world.now += seconds
        world.blocked += blocked
        for _ in range(0 if blocked else turns):
            world.turn(each_turn)
        assert world.look() == []


@settings(max_examples=examples(100))
@given(
    st.lists(st.integers(1, LARGEST), min_size=1, max_size=3),
    st.integers(LARGEST // 20, 2 * LARGEST),
)
def test_who_never_ends_one_is_cut_among_any_others(sizes: list[int], amount: int) -> None:
    world = World([Peer(), *map(Peer, sizes)])
    assert played(world, amount, 2 * LARGEST // amount + 60) == [0]
