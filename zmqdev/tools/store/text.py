"""How the verbs of `zmqdev store` print what is kept."""

from __future__ import annotations

from collections.abc import Sequence

import click

from zmqdev.broker.letter import REASONS
from zmqdev.broker.record import Dead
from zmqdev.stats import units

Held = tuple[int, "float | None", int]
NOTHING: Held = (0, None, 0)

# Bytes of a body that a list shows.
SHOWN = 40
DEAD_HEAD: tuple[str, ...] = ("number", "service", "reason", "age", "bytes", "body")
SERVICE_HEAD: tuple[str, ...] = ("service", "requests", "oldest", "bytes", "dead")


def printable(raw: bytes) -> str:
    """Decode bytes, with unprintable characters replaced."""
    text = raw.decode(errors="replace")
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def table(lines: Sequence[tuple[str, ...]]) -> None:
    """Print rows in aligned columns."""
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())


def frames(body: Sequence[bytes]) -> None:
    """Print the frames of a body with their sizes."""
    for frame in body:
        click.echo(f"  {units.size(len(frame))}  {printable(frame)}")


def service_line(service: bytes, held: Held, dead: int, now: float) -> tuple[str, ...]:
    """Return a row; `held` is (requests, arrival of the oldest, bytes)."""
    count, oldest, size = held
    age = "" if oldest is None else units.duration(max(0.0, now - oldest))
    return (printable(service), str(count), age, units.size(size), str(dead))


def dead_line(number: int, letter: Dead | None, now: float) -> tuple[str, ...]:
    """Return a row for a dead letter; None stands for a damaged one."""
    if letter is None:
        return (str(number), "", "damaged dead letter", "", "", "")
    body = b" ".join(letter.body)
    age = units.duration(max(0.0, now - letter.at))
    about = (str(number), printable(letter.service), letter.reason, age)
    return (*about, units.size(len(body)), printable(body[:SHOWN]))


def show_dead(number: int, letter: Dead) -> None:
    """Print a dead letter with its reason and body."""
    why = REASONS.get(letter.reason, letter.reason)
    click.echo(f"dead letter {number} of {printable(letter.service)}: {why}")
    frames(letter.body)


def verdict(wrong: Sequence[str], whole: str) -> int:
    """Print the last lines of `check` and return its exit status."""
    for line in wrong:
        click.echo(line)
    click.echo("damaged" if wrong else f"ok: {whole}")
    return 1 if wrong else 0
