"""Running a device until it is stopped: the main thread of `zmqdev queue`.

The first SIGINT or SIGTERM drains, a second one leaves at once. Attachments are things beside the
data path (display, control, metrics). They get the service, with its loop and device, and are
called when it begins and ends.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from zmqdev.device import drop_log
from zmqdev.device.cable import CableWatch
from zmqdev.device.device import ENDED, Device
from zmqdev.device.disconnect import Leaving
from zmqdev.device.drop_log import DropLog
from zmqdev.device.oversize_watch import Vigil
from zmqdev.device.peer_log import PeerLog
from zmqdev.device.peers import SLOW, PeerWatch
from zmqdev.device.tally import PeerEvent
from zmqdev.device.unreached import LOOK, Reach
from zmqdev.errors import UsageError
from zmqdev.system import orphans
from zmqdev.system.loop import Loop
from zmqdev.system.signals import Signals, terminals

log = logging.getLogger("zmqdev")
# Seconds that leaving at once may take. Sockets close without linger, so a longer time is a hang.
LEAVE = 1.0
# Events of peers that are handled in one turn, some milliseconds of work. In a storm of connections
# there are always more, and the control socket must not wait for them.
PEERS_A_TURN = 50
# Seconds after which a stop is explained.
REMIND = 0.5


@dataclass(frozen=True)
class Reread:
    """The result of reading a device's files again, by option.

    `applied` were changed, `needs_restart` were not. Keys, users and rights are always read.
    """

    applied: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = ["keys, users, rights and routes reloaded"]
        if self.applied:
            parts.append(f"changed: {', '.join(self.applied)}")
        if self.needs_restart:
            parts.append(f"needs a restart: {', '.join(self.needs_restart)}")
        return "; ".join(parts)


class Attachment(Protocol):
    """Something beside the data path."""

    def started(self, service: Service) -> None:
        """Called when everything is bound and running."""

    def ended(self, service: Service) -> None:
        """Called when the device has ended, or when `started` of another attachment failed."""


class Service:
    """A device, its attachments, and the loop that runs both.

    In a program with one device call `run`. In a `loop` that is shared, call `begin`, and `close`
    once `ended` was called. `ends_process`: the program ends with the device.
    """

    def __init__(
        self,
        device: Device,
        attachments: Iterable[Attachment] = (),
        *,
        loop: Loop | None = None,
        ended: Callable[[], None] | None = None,
    ) -> None:
        self.device = device
        self.ends_process = loop is None
        self.loop = loop or Loop()
        self.stopping = False
        self.reread: Callable[[], Reread] | None = None
        """Reads the device's file again, where it has one."""
        self._ended = ended or self.loop.stop
        self._attachments = list(attachments)
        self._begun: list[Attachment] = []
        self._over = False
        self._terminals = terminals()
        self._at_stop: list[Callable[[], None]] = []
        self._peer_logs: dict[str, PeerLog] = {}
        self._to_hear: set[PeerWatch] = set()
        self._reaches: dict[str, Reach] = {}
        self._at_peer: list[Callable[[Device, str, PeerEvent], None]] = []

    def run(self, signals: Signals, duration: float | None = None) -> None:
        """Run until stopped; RunError when the device cannot start or fails."""
        self.loop.watch(signals, partial(self._signalled, signals))
        orphans.watch(self.loop)
        try:
            self.begin()
            if duration is not None:
                self.loop.at(time.monotonic() + duration, self.stop)
            if not self._over:
                self.loop.run()
        finally:
            self.close()
        for line in self.device.reports:
            log.warning("%s", line)
        if self.device.failure is not None:
            raise self.device.failure

    def begin(self) -> None:
        """Open the device, then its attachments; raises their errors. Call `close` then too."""
        self.watch()
        for attachment in self._attachments:
            self._begun.append(attachment)
            attachment.started(self)

    def close(self) -> None:
        """End everything, without linger if the end was not clean."""
        device = self.device
        if device.started:
            if device.state not in ENDED:
                device.stop(at_once=True)
            self._leave_loop()
            device.join(LEAVE)
        while self._begun:
            self._begun.pop().ended(self)

    def stop(self) -> None:
        """Begin to drain; a second call leaves at once."""
        at_once, self.stopping = self.stopping, True
        for hook in self._at_stop:
            hook()
        self.device.stop(at_once=at_once)
        if not self.ends_process:
            return
        if at_once:
            log.warning("stopped without draining; queued messages may be lost")
            self.loop.at(time.monotonic() + LEAVE, self.loop.stop)
        else:
            self.loop.at(time.monotonic() + REMIND, self._remind)

    def _remind(self) -> None:
        said = "passing on what is inside; a second signal leaves at once"
        log.warning("%s: %s", self.device.name, said)

    def on_stop(self, hook: Callable[[], None]) -> None:
        """Call `hook` at each request to stop, before the device is told."""
        self._at_stop.append(hook)

    def on_peer(self, hook: Callable[[Device, str, PeerEvent], None]) -> None:
        """Call `hook(device, side, event)` when a peer comes, goes or fails."""
        self._at_peer.append(hook)

    def leaving(self, side: str) -> Leaving:
        """Make this before an address is disconnected: it reports what libzmq does not."""
        return Leaving(self.device.watches[side], partial(self._peer, side))

    def hear(self) -> None:
        """Read the monitors, for an attachment that blocks the loop."""
        self.device.drain_monitors(self._peer)

    def pace(self, seconds: float) -> None:
        """Set how often the displays update, for attachments with a `pace`."""
        for attachment in self._attachments:
            change = getattr(attachment, "pace", None)
            if change is not None:
                change(seconds)

    def watch(self) -> None:
        """Start the device and watch it, without its attachments."""
        device = self.device
        device.start()
        self.loop.watch(device, self._attend)
        for opened in device.engine.sockets():
            who = f"{device.name} {opened.name}"
            self._peer_logs[opened.name] = PeerLog(who, opened)
            self._reaches[opened.name] = reach = Reach(who, opened)
            self._look_for_peers(reach)
        for side, watch in device.watches.items():
            tell = partial(self._peer, side)
            self.loop.watch(watch.pair, partial(self._hear, watch, tell))
        self._keep_vigil(Vigil(device.engine, device.watches))
        sides = [(side, device.watches[side.name]) for side in device.engine.sockets()]
        self._watch_cables(CableWatch(sides, device.engine.spec))
        self._tell_drops(DropLog(device.name, device.engine))

    def _hear(self, watch: PeerWatch, tell: Callable[[PeerEvent], None]) -> None:
        if watch.pair.closed:
            return
        watch.drain(tell, PEERS_A_TURN)
        pause = 0.0 if watch.behind else 2 * SLOW if watch.in_doubt else None
        if pause is not None and watch not in self._to_hear:
            self._to_hear.add(watch)
            self.loop.at(time.monotonic() + pause, partial(self._hear_again, watch, tell))

    def _hear_again(self, watch: PeerWatch, tell: Callable[[PeerEvent], None]) -> None:
        self._to_hear.discard(watch)
        self._hear(watch, tell)

    def _look_for_peers(self, reach: Reach) -> None:
        """Log which addresses are not reached, for as long as the device runs."""
        if self.device.state in ENDED or self.stopping:
            return
        reach.look(time.monotonic())
        self.loop.at(time.monotonic() + LOOK, partial(self._look_for_peers, reach))

    def _keep_vigil(self, vigil: Vigil) -> None:
        if self.device.state in ENDED:
            return
        pause = vigil.look(paused=self.device.state != "running")
        self.loop.at(time.monotonic() + pause, partial(self._keep_vigil, vigil))

    def _watch_cables(self, cables: CableWatch) -> None:
        if self.device.state in ENDED:
            return
        now = time.monotonic()
        pause = cables.look(now)
        self.loop.at(now + pause, partial(self._watch_cables, cables))

    def _tell_drops(self, drops: DropLog) -> None:
        if self.device.state in ENDED:
            return
        now = time.monotonic()
        drops.look(now)
        self.loop.at(now + drop_log.EVERY, partial(self._tell_drops, drops))

    def _signalled(self, signals: Signals) -> None:
        for number in signals.take():
            if number == signal.SIGHUP and not signals.window_closed(self._terminals):
                self.reload()
            else:
                self.stop()

    def reload(self) -> None:
        """Read all files again. An error is logged, and nothing is changed."""
        try:
            self.read_again()
        except UsageError as error:
            log.error("%s: not read again: %s", self.device.name, error)

    def read_again(self) -> Reread:
        """Read all files again; UsageError for an error."""
        if self.reread is None:
            self.device.reload()
        found = Reread() if self.reread is None else self.reread()
        news = found.applied or found.needs_restart
        log.log(logging.WARNING if news else logging.INFO, "%s: %s", self.device.name, found)
        return found

    def _attend(self) -> None:
        self._unwatch_peers()
        if self.device.attend():
            self.loop.unwatch(self.device)
            self._over = True
            self._ended()

    def _unwatch_peers(self) -> None:
        for watch in self.device.watches.values():
            self.loop.unwatch(watch.pair)

    def _leave_loop(self) -> None:
        self._unwatch_peers()
        self.loop.unwatch(self.device)

    def _peer(self, side: str, event: PeerEvent) -> None:
        device = self.device
        for hook in self._at_peer:
            hook(device, side, event)
        if device.engine.follows_peers:
            device.post(partial(device.engine.peer_changed, side, event.what))
        self._peer_logs[side].tell(event)
        self._reaches[side].heard(event, time.monotonic())
