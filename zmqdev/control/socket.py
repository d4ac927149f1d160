"""The control socket of a device: an attachment of its service.

A ROUTER, so that REQ, DEALER and rubbish all get exactly one reply, and one
that does not read its replies delays nobody. It runs in the main thread, beside
the data path: `status` reads counters that the device's thread writes, and waits
for nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as Late
from pathlib import Path
from typing import Any

import zmq

from zmqdev.control import protocol as wire
from zmqdev.control import runtimedir
from zmqdev.control.settings import apply_marks
from zmqdev.control.tap import Tap
from zmqdev.control.target import Steered
from zmqdev.control.verbs import ENDED, VERBS
from zmqdev.device.device import Device
from zmqdev.device.service import Service
from zmqdev.device.socket import OpenSocket, events, make
from zmqdev.device.tally import PeerEvent
from zmqdev.errors import RunError, ZmqdevError
from zmqdev.options import address as addresses
from zmqdev.relay import DROPS
from zmqdev.stats.snapshot import AddressState
from zmqdev.system import runtime_place

log = logging.getLogger("zmqdev")
OFF = "off"
# Far above any request, so that one a little too large is still answered; beyond it libzmq ends
# the connection, before it has read the rest.
MOST_FRAME = 1 << 20
OPTIONS = {
    "sndhwm": 100,
    "rcvhwm": 100,
    "maxmsgsize": MOST_FRAME,
    "handshake_ivl": 5000,
    "router_mandatory": True,
}
# The reply to `stop` is on its way when the program ends.
LINGER_MS = 200
# Requests answered before the loop looks at something else.
BATCH = 64
# So many may wait for the end; the next one is answered at once.
MOST_WAITING = 64


class Control:
    """Answers for one device. `address` None is the default place, in the runtime directory."""

    def __init__(
        self, device: Device, address: str | None, config: Callable[[], dict[str, Any]]
    ) -> None:
        self.device, self.address, self.config = device, address, config
        self._context: zmq.Context[Any] | None = None
        self._open: OpenSocket | None = None
        self._on: Steered | None = None
        self._place: Path | None = None
        self._at_end: list[list[bytes]] = []  # questions to be answered then

    def started(self, service: Service) -> None:
        self._context = zmq.Context()
        self._open = make(self._context, "control", "ROUTER", OPTIONS)
        name = self._bind(self._open)
        if name is None:
            return
        actual = self._open.addresses[0].actual
        tap = Tap(self._context, self.device, service.loop, actual)
        self._on = Steered(name, actual, service, self.device, tap, self.config)
        service.on_peer(self._peer)
        service.loop.watch(self._open.socket, self._serve)
        self.device.place_beside("control", AddressState("bind", self.address or "", actual))

    def ended(self, service: Service) -> None:
        if self._on is not None:
            self._on.tap.close()
            for frames in self._at_end:
                self._send(self.answer(frames))
        if self._open is not None:
            service.loop.unwatch(self._open.socket)
        if self._place is None:
            self._close()
        else:
            # The file goes after the socket: nobody may take the name between the two.
            with runtimedir.locked(self._place):
                self._close()

    def _close(self) -> None:
        if self._open is not None:
            self._open.close(LINGER_MS)
        if self._context is not None:
            self._context.term()

    def _bind(self, opened: OpenSocket) -> str | None:
        """The name `ctl` knows it by. None when the default place cannot be used: said, and
        the device runs on."""
        if self.address is not None:
            opened.bind(self.address)
            _warn_of_strangers(self.device.name, self.address)
            return self.device.name
        try:
            place = runtime_place.prepare()
            with runtimedir.claim(place, self.device.name) as found:
                opened.bind(found.address)
        except (RunError, OSError) as error:
            log.warning(
                "%s: no control socket: %s; --control ADDRESS names another place",
                self.device.name,
                error,
            )
            return None
        self._place = place
        if found.name != self.device.name:
            log.warning("%s: ctl, top and tap know it as %s", self.device.name, found.name)
        return found.name

    def _peer(self, device: Device, side: str, event: PeerEvent) -> None:
        if device is self.device and event.what == "connected" and self._on is not None:
            apply_marks(self._on)

    def _serve(self) -> None:
        assert self._open is not None
        socket = self._open.socket
        for _ in range(BATCH):
            if not events(socket) & zmq.POLLIN:
                return
            frames = socket.recv_multipart(zmq.DONTWAIT)
            if not self._put_off(frames):
                self._send(self.answer(frames))

    def _put_off(self, frames: list[bytes]) -> bool:
        """Keep a question about the end until then."""
        try:
            asked = wire.read_request(wire.split(frames)[1])
        except wire.Refused:
            return False
        late = asked.verb == ENDED and not asked.args and len(self._at_end) < MOST_WAITING
        if late:
            self._at_end.append(frames)
        return late

    def _send(self, reply: list[bytes]) -> None:
        assert self._open is not None
        try:
            self._open.socket.send_multipart(reply, zmq.DONTWAIT)
        except zmq.ZMQError as error:
            # The peer has gone, or does not read: the reply is its own to lose.
            log.debug("%s: a reply found no taker: %s", self.device.name, error)

    def answer(self, frames: Sequence[bytes]) -> list[bytes]:
        """The one reply to a message, whatever it is: envelope and all."""
        envelope, body = wire.split(frames)
        request: wire.Request | None = None
        try:
            request = wire.read_request(body)
            return [*envelope, *self._do(request)]
        except wire.Refused as refused:
            return [*envelope, wire.write_refusal(refused, request.id if request else None)]

    def _do(self, request: wire.Request) -> list[bytes]:
        assert self._on is not None
        if request.old and request.verb == wire.OLD_STATISTICS:
            flows = ((flow.source, flow.counts) for flow in self.device.engine.flows())
            return wire.old_statistics(flows, DROPS)
        verb = wire.find(VERBS, request)
        result = self._act(verb, wire.check(verb, request.args))
        if verb.changes:
            said = " ".join([verb.name, *map(str, request.args.values())])
            log.info("%s: control: %s", self.device.name, said)
        return [b""] if request.old else [wire.write_result(result, request.id)]

    def _act(self, verb: wire.Verb, arguments: dict[str, Any]) -> Any:
        try:
            return verb.act(self._on, **arguments)
        except wire.Refused:
            raise
        except ZmqdevError as error:
            raise wire.Refused("refused", str(error)) from None
        except Late:
            said = f"{self.device.name} has not taken it up yet; it will when it can"
            raise wire.Refused("busy", said) from None
        except Exception as error:
            log.exception("%s: control: %s failed", self.device.name, verb.name)
            raise wire.Refused("internal", f"{type(error).__name__}: {error}") from None


def _warn_of_strangers(name: str, address: str) -> None:
    """Who reaches a control socket can stop the device; an open port deserves a word."""
    if not address.startswith("tcp://"):
        return
    host = addresses.split(address).host
    if host not in ("127.0.0.1", "::1", "lo"):
        log.warning(
            "%s: whoever reaches %s can steer the device; bind it to 127.0.0.1, or use ipc",
            name,
            address,
        )
