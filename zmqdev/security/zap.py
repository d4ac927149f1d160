"""The ZAP handler: one thread for each context, which answers libzmq for every handshake.

It must be bound before the first socket with a policy is, or libzmq lets that socket's
peers wait. A policy is replaced as a whole: a handshake sees the old or the new one,
and connected peers stay.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import zmq

from zmqdev.errors import RunError
from zmqdev.security.hashing import Hashing, Question
from zmqdev.security.policy import Policy, Verdict, crowded, decide, failed, refuse, settle
from zmqdev.security.refusals import Refusals
from zmqdev.security.throttle import Throttle
from zmqdev.wire.zap import (
    ENDPOINT,
    REFUSED,
    TEMPORARY,
    Malformed,
    ZapReply,
    ZapRequest,
    build_reply,
    parse_request,
)

LOG = logging.getLogger("zmqdev.security")
_names = itertools.count()
# At least one turn in this time, so that refusals that were not logged are summed up.
TURN_MS = 1000
BURST = 100

# Domains are remembered after their sockets closed, for as long as a handshake may
# take.
MOST_LEFT = 1000
Context = zmq.Context[Any]
Socket = zmq.Socket[Any]


@dataclass
class Registration:
    """What the handler knows of one socket. `policy` may be replaced at any time."""

    policy: Policy
    refusals: Refusals


class Handler:
    """Answers for the sockets of `context` by their ZAP domain, one registration each."""

    def __init__(self, context: Context) -> None:
        self.sides: dict[str, Registration] = {}
        self.strays = Refusals("zap")
        self._left: deque[str] = deque(maxlen=MOST_LEFT)
        self._context = context
        self._throttle = Throttle()
        self._poller = zmq.Poller()
        self._hashing: Hashing | None = None
        self._thread: threading.Thread | None = None
        self._wake: Socket | None = None

    def start(self) -> None:
        """Bind and answer; raises RunError when the context already has a handler."""
        socket = self._context.socket(zmq.ROUTER)
        socket.linger = 0
        # Answers are never dropped: a peer would wait until its handshake times out.
        socket.sndhwm = socket.rcvhwm = 0
        try:
            socket.bind(ENDPOINT)
        except zmq.ZMQError as error:
            socket.close()
            reason = os.strerror(error.errno or 0).lower()
            raise RunError(f"cannot start the ZAP handler: {reason}") from error
        stop, self._wake = _pair(self._context)
        self._thread = threading.Thread(
            target=self._run, args=(socket, stop), name="zap", daemon=True
        )
        self._thread.start()

    def leave(self, domain: str) -> bool:
        """Unregister a domain whose socket closes; return False when it was not registered.

        A handshake may still be under way. Its peer is asked to try again, because a
        400 would be final and another socket may take over the address.
        """
        if self.sides.pop(domain, None) is None:
            return False
        self._left.append(domain)
        return True

    def stop(self) -> None:
        """End the thread and free the address; does nothing when it is not running."""
        if self._thread is None or self._wake is None:
            return
        if not self._wake.closed:
            self._wake.send(b"")
        self._thread.join()
        self._wake.close()
        self._thread = self._wake = None

    def _run(self, socket: Socket, stop: Socket) -> None:
        poller = self._poller = zmq.Poller()
        poller.register(socket, zmq.POLLIN)
        poller.register(stop, zmq.POLLIN)
        try:
            while stop not in (ready := dict(poller.poll(TURN_MS))):
                if socket in ready:
                    self._answer_burst(socket)
                self._hash(socket)
                for refusals in (self.strays, *(side.refusals for side in [*self.sides.values()])):
                    refusals.pause_over(time.monotonic())
        except zmq.ContextTerminated:
            # `stop` will not be called, and an open socket would block the end of the
            # context.
            LOG.debug("the context ended under the ZAP handler")
            if self._wake is not None:
                self._wake.close()
            socket.close()
        else:
            # Closing alone frees the address later; another handler may start at once.
            socket.unbind(ENDPOINT)
            socket.close()
        finally:
            stop.close()
            if self._hashing is not None:
                self._hashing.close()
                self._hashing = None

    def _answer_burst(self, socket: Socket) -> None:
        """Answer some requests, then return to check whether to stop."""
        for _ in range(BURST):
            try:
                frames = socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            answer = self._answer(frames, time.monotonic())
            if answer:
                socket.send_multipart(answer, zmq.DONTWAIT)

    def _answer(self, frames: list[bytes], now: float) -> list[bytes]:
        request = parse_request(frames)
        if isinstance(request, Malformed):
            self.strays.add("malformed", request.why, "", now)
            if request.id is None:
                return []
            return build_reply(request.envelope, request.id, ZapReply(REFUSED, request.why))
        side = self.sides.get(request.domain)
        if side is None and request.domain in self._left:
            return build_reply(request.envelope, request.id, ZapReply(TEMPORARY, "closing"))
        verdict = self._judge(side, request, now)
        if verdict is None and side is not None:
            question = Question(request.domain, request, side.policy.users, now)
            verdict = None if self._hashing_now().put(question) else crowded()
        return self._said(request, verdict, now) if verdict is not None else []

    def _said(self, request: ZapRequest, verdict: Verdict, now: float) -> list[bytes]:
        side = self.sides.get(request.domain)
        if not verdict.let_in:
            refusals = side.refusals if side else self.strays
            refusals.add(verdict.reason, verdict.reply.text, request.address, now)
        return build_reply(request.envelope, request.id, verdict.reply)

    def _hashing_now(self) -> Hashing:
        """Return the hashing queue; its thread starts with the first password."""
        if self._hashing is None:
            self._hashing = Hashing()
            self._poller.register(self._hashing, zmq.POLLIN)
        return self._hashing

    def _hash(self, socket: Socket) -> None:
        """Answer for hashed passwords, and hash the next one."""
        if self._hashing is None:
            return
        now = time.monotonic()
        for question, right in self._hashing.answers():
            verdict = settle(question.request, right, self._throttle, now)
            socket.send_multipart(self._said(question.request, verdict, now), zmq.DONTWAIT)
        self._hashing.go_on(now, lambda question: self._is_still_asked(socket, question, now))

    def _is_still_asked(self, socket: Socket, question: Question, now: float) -> bool:
        """Whether a password still has to be hashed.

        By now it may be known, or its address may have failed too often.
        """
        side = self.sides.get(question.domain)
        verdict = self._judge(side, question.request, now)
        if verdict is not None:
            socket.send_multipart(self._said(question.request, verdict, now), zmq.DONTWAIT)
        return verdict is None

    def _judge(self, side: Registration | None, request: ZapRequest, now: float) -> Verdict | None:
        """Decide as `decide` does; an internal error refuses this peer and logs a traceback."""
        if side is None:
            return refuse("domain", f"no policy for domain {request.domain!r}")
        try:
            return decide(side.policy, request, self._throttle, now)
        except Exception:
            LOG.exception("the ZAP handler failed on a request for domain %r", request.domain)
            return failed()


def _pair(context: Context) -> tuple[Socket, Socket]:
    """Return two joined PAIR sockets, for the thread and for the caller."""
    inside, outside = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    inside.linger = outside.linger = 0
    # Closing frees a name only later, so no name is used twice.
    address = f"inproc://zmqdev-zap-{next(_names)}"
    inside.bind(address)
    outside.connect(address)
    return inside, outside
