"""A connection that has sent subscriptions, and whether it still owns its descriptor.

The system gives a descriptor to the next connection as soon as one has ended, and frames are read
later than they came. Frames of two connections that had a number one after the other are read in
that order. So a connection has certainly ended
- when a newer one with its number has been seen,
- when the number is closed, or belongs to another socket than the one first seen,
- when libzmq has read less from that socket than came from this connection.

The socket first seen may be the next one's already, and that one may have sent as much. But what
libzmq has read from it is in the XPUB soon. So a connection is ended in two steps: `has_ended`
looks at the socket, and `end` comes when the XPUB has been read to its end once more. A connection
that is not superseded then is the one that it is taken for.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from zmqdev.relay.upstream import KeptFrame
from zmqdev.security.subscriptions import Account
from zmqdev.system.descriptor import Connection, inode_of
from zmqdev.system.process_info import WireBytes

# Bytes of a greeting and the shortest READY (RFC 23), and of the shortest head of a frame.
HANDSHAKE, FRAME_HEAD = 64 + 27, 2


@dataclass(eq=False)
class Subscriber:
    """A connection that has sent subscriptions.

    `origin` is its name in relay.upstream. `inode` is that of the socket that had the descriptor
    when it was first seen, None if it was closed already. `read` is how many bytes the socket must
    have received. `superseded`: another connection has its descriptor.
    """

    origin: Hashable
    account: Account
    kept: KeptFrame
    descriptor: int
    user: str
    address: str
    inode: int | None
    read: int = HANDSHAKE
    superseded: bool = False

    def has_ended(self, wire: WireBytes) -> bool:
        """Return whether it is known to have ended."""
        if self.superseded or self.inode is None or inode_of(self.descriptor) != self.inode:
            return True
        unread = wire.unread(self.descriptor)
        received = wire.received(self.descriptor)
        return received is not None and received - unread < self.read

    def end(self) -> None:
        """End it, unless it has ended; a connection that has got its number is left alone."""
        if not self.superseded and self.inode is not None:
            Connection(self.descriptor, self.inode, self.address).cut()
