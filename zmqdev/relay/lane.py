"""The rules of one direction of a relay."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Lane:
    """What a direction lets through, and what it does when its target is full.

    A limit of 0 is no limit. A message that breaks a limit is dropped whole and counted under the
    limit's name. A ROUTER target never blocks a lane: if a peer is full or unreachable, only its
    own message is lost, whatever `on_full` says.
    """

    enabled: bool = True
    on_full: Literal["block", "drop"] = "block"
    """`block`: hold one message and wait for the target. `drop`: count it as `full`."""
    subscriptions_only: bool = False
    r"""Pass only single frames that begin with \x00 or \x01, as an XPUB hands them up."""
    topic_limit: int = 0
    """Bytes of topic in a subscription. A long one overflows an XSUB's stack (libzmq 4671)."""
    max_frames: int = 0
    """Frames of one message."""
    max_bytes: int = 0
    """Bytes of one message, all frames together."""

    @property
    def limits(self) -> bool:
        """Whether messages must be checked."""
        sizes = self.topic_limit or self.max_frames or self.max_bytes
        return self.subscriptions_only or bool(sizes)

    def oversize(self, message: Sequence[Sized]) -> str | None:
        """Return the counter for a message whose size breaks a limit; None for others."""
        if self.max_frames and len(message) > self.max_frames:
            return "too_many_frames"
        if self.max_bytes and sum(map(len, message)) > self.max_bytes:
            return "too_large"
        return None

    def __post_init__(self) -> None:
        if min(self.topic_limit, self.max_frames, self.max_bytes) < 0:
            raise ValueError("a limit is 0 (none) or more")
