"""The view of `zmqdev top` and its keys, without a terminal: data in, data out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from zmqdev.stats.rates import Seen
from zmqdev.tools.top.sorts import SORTS, UPWARDS

QUIT = "quit"


@dataclass(frozen=True)
class Item:
    """A device: its name in `ctl` and its control address; `seen` is None without an answer."""

    name: str
    address: str
    seen: Seen | None

    @property
    def state(self) -> str:
        """Return its state, or `no answer`."""
        return self.seen.subject.state if self.seen else "no answer"

    @property
    def peers(self) -> int:
        """Return the number of connected peers."""
        return sum(side.peers.connected for side in self.seen.subject.sides) if self.seen else 0

    @property
    def failed(self) -> int:
        """Return the handshakes that failed, on both sides."""
        sides = self.seen.subject.sides if self.seen else ()
        return sum(side.peers.failed_handshakes for side in sides)

    @property
    def drops(self) -> int:
        """Return the dropped messages."""
        return sum(flow.dropped for flow, _ in self.seen.flows) if self.seen else 0

    @property
    def queued(self) -> int | None:
        """Return the waiting requests of a reliable queue, or messages of a streamer
        with a spool."""
        details = self.seen.subject.details if self.seen else {}
        reliable, spool = details.get("reliable"), details.get("spool")
        if reliable:
            return int(reliable["queued"])
        return int(spool["waiting"]) if spool else None

    @property
    def disk(self) -> tuple[int, bool] | None:
        """Return the bytes of its store or spool and whether that is full; None without one."""
        details = self.seen.subject.details if self.seen else {}
        for what, name in (("reliable", "store"), ("spool", "spool")):
            told = details.get(what, {})
            if told.get(f"{name}_bytes"):
                return int(told[f"{name}_bytes"]), bool(told[f"{name}_full"])
        return None

    def rate(self, name: str) -> float:
        """Return messages or bytes a second of both directions; for `blocked` the larger share."""
        rates = [getattr(track.rate(), name) for _, track in self.seen.flows] if self.seen else []
        return max(rates, default=0.0) if name == "blocked" else sum(rates)

    def total(self, name: str) -> int:
        """Return the total of both directions since the start."""
        return sum(getattr(flow, name) for flow, _ in self.seen.flows) if self.seen else 0


@dataclass(frozen=True)
class View:
    """How the user looks at the table.

    `chosen` is a device's name, `said` the line at the bottom, `asked` the device that
    another `s` would stop.
    """

    sort: str = "name"
    inverted: bool = False
    chosen: str = ""
    said: str = ""
    asked: str = ""


@dataclass(frozen=True)
class SortOrder:
    """A verb for a device, or QUIT."""

    verb: str
    item: Item | None = None


def missed(before: Sequence[Item], now: Sequence[Item]) -> str:
    """Return the text to show about devices that have gone; empty for none."""
    left = {item.name for item in now}
    lost = [item.name for item in before if item.name not in left]
    return f"no longer there: {', '.join(lost)}" if lost else ""


def ordered(items: Sequence[Item], view: View) -> list[Item]:
    """Return the items in the order of the view; equal ones by name."""
    by_name = sorted(items, key=lambda item: item.name)
    downwards = (view.sort not in UPWARDS) != view.inverted
    return sorted(by_name, key=SORTS[view.sort], reverse=downwards)


def chosen(items: Sequence[Item], view: View) -> Item | None:
    """Return the device that keys act on: the chosen one, or the first."""
    for item in items:
        if item.name == view.chosen:
            return item
    return items[0] if items else None


def press(view: View, key: str, items: Sequence[Item]) -> tuple[View, SortOrder | None]:
    """Return the effect of a key. `items` are in the order shown."""
    asked, view = view.asked, replace(view, asked="", said="")
    item = chosen(items, view)
    if key == "q":
        return view, SortOrder(QUIT)
    if key in _MOVES and item is not None:
        place = items.index(item) + _MOVES[key]
        at = items[max(0, min(len(items) - 1, place))]
        return replace(view, chosen=at.name), None
    if key in ("left", "right", "<", ">"):
        return _resorted(view, -1 if key in ("left", "<") else 1), None
    if key == "i":
        return replace(view, inverted=not view.inverted), None
    if key in _VERBS and item is not None:
        return replace(view, chosen=item.name), SortOrder(_VERBS[key], item)
    if key == "s" and item is not None:
        return _stop(view, item, sure=asked == item.name)
    return view, None


_MOVES = {"up": -1, "k": -1, "down": 1, "j": 1}
_VERBS = {"p": "pause", "r": "resume"}


def _resorted(view: View, step: int) -> View:
    names = list(SORTS)
    return replace(view, sort=names[(names.index(view.sort) + step) % len(names)], inverted=False)


def _stop(view: View, item: Item, *, sure: bool) -> tuple[View, SortOrder | None]:
    """Stop a device at the second `s`, so that a slip of the finger is not enough."""
    view = replace(view, chosen=item.name)
    if sure:
        return view, SortOrder("stop", item)
    return replace(view, asked=item.name, said=f"press s again to stop {item.name}"), None
