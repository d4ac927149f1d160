"""Running devices until they are asked to stop: what `zmqdev queue` does in its main thread.

The first SIGINT or SIGTERM drains, a second one leaves at once. Attachments
are what stands beside the data path (display, control, metrics): they get the
loop and the devices, and are told when it begins and ends.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from zmqdev.device.cable import CableWatch
from zmqdev.device.device import ENDED, Device
from zmqdev.device.disconnect import Leaving
from zmqdev.device.oversize_watch import Vigil
from zmqdev.device.peer_log import PeerLog
from zmqdev.device.peers import SLOW, PeerWatch
from zmqdev.device.tally import PeerEvent
from zmqdev.device.unreached import LOOK, Reach
from zmqdev.errors import UsageError
from zmqdev.system.loop import Loop
from zmqdev.system.signals import Signals, terminals

log = logging.getLogger("zmqdev")
# How long leaving at once may take: sockets close without linger, so this is a hang otherwise.
LEAVE = 1.0
# Peers that came, went or failed which are heard of in one turn: some milliseconds of work. In a
# storm of connections there are always more, and the control socket is not to wait for them.
PEERS_A_TURN = 50
# A stop that takes longer than this is explained.
REMIND = 0.5


@dataclass(frozen=True)
class Reread:
    """What came of reading a device's files again, by option: what was `applied`, and what
    `needs_restart`. Keys, users and rights are always read."""

    applied: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = ["keys, users and rights were read again"]
        if self.applied:
            parts.append(f"changed: {', '.join(self.applied)}")
        if self.needs_restart:
            parts.append(f"needs a restart: {', '.join(self.needs_restart)}")
        return "; ".join(parts)


class Attachment(Protocol):
    """Something beside the data path."""

    def started(self, service: Service) -> None:
        """Everything is bound and running."""

    def ended(self, service: Service) -> None:
        """Every device has ended. Called also when `started` of another one failed."""


class Service:
    """Devices, and the loop that steers them. `ends_process`: the program ends with them."""

    ends_process = True

    def __init__(self, devices: Sequence[Device], attachments: Iterable[Attachment] = ()) -> None:
        self.devices = list(devices)
        self.loop = Loop()
        self.stopping = False
        self._attachments = list(attachments)
        self._running: set[str] = set()
        self._terminals = terminals()
        self.rereads: dict[str, Callable[[], Reread]] = {}
        self._at_stop: list[Callable[[], None]] = []
        self._peer_logs: dict[tuple[str, str], PeerLog] = {}
        self._to_hear: set[PeerWatch] = set()
        self._reaches: dict[tuple[str, str], Reach] = {}
        self._at_peer: list[Callable[[Device, str, PeerEvent], None]] = []

    def run(self, signals: Signals, duration: float | None = None) -> None:
        """Until stopped. RunError when a device cannot start or fails."""
        self.loop.watch(signals, partial(self._signalled, signals))
        begun: list[Attachment] = []
        try:
            for device in self.devices:
                self._start(device)
            for attachment in self._attachments:
                begun.append(attachment)
                attachment.started(self)
            if duration is not None:
                self.loop.at(time.monotonic() + duration, self.stop)
            if self._running:
                self.loop.run()
        finally:
            self._leave()
            for attachment in reversed(begun):
                attachment.ended(self)
        self._report()

    def stop(self) -> None:
        """Begin to drain; a second call leaves at once."""
        at_once, self.stopping = self.stopping, True
        if not at_once:
            self.loop.at(time.monotonic() + REMIND, self._remind)
        for hook in self._at_stop:
            hook()
        for device in self.devices:
            device.stop(at_once=at_once)
        if at_once:
            log.warning("left at once; what was still inside may be lost")
            self.loop.at(time.monotonic() + LEAVE, self.loop.stop)

    def _remind(self) -> None:
        names = ", ".join(sorted(self._running))
        log.warning("%s: passing on what is inside; a second signal leaves at once", names)

    def on_stop(self, hook: Callable[[], None]) -> None:
        """Call `hook` at each request to stop, before the devices hear of it."""
        self._at_stop.append(hook)

    def on_peer(self, hook: Callable[[Device, str, PeerEvent], None]) -> None:
        """Call `hook(device, side, event)` when a peer comes, goes or fails."""
        self._at_peer.append(hook)

    def leaving(self, device: Device, side: str) -> Leaving:
        """To be had before an address is disconnected: what libzmq will not tell of it."""
        return Leaving(device.watches[side], partial(self._peer, device, side))

    def pace(self, seconds: float) -> None:
        """Tell the displays how often to show: those attachments that have a `pace`."""
        for attachment in self._attachments:
            change = getattr(attachment, "pace", None)
            if change is not None:
                change(seconds)

    def _start(self, device: Device) -> None:
        device.start()
        self._running.add(device.name)
        self.loop.watch(device, partial(self._attend, device))
        for opened in device.engine.sockets():
            who = f"{device.name} {opened.name}"
            self._peer_logs[device.name, opened.name] = PeerLog(who, opened)
            self._reaches[device.name, opened.name] = reach = Reach(who, opened)
            self._look_for_peers(device, reach)
        for side, watch in device.watches.items():
            tell = partial(self._peer, device, side)
            self.loop.watch(watch.pair, partial(self._hear, watch, tell))
        self._keep_vigil(device, Vigil(device.engine, device.watches))
        sides = [(side, device.watches[side.name]) for side in device.engine.sockets()]
        self._watch_cables(device, CableWatch(sides, device.engine.spec))

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

    def _look_for_peers(self, device: Device, reach: Reach) -> None:
        """Say which addresses are not reached, for as long as the device runs."""
        if device.state in ENDED or self.stopping:
            return
        reach.look(time.monotonic())
        self.loop.at(time.monotonic() + LOOK, partial(self._look_for_peers, device, reach))

    def _keep_vigil(self, device: Device, vigil: Vigil) -> None:
        if device.state in ENDED:
            return
        pause = vigil.look(paused=device.state != "running")
        self.loop.at(time.monotonic() + pause, partial(self._keep_vigil, device, vigil))

    def _watch_cables(self, device: Device, cables: CableWatch) -> None:
        if device.state in ENDED:
            return
        now = time.monotonic()
        pause = cables.look(now)
        self.loop.at(now + pause, partial(self._watch_cables, device, cables))

    def _signalled(self, signals: Signals) -> None:
        for number in signals.take():
            if number == signal.SIGHUP and not signals.window_closed(self._terminals):
                self.reload()
            else:
                self.stop()

    def reload(self) -> None:
        """Read all files again; what is wrong is said, and changes nothing."""
        for device in self.devices:
            try:
                self.reload_one(device)
            except UsageError as error:
                log.error("%s: not read again: %s", device.name, error)

    def reload_one(self, device: Device) -> Reread:
        """The same for one. UsageError names what is wrong."""
        act = self.rereads.get(device.name)
        if act is None:
            device.reload()
        found = Reread() if act is None else act()
        news = found.applied or found.needs_restart
        log.log(logging.WARNING if news else logging.INFO, "%s: %s", device.name, found)
        return found

    def _attend(self, device: Device) -> None:
        for watch in device.watches.values():
            self.loop.unwatch(watch.pair)
        if device.attend():
            self.loop.unwatch(device)
            self._running.discard(device.name)
            if not self._running:
                self.loop.stop()

    def _peer(self, device: Device, side: str, event: PeerEvent) -> None:
        for hook in self._at_peer:
            hook(device, side, event)
        if device.engine.follows_peers:
            device.post(partial(device.engine.peer_changed, side, event.what))
        self._peer_logs[device.name, side].tell(event)
        self._reaches[device.name, side].heard(event, time.monotonic())

    def _leave(self) -> None:
        """Nothing runs on, whatever happened; without linger when it was not a clean end."""
        for device in self.devices:
            if device.started and device.state not in ENDED:
                device.stop(at_once=True)
        for device in self.devices:
            if device.started:
                device.join(LEAVE)

    def _report(self) -> None:
        for device in self.devices:
            for line in device.reports:
                log.warning("%s", line)
        for device in self.devices:
            if device.failure is not None:
                raise device.failure
