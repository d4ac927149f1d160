"""Known defects of libzmq and how zmqdev guards against each, declared as a table."""

from __future__ import annotations

from dataclasses import dataclass

Version = tuple[int, int, int]


@dataclass(frozen=True)
class Defect:
    """A defect of libzmq.

    `reference` is the number of its issue or pull request. `fixed` is the first release
    without the defect; None when there is none yet.
    """

    reference: str
    what: str
    guard: str
    fixed: Version | None = None

    def concerns(self, version: Version) -> bool:
        """Whether this version of libzmq has the defect."""
        return self.fixed is None or version < self.fixed


DEFECTS = (
    Defect(
        "4671",
        "a subscriber's long topic overflows the stack of an XSUB: the program crashes",
        "subscriptions above --limits-topic-length are dropped before they reach one",
    ),
    Defect(
        "4600",
        "zmq_proxy_steerable: PAUSE does nothing and RESUME pauses",
        "a control socket of our own; the old words do what the manual says",
        fixed=(4, 3, 6),
    ),
    Defect(
        "4071, 3407",
        "zmq_proxy takes a whole core while a target is full",
        "the relay waits for the target to have room, instead of for input",
    ),
    Defect(
        "1382",
        "zmq_proxy blocks in a send: a stalled peer stops steering and statistics",
        "no send ever waits",
    ),
    Defect(
        "3937",
        "a heartbeat aborts the program when a peer that is not read has reset its connection, and "
        "ends the connection of a reader that rests",
        "no heartbeats unless asked for; TCP keepalive instead",
    ),
    Defect(
        "3937, 4364, 4767",
        "a peer that sends a PING behind more messages than are read, and resets its connection, "
        "aborts the program",
        "libzmq is not told of the end of a connection that it does not poll, and reads it later",
    ),
    Defect(
        "4524",
        "a peer that hangs up while high-water marks are changed ends the program",
        "marks are changed when no connection is about to go",
    ),
    Defect(
        "",
        "two peers that take the next numbers of a ROUTER as their routing ids abort the program",
        "the numbers begin at random, and are shown to no other peer",
    ),
    Defect(
        "",
        "an unread socket monitor freezes the whole context after about 700 connections",
        "monitors are read in every turn and have no high-water mark",
    ),
    Defect(
        "",
        "binding ipc:// deletes a file that is there, and takes the address of a live socket",
        "both are refused; sockets have mode 0600",
    ),
    Defect(
        "",
        "tcp://*:99999 binds another port instead of failing",
        "addresses are checked before libzmq sees them",
    ),
    Defect(
        "",
        "an idle PUB or XPUB handles no new subscribers: what comes next is lost for them",
        "every loop reads the events of every socket at least each 100 ms",
    ),
    Defect(
        "",
        "a client refused by authentication never tries again",
        "it is said, and the connection is made anew with growing pauses",
    ),
)
