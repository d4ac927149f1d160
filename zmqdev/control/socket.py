"""A control socket, of a device or of a whole file: it reads, checks and answers.

It is a ROUTER, so that REQ, DEALER and malformed messages all get exactly one reply, and a peer
that does not read its replies delays no other. It runs in the main thread, and its verbs never
wait.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import TimeoutError as Late
from pathlib import Path
from typing import Any

import zmq

from zmqdev.control import protocol as wire
from zmqdev.control import runtimedir
from zmqdev.control.door import Door
from zmqdev.device.socket import OpenSocket, make
from zmqdev.errors import RunError, ZmqdevError
from zmqdev.options import address as addresses
from zmqdev.options.security import Security
from zmqdev.options.security_check import mechanism
from zmqdev.stats.snapshot import AddressState
from zmqdev.system import runtime_place
from zmqdev.system.loop import Loop

log = logging.getLogger("zmqdev")
# Much larger than a request, so that one that is only a little too large gets a reply.
# Beyond it libzmq ends the connection before it has read the rest.
MOST_FRAME = 1 << 20
OPTIONS = {
    "sndhwm": 100,
    "rcvhwm": 100,
    "maxmsgsize": MOST_FRAME,
    "handshake_ivl": 5000,
    "router_mandatory": True,
}
# The reply to `stop` may still be on its way when the program ends.
LINGER_MS = 200
# Requests that are answered before the loop does something else.
BATCH = 64
# Most requests that wait for the end; further ones are answered at once.
MOST_WAITING = 64


class ControlSocket:
    """Answers requests. `owner` is its name in the log.

    `address` None means the default place in the runtime directory. `late` is a verb
    whose replies are sent at the end. `statistics` returns the reply to STATISTICS of
    `zmq_proxy_steerable`, if there is one.
    """

    def __init__(
        self,
        owner: str,
        address: str | None,
        verbs: Mapping[str, wire.Verb],
        *,
        late: str = "",
        statistics: Callable[[], list[bytes]] | None = None,
        security: Security | None = None,
    ) -> None:
        self._owner, self._address, self._verbs = owner, address, verbs
        self._security = security
        self._late, self._statistics = late, statistics
        self.context: zmq.Context[Any] = zmq.Context()
        self.name = owner
        """The name by which `ctl` finds it."""
        self._open: OpenSocket | None = None
        self.door: Door | None = None
        self._place: Path | None = None
        self._on: Any = None
        self._at_end: list[list[bytes]] = []  # requests that are answered at the end

    def open(self) -> AddressState | None:
        """Bind the socket and return its address.

        Returns None, after a warning, when the default place cannot be used: the device
        then runs without a control socket. Raises RunError for a configured address
        that cannot be bound.
        """
        self._open = make(self.context, "control", "ROUTER", OPTIONS)
        self.door = Door(self._open, self._security)
        if not self._bind(self._open):
            return None
        return AddressState("bind", self._address or "", self._open.addresses[0].actual)

    def serve(self, loop: Loop, on: Any) -> None:
        """Serve requests; verbs act on `on`."""
        assert self._open is not None
        assert self.door is not None
        self._on = on
        loop.watch(self._open.socket, self._serve)
        self.door.open(loop)

    def close(self, loop: Loop) -> None:
        """Answer the requests that wait for the end, then close."""
        for frames in self._at_end:
            self._send(self.answer(frames))
        if self._open is not None:
            loop.unwatch(self._open.socket)
        if self._place is None:
            self._close()
            return
        # libzmq removes the file after closing the socket; the lock keeps others from
        # taking the name.
        with runtimedir.locked(self._place):
            self._close()

    def _close(self) -> None:
        if self.door is not None:
            self.door.close()
        if self._open is not None:
            self._open.close(LINGER_MS)
        self.context.term()

    def _bind(self, opened: OpenSocket) -> bool:
        if self._address is not None:
            opened.bind(self._address)
            if self._security is None or mechanism(self._security) == "null":
                _warn_of_strangers(self._owner, self._address)
            return True
        try:
            place = runtime_place.prepare()
            with runtimedir.claim(place, self._owner) as found:
                opened.bind(found.address)
        except (RunError, OSError) as error:
            hint = "--control ADDRESS names another place"
            log.warning("%s: no control socket: %s; %s", self._owner, error, hint)
            return False
        self._place, self.name = place, found.name
        if found.name != self._owner:
            log.warning("%s: ctl, top and tap know it as %s", self._owner, found.name)
        return True

    def _serve(self) -> None:
        assert self.door is not None
        for _ in range(BATCH):
            frames = self.door.take()
            if frames is None:
                return
            if not self._put_off(frames):
                self._send(self.answer(frames))

    def _put_off(self, frames: list[bytes]) -> bool:
        """Keep a request that is answered only at the end; return whether it is one."""
        if not self._late or len(self._at_end) >= MOST_WAITING:
            return False
        try:
            asked = wire.read_request(wire.split(frames)[1])
        except wire.Refused:
            return False
        late = asked.verb == self._late and not asked.args
        if late:
            self._at_end.append(frames)
        return late

    def _send(self, reply: list[bytes]) -> None:
        assert self._open is not None
        try:
            self._open.socket.send_multipart(reply, zmq.DONTWAIT)
        except zmq.ZMQError as error:
            # The peer has gone or does not read, so only its own reply is lost.
            log.debug("%s: reply dropped: client gone: %s", self._owner, error)

    def answer(self, frames: Sequence[bytes]) -> list[bytes]:
        """Return the reply to any message, with its envelope."""
        envelope, body = wire.split(frames)
        request: wire.ControlRequest | None = None
        try:
            request = wire.read_request(body)
            return [*envelope, *self._do(request)]
        except wire.Refused as refused:
            return [*envelope, wire.write_refusal(refused, request.id if request else None)]

    def _do(self, request: wire.ControlRequest) -> list[bytes]:
        if request.old and request.verb == wire.OLD_STATISTICS and self._statistics is not None:
            return self._statistics()
        verb = wire.find(self._verbs, request)
        result = self._act(verb, wire.check(verb, request.args))
        if verb.changes:
            said = " ".join([verb.name, *map(str, request.args.values())])
            log.info("%s: control: %s", self._owner, said)
        return [b""] if request.old else [wire.write_result(result, request.id)]

    def _act(self, verb: wire.Verb, arguments: dict[str, Any]) -> Any:
        try:
            return verb.act(self._on, **arguments)
        except wire.Refused:
            raise
        except ZmqdevError as error:
            raise wire.Refused("refused", str(error)) from None
        except Late:
            said = f"{self._owner} has not handled it yet; it will as soon as it can"
            raise wire.Refused("busy", said) from None
        except Exception as error:
            log.exception("%s: control: %s failed", self._owner, verb.name)
            raise wire.Refused("internal", f"{type(error).__name__}: {error}") from None


def _warn_of_strangers(name: str, address: str) -> None:
    """Warn about an open port, because a control socket can stop its owner."""
    if not address.startswith("tcp://"):
        return
    host = addresses.split(address).host
    if host not in ("127.0.0.1", "::1", "lo"):
        log.warning(
            "%s: any host that reaches %s can steer it; bind it to 127.0.0.1, use ipc, or "
            "--control-key and --control-clients",
            name,
            address,
        )
