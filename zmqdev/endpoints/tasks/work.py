"""The work of a worker on a request, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zmqdev.endpoints.form.template import Template


@dataclass(frozen=True)
class Work:
    """What is done with a request. `joiner` stands between the frames of a body."""

    reply: Sequence[Template]
    echo: bool = False
    command: str | None = None
    limit: float = 60.0
    delay: float = 0.0
    jobs: int = 1
    joiner: bytes = b" "
    separator: bytes | None = None
    noun: str = "request"
    silent: bool = False  # a command that failed gives an empty list, and no reply in words

    @property
    def instant(self) -> bool:
        return not self.delay and self.command is None
