"""A forwarder's way upstream: each subscription is checked before it is passed on.

The relay carries the data. Subscriptions are few, need their peer's connection and name, and are
handled between two short runs of the relay. The XPUB reports every subscription and unsubscription
(XPUB_VERBOSER, or XPUB_MANUAL). What is passed on follows a separate count of them: see
security.subscriptions. A peer that exceeds a limit is disconnected, and then libzmq forgets all its
subscriptions.

With rights, or where newcomers get last values, the XPUB is manual: a subscription counts only when
it is granted. A grant applies to the connection whose frame libzmq takes for the one read last, so
it is made only where that is certain:

- For each subscription and unsubscription libzmq notes a connection. For an ordinary message it
  notes none, and yet removes a note for each frame read. So after an ordinary message all grants
  would apply to another connection, until nothing is left to read. Therefore its sender is cut, and
  so is every connection that subscribes until then: it will come again.
- libzmq keeps notes of connections that have ended, and may find another one at the same place in
  memory. So nothing is granted to a connection that is not known to exist still.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable

import zmq

from zmqdev.device.hangup import Hangups
from zmqdev.device.socket import OpenSocket
from zmqdev.device.subscriber import FRAME_HEAD, Subscriber
from zmqdev.device.turnstile import Turnstile
from zmqdev.options.limits import Limits
from zmqdev.relay import Counters
from zmqdev.relay.counters import ROWS, WIDTH
from zmqdev.relay.last_value import Newcomers
from zmqdev.relay.upstream import ADDRESS, DESCRIPTOR, NOWHERE, USER, upstream
from zmqdev.security.acl import Rights
from zmqdev.security.networks import network_of, number_of
from zmqdev.security.policy import ANONYMOUS
from zmqdev.security.subscriptions import (
    UNSUBSCRIBE,
    SubscriptionLimits,
    Subscriptions,
    SubscriptionVerdict,
)
from zmqdev.system.descriptor import inode_of
from zmqdev.system.libzmq import Keeper
from zmqdev.system.process_info import WireBytes

# Frames taken between two runs of the relay, about a millisecond of work.
BURST = 200
# Milliseconds of a run of the relay while subscriptions come, and while none do, which is the
# longest time that one waits. Fifty turns a second of this loop cost less than 1 % of a core.
BUSY_MS, CALM_MS = 1, 20
# Seconds between two searches for peers that have left without a subscription.
SWEEP = 5.0
# Seconds in which there is always something left to read, after which the peer that changes its
# subscriptions most is cut.
BEHIND = 2.0
# A connection that is cut is ended when the XPUB has been read to its end so often since, the first
# time in the turn of the cut, and so many seconds have gone by, in which libzmq's thread hands over
# what it has read. There may always be more to read: then the end comes after the longer time.
ENDS_READ, SETTLED, LONGEST_END = 2, 0.02, 1.0
BACKWARD = 1
_DROPS = {
    SubscriptionVerdict.NOT_SUBSCRIPTION: ROWS["not_subscription"],
    SubscriptionVerdict.TOO_LONG: ROWS["topic_too_long"],
}
_KINDS = (b"\x00", b"\x01")
ORDINARY = "it sent a message that is not a subscription; its connection is cut"
INTERRUPTED = "another peer broke the protocol at that moment; it may come again at once"
HURRY = "all together change more subscriptions than can be passed on, and it most of them"


class Subscribing:
    """The subscriptions of a forwarder; used in the engine's thread only.

    Another thread may replace `rights`. The backend has XPUB_VERBOSER, or XPUB_MANUAL with rights
    or newcomers, since before it was bound. `repeats`: subscriptions to a topic that is held
    already are passed on as well.
    """

    def __init__(
        self,
        frontend: OpenSocket,
        backend: OpenSocket,
        counters: Counters,
        limits: Limits,
        rights: Rights | None,
        repeats: bool = False,
        newcomers: Newcomers | None = None,
    ) -> None:
        self.rights, self.repeats, self._newcomers = rights, repeats, newcomers
        # Whether a subscription counts only when it is granted here.
        self._manual = rights is not None or newcomers is not None
        self.tap: zmq.Socket[bytes] | None = None
        self.capture: zmq.Socket[bytes] | None = None
        self.label = b""  # the first frame of a copy for the capture
        self.turns = 0
        self.emptied = 0  # how many times nothing was left to read
        # Polling lets other threads run, unlike reading EVENTS: the XPUB takes in everything that
        # has come, which may be much.
        self._poller = zmq.Poller()
        self._poller.register(backend.socket, zmq.POLLIN)
        self._frontend, self._backend, self._counters = frontend, backend, counters
        self._upstream = upstream(backend.socket)
        self._wire = WireBytes()
        self._turnstile = Turnstile(Keeper.DATA, backend.listeners)
        self._subscribers: dict[Hashable, Subscriber] = {}
        self._newest: dict[int, Subscriber] = {}  # by descriptor
        # Those that are cut and not ended yet: with `emptied` and the time of the cut.
        self._ending: list[tuple[Subscriber, int, float]] = []
        self._certain = True  # whether it is certain to which connection a grant would apply
        self._departed = False  # whether a peer has gone since the last sweep
        self._swept = self._caught_up = self._now = time.monotonic()
        self.accounts = Subscriptions(
            SubscriptionLimits(
                limits.topic_length,
                limits.subscriptions,
                limits.subscriptions_per_peer,
                limits.subscription_bytes,
                limits.subscription_bytes_per_peer,
                limits.subscription_changes_per_peer,
            )
        )

    def turn(self, overrun: float = 0.0) -> bool:
        """Handle some subscriptions; return whether there may be more. `overrun`: how many
        seconds longer than it should the last run of the relay took."""
        self._turnstile.overran(overrun)
        self.turns += 1
        self._now = time.monotonic()
        with self._turnstile.work():
            more = self._read()
        if not more:
            self._turnstile.caught_up()
        self._end_those_cut()
        return more or bool(self._ending)

    @property
    def crowded(self) -> bool:
        """Whether the next turn should come soon, though there is nothing more now."""
        return self._turnstile.crowded

    def _read(self) -> bool:
        if self._poller.poll(0):
            for _ in range(BURST):
                if not self._upstream.next():
                    break
                self._take()
            else:
                self._hurry()
                return True
        self.emptied += 1
        self._certain, self._caught_up = True, self._now
        if self._departed or self._now - self._swept >= SWEEP:
            self._sweep()
        return False

    def close(self) -> None:
        """Release what is kept of each connection."""
        for subscriber in self._subscribers.values():
            subscriber.kept.close()
        self._subscribers, self._newest = {}, {}

    def _take(self) -> None:
        subscriber = self._whose()
        if subscriber is not None and subscriber.account.cut and not self._manual:
            return
        frame = self._upstream.frame
        if subscriber is not None:
            subscriber.read += len(frame) + FRAME_HEAD
            self._counters.origins.note(BACKWARD, (subscriber.descriptor,))
        ordinary = frame[:1] not in _KINDS
        if ordinary and self._manual:
            self._certain = False
        if subscriber is None:
            self._departed = True
            self._take_from_unknown(frame)
        elif ordinary:
            self._take_ordinary(frame, subscriber)
        elif not subscriber.account.cut:
            self._take_subscription(frame, subscriber)

    def _take_ordinary(self, frame: bytes, subscriber: Subscriber) -> None:
        verdict = self.accounts.take(frame, subscriber.account, self._now)
        self._drop(SubscriptionVerdict.NOT_SUBSCRIPTION)
        if verdict is SubscriptionVerdict.CUT:
            self._cut(subscriber, "subscriptions", f"{subscriber.account.cut}; {_CUT}")
        elif not subscriber.account.cut and (self._upstream.more or self._manual):
            self._cut(subscriber, "frame", ORDINARY)

    def _take_subscription(self, frame: bytes, subscriber: Subscriber) -> None:
        account, topic = subscriber.account, frame[1:]
        if self._manual and not self._reaches(subscriber):
            return
        held = topic in account.topics
        allowed = frame[0] == UNSUBSCRIBE or self._may_subscribe(subscriber, topic)
        verdict = self.accounts.take(frame, account, self._now, allowed)
        if self.accounts.payer is not None:
            self._charge()
        if self._manual and held != (topic in account.topics):
            self._grant(topic, gone=held)
        self._carry_out(verdict, frame)

    def _take_from_unknown(self, frame: bytes) -> None:
        """Handle a frame of a peer in this process, of one that has gone, or of an old one.

        Old is ZMTP 2.0 and before.
        """
        allowed = frame[:1] != b"\x01" or self._certain
        if allowed and self.rights is not None and frame[:1] == b"\x01":
            allowed = self.rights.may_subscribe(ANONYMOUS, frame[1:])
        if not allowed:
            return
        verdict = self.accounts.take(frame, None, self._now)
        if self._manual and self._certain and frame[:1] in _KINDS:
            # For a peer that has gone libzmq does nothing.
            gone = frame[0] == UNSUBSCRIBE
            if gone or verdict in (SubscriptionVerdict.PASS, SubscriptionVerdict.REPEATED):
                self._grant(frame[1:], gone=gone)
        self._carry_out(verdict, frame)

    def _grant(self, topic: bytes, *, gone: bool) -> None:
        """Grant to the connection whose frame was read last, and greet it as a newcomer."""
        self._backend.socket.set(zmq.UNSUBSCRIBE if gone else zmq.SUBSCRIBE, topic)
        if self._newcomers is not None and not gone:
            self._newcomers.greet(topic)

    def _carry_out(self, verdict: SubscriptionVerdict, frame: bytes) -> None:
        if verdict is SubscriptionVerdict.PASS:
            self._pass(frame)
        elif verdict is SubscriptionVerdict.REPEATED and self.repeats:
            self._repeat(frame)
        elif verdict in _DROPS:
            self._drop(verdict)

    def _pass(self, frame: bytes) -> None:
        self._frontend.socket.send(frame, zmq.DONTWAIT)
        self._counters.cells[WIDTH + ROWS["messages"]] += 1
        self._counters.cells[WIDTH + ROWS["bytes"]] += len(frame)
        if self.tap is not None:
            self.tap.send_multipart([b"<", frame], zmq.DONTWAIT)
        if self.capture is not None:
            copy = [self.label, frame] if self.label else [frame]
            self.capture.send_multipart(copy, zmq.DONTWAIT)

    def _repeat(self, frame: bytes) -> None:
        """Pass on a repeated subscription.

        XSUB counts how often it was given a topic. Publishers are told of the first subscription,
        of each that is repeated, and of the last unsubscription.
        """
        self._pass(frame)
        self._frontend.socket.send(b"\x00" + frame[1:], zmq.DONTWAIT)

    def _withdraw(self, topics: Iterable[bytes]) -> None:
        for topic in topics:
            self._pass(b"\x00" + topic)

    def _drop(self, verdict: SubscriptionVerdict) -> None:
        self._counters.cells[WIDTH + _DROPS[verdict]] += 1

    def _may_subscribe(self, subscriber: Subscriber, topic: bytes) -> bool:
        if self.rights is None or self.rights.may_subscribe(subscriber.user, topic):
            return True
        text = f"{subscriber.user} may not subscribe to {_shown(topic)}"
        self._refuse("rights", text, subscriber.address)
        return False

    def _reaches(self, subscriber: Subscriber) -> bool:
        """Return whether a grant applies to this peer for sure; otherwise cut it, if it exists."""
        if self._certain and not subscriber.has_ended(self._wire):
            return True
        if not self._certain:
            self._cut(subscriber, "interrupted", INTERRUPTED)
        return False

    def _whose(self) -> Subscriber | None:
        origin = self._upstream.origin
        if origin == NOWHERE:
            return None
        found = self._subscribers.get(origin)
        return found if found is not None else self._meet(origin)

    def _meet(self, origin: Hashable) -> Subscriber:
        frame = self._upstream
        descriptor = int(frame.property(DESCRIPTOR))
        address = frame.property(ADDRESS)
        # Peers over ipc have no address; each is counted alone.
        host = network_of(address) if number_of(address) is not None else ""
        subscriber = Subscriber(
            origin,
            self.accounts.open(self._now, host),
            frame.keep(),
            descriptor,
            frame.property(USER) or ANONYMOUS,
            address,
            None if Hangups.owns(descriptor) else inode_of(descriptor),
        )
        if descriptor in self._newest:
            self._newest[descriptor].superseded = True
        self._subscribers[origin] = self._newest[descriptor] = subscriber
        return subscriber

    def _charge(self) -> None:
        """Cut the peer that pays for what was asked."""
        payer = self.accounts.payer
        for subscriber in self._subscribers.values():
            if subscriber.account is payer:
                self._cut(subscriber, "subscriptions", f"{subscriber.account.cut}; {_CUT}")

    def _hurry(self) -> None:
        """Cut the peer that changes most when there was more to read for too long."""
        if self._now - self._caught_up < BEHIND:
            return
        self._caught_up = self._now
        account = self.accounts.largest_changer(self._now)
        for subscriber in self._subscribers.values():
            if subscriber.account is account:
                self._cut(subscriber, "subscriptions", f"{HURRY}; {_CUT}")

    def _cut(self, subscriber: Subscriber, reason: str, text: str) -> None:
        """Cut a peer: it holds nothing from now on, and its unread frames do not count."""
        subscriber.account.cut = subscriber.account.cut or text
        if not self._manual:
            self._upstream.skipped.add(subscriber.origin)
        if not subscriber.has_ended(self._wire):
            self._ending.append((subscriber, self.emptied, self._now))
        self._withdraw(self.accounts.release(subscriber.account))
        self._departed = True
        self._refuse(reason, text, subscriber.address)

    def _end_those_cut(self) -> None:
        """End those of which it is known by now that they still have their descriptors."""
        waiting = []
        for subscriber, emptied, since in self._ending:
            read, waited = self.emptied - emptied >= ENDS_READ, self._now - since
            if (read and waited >= SETTLED) or waited > LONGEST_END:
                subscriber.end()
            else:
                waiting.append((subscriber, emptied, since))
        self._ending = waiting

    def _sweep(self) -> None:
        """Find the peers that have gone. Everything that they sent has been read."""
        for subscriber in list(self._subscribers.values()):
            if subscriber.has_ended(self._wire):
                self._forget(subscriber)
        self._withdraw(self.accounts.settle())
        self._departed, self._swept = False, self._now

    def _forget(self, subscriber: Subscriber) -> None:
        self._withdraw(self.accounts.release(subscriber.account))
        del self._subscribers[subscriber.origin]
        self._upstream.skipped.discard(subscriber.origin)
        if self._newest.get(subscriber.descriptor) is subscriber:
            del self._newest[subscriber.descriptor]
        subscriber.kept.close()

    def _refuse(self, reason: str, text: str, address: str) -> None:
        guard = self._backend.guard
        if guard is not None:
            guard.refuse(reason, text, address, time.monotonic())


_CUT = "its connection is cut"


def _shown(topic: bytes) -> str:
    text = topic[:80].decode("utf-8", "backslashreplace")
    return repr(text) + ("..." if len(topic) > 80 else "")
