"""`zmqdev top`: ask all devices periodically, show a table, send verbs for keys."""

from __future__ import annotations

import logging
import math
import sys
import time
from dataclasses import dataclass, replace
from typing import Any

import zmq

from zmqdev.control.client import Asker, targets
from zmqdev.control.protocol import ControlReply
from zmqdev.control.runtimedir import Found
from zmqdev.errors import EXIT_FAILED, EXIT_OK, RunError, UsageError
from zmqdev.options import address as addresses
from zmqdev.options.security import Security
from zmqdev.report.lines import Lines
from zmqdev.report.live import Painter
from zmqdev.stats.rates import Record
from zmqdev.stats.snapshot import Snapshot, from_plain
from zmqdev.system.signals import Signals
from zmqdev.tools.top.screen import TopScreen, usable
from zmqdev.tools.top.table import NONE, screen
from zmqdev.tools.top.view import QUIT, Item, SortOrder, View, missed, ordered, press

# A device answers within 50 ms; keys do not wait longer than this for a silent one.
PATIENCE = 0.5
# Seconds within which a new size of the terminal is noticed.
LOOK = 0.25
# Seconds for which the answer to a key replaces the list of keys.
SAID_FOR = 3.0


@dataclass(frozen=True)
class TopQuestion:
    """The options of `top` as it uses them.

    `names` are devices by name or address, empty for all; `interval` is in seconds. It
    ends after `count` intervals or `duration` seconds; None means no end.
    """

    names: tuple[str, ...] = ()
    interval: float = 1.0
    sort: str = "name"
    as_json: bool = False
    count: int | None = None
    duration: float | None = None
    hosts: tuple[str, ...] = ()
    keys: Security | None = None

    @property
    def end(self) -> float:
        """Return when it is over if it begins now, in monotonic seconds."""
        return time.monotonic() + (math.inf if self.duration is None else self.duration)


class TopWatch:
    """The devices; the list is renewed for each round, because devices come and go."""

    def __init__(self, asked: TopQuestion, asker: Asker) -> None:
        self._names, self._asker = asked.names, asker
        self._hosts = [_of_host(host) for host in asked.hosts]
        self._known: list[Found] = self._wanted()
        self._record = Record()
        self.silent: set[str] = set()  # names without an answer in the last round
        self.heard = False

    def subjects(self) -> list[Snapshot]:
        """Ask all devices; return those that answered, named as `ctl` names them."""
        if not self._names:
            self._known = self._wanted()
        addresses = [found.address for found in self._known]
        replies = self._asker.ask_all(addresses, "status", {}, PATIENCE)
        self._known = [_renamed(found, replies[found.address]) for found in self._known]
        asked = [(found.name, _subject(found, replies[found.address])) for found in self._known]
        self.silent = {name for name, subject in asked if subject is None}
        subjects = [subject for _, subject in asked if subject is not None]
        self.heard = self.heard or bool(subjects)
        return subjects

    def _wanted(self) -> list[Found]:
        """Return the devices to ask; when only hosts are given, local devices are left out."""
        if self._hosts and not self._names:
            return list(self._hosts)
        return [*targets(self._names), *self._hosts]

    def items(self) -> list[Item]:
        """Return all devices, with what is known of each so far."""
        seen = {item.subject.name: item for item in self._record.take(self.subjects())}
        return [Item(found.name, found.address, seen.get(found.name)) for found in self._known]

    def order(self, order: SortOrder) -> str:
        """Send a verb to a device; return the text to show."""
        assert order.item is not None
        try:
            told = self._asker.ask(order.item.address, order.verb, {}, PATIENCE)
        except RunError as error:
            return str(error)
        return f"{order.item.name}: {_done(told, order.verb)}"


def _of_host(host: str) -> Found:
    address = host if "://" in host else f"tcp://{host}"
    try:
        return Found(host, addresses.check(address, "connect"))
    except ValueError as error:
        raise UsageError(str(error), "--host") from None


def _renamed(found: Found, reply: ControlReply | None) -> Found:
    """Return a remote device under its own name, once that is known."""
    if "://" not in found.address or not found.address.startswith("tcp://"):
        return found
    if reply is None or not reply.ok or "@" in found.name or "name" not in reply.result:
        return found
    return replace(found, name=f"{reply.result['name']}@{found.address.removeprefix('tcp://')}")


def _subject(found: Found, reply: ControlReply | None) -> Snapshot | None:
    """Return the status; None for no answer, or an unreadable one."""
    if reply is None or not reply.ok:
        return None
    try:
        return replace(from_plain(reply.result), name=found.name)
    except ValueError:
        return None


def _done(told: Any, verb: str) -> str:
    return str(told.get("state", "stopping")) if isinstance(told, dict) else verb


def run(asked: TopQuestion, signals: Signals) -> int:
    """Run until `q`, a signal, or the count; return the exit status."""
    with Asker(asked.keys) as asker:
        watch = TopWatch(asked, asker)
        if asked.as_json or not usable():
            return _lines(asked, watch, signals)
        with TopScreen(sys.stdin, sys.stdout) as screen:
            Top(asked, watch, screen).run(signals)
    return 0


class Top:
    """The live table on its screen."""

    def __init__(self, asked: TopQuestion, watch: TopWatch, screen: TopScreen) -> None:
        self._asked, self._watch, self._screen = asked, watch, screen
        self._view = View(sort=asked.sort)
        self._items: list[Item] = []
        self._painter = Painter(getattr(sys.stdout, "encoding", None))
        self._looks = 0
        self._said_at = 0.0
        self._done = False

    def run(self, signals: Signals) -> None:
        """Draw and obey keys until the end."""
        poller = zmq.Poller()
        poller.register(signals.fileno(), zmq.POLLIN)
        poller.register(self._screen.fileno(), zmq.POLLIN)
        due, end = time.monotonic(), self._asked.end
        size = (0, 0)
        while (
            not self._done
            and time.monotonic() < end
            and not signals.take()
            and not self._screen.hung_up
        ):
            if time.monotonic() >= due:
                self._look()
                due = time.monotonic() + self._asked.interval
                size = (0, 0)
            if size != (size := self._screen.size()):
                self._draw(size)
            left = min(LOOK, max(0.0, due - time.monotonic()))
            ready = dict(poller.poll(int(left * 1000) + 1))
            if self._screen.fileno() in ready:
                if self._typed():
                    due = time.monotonic()  # show the effect at once
                size = (0, 0)

    def _look(self) -> None:
        if time.monotonic() - self._said_at > SAID_FOR:
            self._view = replace(self._view, said="")
        before, self._items = self._items, self._watch.items()
        if lost := missed(before, self._items):
            self._tell(lost)
        self._looks += 1
        self._done = self._done or self._looks == self._asked.count

    def _draw(self, size: tuple[int, int]) -> None:
        clock = time.strftime("%H:%M:%S")
        glyphs = self._painter.glyphs
        self._screen.draw(
            self._painter.paint(screen(self._items, self._view, *size, glyphs, clock))
        )

    def _typed(self) -> bool:
        """Obey the keys; return whether a device got a verb."""
        told = False
        for key in self._screen.typed():
            self._view, order = press(self._view, key, ordered(self._items, self._view))
            if order is not None and order.verb == QUIT:
                self._done = True
            elif order is not None:
                self._tell(self._watch.order(order))
                told = True
            elif self._view.said:
                self._said_at = time.monotonic()
        return told

    def _tell(self, said: str) -> None:
        self._view = replace(self._view, said=said)
        self._said_at = time.monotonic()


def _lines(asked: TopQuestion, watch: TopWatch, signals: Signals) -> int:
    """Print a line for each device at every interval; return 1 when none ever answered."""
    # When the reader of stdout goes away, end without the warning of the log.
    logging.getLogger("zmqdev").addHandler(logging.NullHandler())
    lines = Lines(asked.interval, sys.stdout, as_json=asked.as_json)
    lines.started(watch.subjects())
    if not (watch.heard or asked.names):
        _say(NONE)
    told: set[str] = set()
    poller = zmq.Poller()
    poller.register(signals.fileno(), zmq.POLLIN)
    looks = 0
    due, end = time.monotonic() + asked.interval, asked.end
    while (
        time.monotonic() < end and not signals.take() and not lines.closed and looks != asked.count
    ):
        poller.poll(max(0, int((min(due, end) - time.monotonic()) * 1000) + 1))
        if time.monotonic() >= due:
            due += asked.interval
            looks += 1
            lines.tick(watch.subjects())
            _tell_silent(watch.silent - told)
            told = watch.silent
    lines.flush()
    return EXIT_OK if watch.heard else EXIT_FAILED


def _tell_silent(names: set[str]) -> None:
    for name in sorted(names):
        _say(f"{name}: no answer")


def _say(line: str) -> None:
    print(f"zmqdev: {line}", file=sys.stderr, flush=True)
