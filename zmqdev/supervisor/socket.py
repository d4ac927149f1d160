"""One control socket for a whole file: found by `zmqdev ctl` beside those of its devices."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import zmq

from zmqdev.control import protocol as wire
from zmqdev.control import runtimedir
from zmqdev.control.socket import BATCH, LINGER_MS, OPTIONS
from zmqdev.device.announce import announce
from zmqdev.device.socket import OpenSocket, events, make
from zmqdev.errors import RunError, ZmqdevError
from zmqdev.stats.snapshot import AddressState
from zmqdev.supervisor.supervisor import Fleet
from zmqdev.supervisor.verbs import VERBS, Steered
from zmqdev.system import runtime_place

log = logging.getLogger("zmqdev")


class FleetControl:
    """Stands beside a fleet. `address` None is the default place, in the runtime directory."""

    def __init__(self, name: str, address: str | None) -> None:
        self._name, self._address = name, address
        self._context: zmq.Context[Any] = zmq.Context()
        self._open: OpenSocket | None = None
        self._place: Path | None = None
        self._on: Steered | None = None

    def started(self, fleet: Fleet) -> None:
        self._open = make(self._context, "control", "ROUTER", OPTIONS)
        name = self._bind(self._open)
        if name is None:
            return
        actual = self._open.addresses[0].actual
        self._on = Steered(name, actual, fleet, time.monotonic())
        fleet.loop.watch(self._open.socket, self._serve)
        announce(f"{name} control: ", AddressState("bind", self._address or "", actual))

    def ended(self, fleet: Fleet) -> None:
        if self._open is not None:
            fleet.loop.unwatch(self._open.socket)
        if self._place is None:
            self._close()
            return
        # libzmq unlinks the file after it has closed the socket: nobody takes the name between.
        with runtimedir.locked(self._place):
            self._close()

    def _close(self) -> None:
        if self._open is not None:
            self._open.close(LINGER_MS)
        self._context.term()

    def _bind(self, opened: OpenSocket) -> str | None:
        if self._address is not None:
            opened.bind(self._address)
            return self._name
        try:
            place = runtime_place.prepare()
            with runtimedir.claim(place, self._name) as found:
                opened.bind(found.address)
        except (RunError, OSError) as error:
            log.warning("%s: no control socket: %s", self._name, error)
            return None
        self._place = place
        if found.name != self._name:
            log.warning("%s: ctl knows it as %s", self._name, found.name)
        return found.name

    def _serve(self) -> None:
        assert self._open is not None
        socket = self._open.socket
        for _ in range(BATCH):
            if not events(socket) & zmq.POLLIN:
                return
            reply = self.answer(socket.recv_multipart(zmq.DONTWAIT))
            try:
                socket.send_multipart(reply, zmq.DONTWAIT)
            except zmq.ZMQError as error:
                # Whoever asked has gone, or does not read: the reply is theirs to lose.
                log.debug("%s: a reply found no taker: %s", self._name, error)

    def answer(self, frames: Sequence[bytes]) -> list[bytes]:
        """The one reply to a message, whatever it is: envelope and all."""
        envelope, body = wire.split(frames)
        request: wire.Request | None = None
        try:
            request = wire.read_request(body)
            result = self._act(request)
            reply = b"" if request.old else wire.write_result(result, request.id)
            return [*envelope, reply]
        except wire.Refused as refused:
            return [*envelope, wire.write_refusal(refused, request.id if request else None)]

    def _act(self, request: wire.Request) -> Any:
        verb = wire.find(VERBS, request)
        arguments = wire.check(verb, request.args)
        if verb.changes:
            log.info("%s: control: %s %s", self._name, verb.name, " ".join(arguments.values()))
        try:
            return verb.act(self._on, **arguments)
        except ZmqdevError as error:
            raise wire.Refused("refused", str(error)) from None
