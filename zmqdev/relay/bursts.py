"""Many messages per call between a socket and a list, in Python.

Neither call ever waits. A message is a list of frames. `_native.c` has the same two functions;
`tests/relay` tests both in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from errno import EAGAIN, EHOSTUNREACH

import zmq

from zmqdev.relay.origins import NOWHERE, origin

# Plain numbers, since every `|` of two of pyzmq's flags makes an enum and takes a microsecond.
WAIT_NOT, MORE = int(zmq.DONTWAIT), int(zmq.DONTWAIT | zmq.SNDMORE)

BURST_BYTES = 4 << 20
"""A burst ends after this much, so that a list of large messages stays small."""
Message = Sequence[bytes | zmq.Frame]
"""Frames that hold what libzmq received are sent on without a copy."""
LOST = -1
"""`offer`: the target's peer left in the middle of the message."""


def recv_burst(
    socket: zmq.Socket[bytes],
    limit: int,
    seen: set[int] | None = None,
    named: list[tuple[int, int]] | None = None,
    sources: list[int] | None = None,
    /,
) -> list[list[bytes]]:
    """Take up to `limit` messages that have come; return `[]` when there is none.

    It ends early after BURST_BYTES of bodies. An error after the first message is kept for the next
    call, so that no message is lost.

    - `seen` gets the descriptors on which messages came, where known.
    - `named`, at a ROUTER, gets (place in the burst, descriptor or NOWHERE) of each message whose
      peer chose its routing id.
    - `sources` gets the descriptor of every message, or NOWHERE.
    """
    messages: list[list[bytes]] = []
    asked = any(one is not None for one in (seen, named, sources))
    room = BURST_BYTES
    while len(messages) < limit and room > 0:
        try:
            message, descriptor = receive_from(socket, asked)
        except zmq.ZMQError:
            if messages:
                break
            raise
        if message is None:
            break
        if seen is not None and descriptor != NOWHERE:
            seen.add(descriptor)
        if named is not None and not is_made(message[0]):
            named.append((len(messages), descriptor))
        if sources is not None:
            sources.append(descriptor)
        messages.append(message)
        room -= sum(map(len, message))
    return messages


def with_label(label: bytes, messages: Sequence[Sequence[bytes]]) -> Sequence[Sequence[bytes]]:
    """Copies for a capture, with this frame in front of each; empty: none."""
    return [[label, *message] for message in messages] if label else messages


def send_burst(
    socket: zmq.Socket[bytes], messages: Sequence[Sequence[bytes]], /
) -> tuple[int, int]:
    """Send messages until one is refused; return how many were accepted, and the reason.

    The reason is 0 (all accepted), EAGAIN (the next one would block) or EHOSTUNREACH (a ROUTER has
    no peer for the next one). No part of the refused message was sent. Raises TypeError for a frame
    that is not bytes and ValueError for a message without frames, before anything is sent.
    """
    for message in messages:
        check_frames(message)
    for accepted, message in enumerate(messages):
        refused = offer(socket, message)
        if refused:
            return accepted, EAGAIN if refused == LOST else refused
    return len(messages), 0


def check_frames(message: Sequence[bytes]) -> None:
    """Raise TypeError or ValueError unless it is a list or tuple of at least one bytes."""
    if not isinstance(message, (list, tuple)):
        raise TypeError("a message is a list of frames, each bytes")
    if not message:
        raise ValueError("a message has at least one frame")
    for frame in message:
        if not isinstance(frame, bytes):
            raise TypeError("a frame is bytes")


def receive(socket: zmq.Socket[bytes]) -> list[bytes] | None:
    """Receive a whole message; return None when there is none."""
    try:
        return socket.recv_multipart(WAIT_NOT)
    except zmq.Again:
        return None


def receive_from(socket: zmq.Socket[bytes], asked: bool) -> tuple[list[bytes] | None, int]:
    """Receive a whole message, and the descriptor on which it came if `asked`."""
    if not asked:
        return receive(socket), NOWHERE
    try:
        frames = socket.recv_multipart(WAIT_NOT, copy=False)
    except zmq.Again:
        return None, NOWHERE
    return [frame.bytes for frame in frames], origin(frames[-1])


def is_made(identity: bytes) -> bool:
    """Return whether libzmq made a routing id: a zero and four bytes. Peers choose the others."""
    return len(identity) == 5 and not identity[0]


def offer(socket: zmq.Socket[bytes], message: Message) -> int:
    """Send a message; return 0, EAGAIN or EHOSTUNREACH when nothing of it was sent, or LOST.

    While it sends, libzmq looks only once a millisecond whether a peer has made room. Reading
    EVENTS makes it look now, so that EAGAIN is right.
    """
    refused = offer_now(socket, message)
    if refused == EAGAIN:
        socket.getsockopt(zmq.EVENTS)
        refused = offer_now(socket, message)
    return refused


def offer_now(socket: zmq.Socket[bytes], message: Message) -> int:
    """Send a message like `offer`, without having libzmq look for room."""
    last = len(message) - 1
    for at, frame in enumerate(message):
        try:
            socket.send(frame, MORE if at < last else WAIT_NOT, copy=False)
        except zmq.ZMQError as error:
            if error.errno not in (EAGAIN, EHOSTUNREACH):
                raise
            if at == 0:
                return int(error.errno)
            finish(socket, message[at:])
            return LOST
    return 0


def finish(socket: zmq.Socket[bytes], rest: Message) -> None:
    """Bring a socket back to the start of a message after a later frame was refused.

    That happens when the peer leaves between two frames. PUSH and DEALER have then taken back the
    earlier frames and drop what follows up to the last frame, so the rest must be sent to them. A
    refused last frame must not be sent, since it would arrive alone. A PAIR has no such state.
    """
    if socket.type == zmq.PAIR or len(rest) == 1:
        return
    for at, frame in enumerate(rest, 1):
        socket.send(frame, MORE if at < len(rest) else WAIT_NOT, copy=False)
