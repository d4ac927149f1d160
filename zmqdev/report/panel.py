"""The live view as lines of text: subjects, a width and a height in, lines out.

A single subject is shown with all that is known of it; several become a table with a
row for each direction (`flowrows`). Rows that do not fit are dropped by rank (`rows`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from zmqdev.report.flowrows import NARROW, device_rows, expected_row, flow_rows, topic_rows
from zmqdev.report.glyphs import Glyphs
from zmqdev.report.rows import Rank, Row, fit, fitted, packed, piece, shorten, worded
from zmqdev.stats import units
from zmqdev.stats.extras import routes, services, spoken
from zmqdev.stats.rates import Seen
from zmqdev.stats.snapshot import PeerCounts, SideState, Snapshot

STATE_STYLES = {
    "running": "green",
    "paused": "yellow",
    "waiting": "yellow",
    "starting": "yellow",
    "resting": "yellow",
    "stopping": "yellow",
    "draining": "yellow",
    "failed": "bold red",
}
# Columns; wider lines are hard to follow.
WIDEST = 124
# Smaller terminals get no box.
BOX_WIDTH, BOX_HEIGHT = 30, 5


def panel(seen: Sequence[Seen], width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """Return the view in a box, at most `width` by `height`; without a box in a tiny terminal."""
    width = min(width, WIDEST)
    boxed = width >= BOX_WIDTH and height >= BOX_HEIGHT
    inner = width - 4 if boxed else width
    if len(seen) == 1:
        rows = list(_one(seen[0], inner, glyphs))
    else:
        rows = list(device_rows(seen, inner, glyphs, STATE_STYLES))
    lines = [fitted(line, inner) for line in fit(rows, height - 2 if boxed else height)]
    return _box(_title(seen), _status(seen), lines, inner, glyphs) if boxed else lines


def _one(item: Seen, width: int, glyphs: Glyphs) -> Iterator[Row]:
    subject = item.subject
    for side in subject.sides:
        yield from _side(side, subject, width, glyphs)
    yield from _beside(subject, width)
    yield Row(Text(), Rank.GAP)
    yield from flow_rows(item, width, glyphs)
    yield from expected_row(item, width, glyphs)
    yield from topic_rows(subject.details, width, glyphs)
    numbers = [piece(text) for text in spoken(subject)]
    for line in packed(numbers, width, glyphs.dot):
        yield Row(line, Rank.MORE)
    for told in routes(subject.details, item.row_rates):
        yield Row(piece(shorten(told, width, glyphs.cut)), Rank.PEERS)
    for service in services(subject):
        style, rank = ("yellow", Rank.PEERS) if service.ill else ("dim", Rank.LEAST)
        for line in worded(service.text, width, style, indent=0):
            yield Row(line, rank)


def _side(side: SideState, subject: Snapshot, width: int, glyphs: Glyphs) -> Iterator[Row]:
    """Yield a side: name, type, addresses and peers."""
    name, type_, verb = _columns(subject)
    head = Text.assemble(
        (f"{side.name:{name}}", "bold"), "  ", (f"{side.type:{type_}}", "cyan"), "  "
    )
    who = _peers(side.peers)
    if width < NARROW:
        head.rstrip()
        head.append(", ").append_text(who)
        yield Row(head, Rank.SIDE)
        head, who = Text("  "), Text()
    room = width - head.cell_len - who.cell_len - verb - 3
    for number, text in enumerate(_addresses(side, verb, room, glyphs)):
        line = head.copy() if not number else Text(" " * head.cell_len)
        line.append_text(text)
        if not number and who:
            line.append(" " * max(2, width - line.cell_len - who.cell_len)).append_text(who)
        yield Row(line, Rank.MORE if number else Rank.SIDE)
    if side.peers.failed_handshakes:
        yield from _failures(side, width)


def _columns(subject: Snapshot) -> tuple[int, int, int]:
    """Return the widths of names, socket types and verbs of all sides; 0 for a part that starts."""
    return (
        max((len(item.name) for item in subject.sides), default=0),
        max((len(item.type) for item in subject.sides), default=0),
        max((len(at.verb) for item in subject.sides for at in item.addresses), default=0),
    )


def _beside(subject: Snapshot, width: int) -> Iterator[Row]:
    """Yield addresses beside the sides that were asked for.

    A control address by default is left out, since `ctl` finds the device by its name.
    """
    name, type_, verb = _columns(subject)
    gap = " " * (2 if width < NARROW else type_ + 4)
    for what, state in subject.beside.items():
        if state.asked:
            told = Text.assemble((f"{what:{name}}", "bold"), gap, (f"{state.verb:{verb}} ", "dim"))
            yield Row(told.append_text(piece(state.actual)), Rank.MORE)


def _addresses(side: SideState, verb: int, room: int, glyphs: Glyphs) -> Iterator[Text]:
    """Yield `bind tcp://127.0.0.1:5555`, with the configured address where it differs and fits."""
    if not side.addresses:
        yield Text("no address", "dim")
    for state in side.addresses:
        asked = f"{state.asked}{glyphs.arrow}"
        told = state.asked != state.actual and len(asked) + len(state.actual) <= room
        yield Text.assemble(
            (f"{state.verb:{verb}} ", "dim"),
            piece(asked, "dim") if told else "",
            piece(shorten(state.actual, room, glyphs.cut)),
        )


def _peers(peers: PeerCounts) -> Text:
    text = units.counted(peers.connected, "peer")
    if peers.disconnects:
        text += f", {units.exact(peers.disconnects)} left"
    return Text(text, "" if peers.connected else "dim")


def _failures(side: SideState, width: int) -> Iterator[Row]:
    told = units.counted(side.peers.failed_handshakes, "failed handshake")
    reasons = sorted(side.peers.reasons.items(), key=lambda pair: -pair[1])
    if reasons:
        told += ": " + "; ".join(f"{units.exact(count)} {reason}" for reason, count in reasons)
    for line in worded(told, width, "red", indent=2):
        yield Row(line, Rank.PEERS)


def _title(seen: Sequence[Seen]) -> Text:
    if len(seen) != 1:
        devices = all(item.subject.category == "device" for item in seen)
        return Text(units.counted(len(seen), "device" if devices else "part"), "bold")
    subject = seen[0].subject
    kind = f" ({subject.kind})" if subject.kind != subject.name else ""
    return Text.assemble(piece(subject.name, "bold"), (kind, "dim"))


def _status(seen: Sequence[Seen]) -> Text:
    """Return the state, if it is the same for all, and the longest uptime."""
    uptime = units.clock(max((item.subject.uptime for item in seen), default=0.0))
    states = {item.subject.state for item in seen}
    if len(states) != 1:
        return Text(f"up {uptime}")
    state = states.pop()
    return Text.assemble((state, STATE_STYLES.get(state, "dim")), f", up {uptime}")


def _box(title: Text, status: Text, lines: list[Text], inner: int, glyphs: Glyphs) -> list[Text]:
    """Put a border around lines, with title and status in it."""
    tl, tr, bl, br, dash, side = tuple(glyphs.box)
    title = fitted(title, max(0, inner - status.cell_len - 4))
    rule = dash * (inner - title.cell_len - status.cell_len - 4)
    top = Text.assemble(
        (f"{tl}{dash} ", "dim"), title, (f" {rule} ", "dim"), status, (f" {dash}{tr}", "dim")
    )
    middle = [
        Text.assemble((f"{side} ", "dim"), line, " " * (inner - line.cell_len), (f" {side}", "dim"))
        for line in lines
    ]
    return [top, *middle, Text(f"{bl}{dash * (inner + 2)}{br}", "dim")]
