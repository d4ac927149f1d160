"""How a worker answers a request, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zmqdev.endpoints.form.template import Template


@dataclass(frozen=True)
class Work:
    """How a request is answered. `joiner` is put between the frames of a body."""

    reply: Sequence[Template]
    echo: bool = False
    command: str | None = None
    limit: float = 60.0
    delay: float = 0.0
    jobs: int = 1
    joiner: bytes = b" "
    separator: bytes | None = None
    noun: str = "request"
    silent: bool = False  # a failed command gives an empty list instead of a reply

    @property
    def instant(self) -> bool:
        """Whether a request is answered without a pause and a command."""
        return not self.delay and self.command is None
