"""The owner of each routing id chosen by a peer, and whether its connection still exists.

A ROUTER knows peers only by their routing ids. As soon as a connection has ended, or even before
(ROUTER_HANDOVER), another peer may connect with the same id. It would get the messages meant for
the first one, without any sign of the change. So such an id belongs to the connection on which its
last message came, and only as long as that connection exists.

Ids made by libzmq are never used again, and no peer knows that of another, so ordinary peers cost
nothing here.
"""

from __future__ import annotations

from collections.abc import Callable

from zmqdev.system.descriptor import inode_of

# Number of ids from which those of ended connections are searched for.
MANY = 1000


class Owners:
    """Connections by routing id: (descriptor, inode of its socket; None if it had ended)."""

    def __init__(self) -> None:
        self._owners: dict[bytes, tuple[int, int | None]] = {}
        self._many = MANY

    def __bool__(self) -> bool:
        """Return whether any id is known."""
        return bool(self._owners)

    def __len__(self) -> int:
        """Return how many ids are known."""
        return len(self._owners)

    def passes(self, identity: bytes, descriptor: int) -> bool:
        """Record a message on a descriptor; return whether another connection had that id before.

        A message may be read after its connection has ended; it still belongs to the owner. Peers
        in this process have no descriptor (below 0), and their id is trusted.
        """
        if descriptor < 0:
            return False
        before = self._owners.get(identity)
        inode = inode_of(descriptor)
        if before is not None and before[0] == descriptor and inode in (before[1], None):
            return False
        self._owners[identity] = (descriptor, inode)
        return before is not None

    def has_left(self, identity: bytes) -> bool:
        """Return whether the connection that owns an id has ended."""
        owner = self._owners.get(identity)
        if owner is None:
            return False
        descriptor, inode = owner
        return inode is None or inode_of(descriptor) != inode

    def forget(self, needed: Callable[[bytes], bool]) -> None:
        """Forget ids whose connection has ended, unless something is still kept for them.

        It is cheap while there are few ids.
        """
        if len(self._owners) < self._many:
            return
        for identity in [one for one in self._owners if self.has_left(one)]:
            if not needed(identity):
                del self._owners[identity]
        self._many = max(MANY, 2 * len(self._owners))
