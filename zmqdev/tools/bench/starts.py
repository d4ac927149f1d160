"""What the startup load starts: a row each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Start:
    """`arguments` of Python; None: a streamer, until the first message has come through it."""

    name: str
    arguments: tuple[str, ...] | None


STARTS = {
    row.name: row
    for row in (
        Start("python -c pass", ("-c", "pass")),
        Start("import zmq", ("-c", "import zmq")),
        Start("import click", ("-c", "import click")),
        Start("zmqdev --version", ("-m", "zmqdev", "--version")),
        Start("zmqdev --help", ("-m", "zmqdev", "--help")),
        Start("device until it forwards", None),
    )
}
