"""Options that prove delivery: stamps of a sender, checks of a receiver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zmqdev.options.measures import Duration
from zmqdev.options.option import option
from zmqdev.options.types import Flag, Integer, Number, Scalar, expected

_GROUP = "Delivery"


@dataclass(frozen=True)
class Loss:
    """How much may be lost: a number of messages, or a share (0 to 1) of what was sent."""

    amount: float
    is_share: bool


@dataclass(frozen=True)
class LossType(Scalar):
    """A loss like `10` messages or `0.1%` of them."""

    metavar: str = "N|N%"

    def parse(self, raw: object, *, text: bool) -> Loss:
        if isinstance(raw, str) and raw.strip().endswith("%"):
            share = Number(zero=True).parse(raw.strip()[:-1], text=True)
            if share > 100:
                raise ValueError(f"{raw!r} is more than all of them")
            return Loss(share / 100, True)
        if isinstance(raw, (int, str)) and not isinstance(raw, bool):
            return Loss(Integer(0).parse(raw, text=True), False)
        raise expected("a number of messages, or a share like 0.1%", raw)

    def plain(self, value: Loss) -> Any:
        return f"{value.amount * 100:g}%" if value.is_share else int(value.amount)

    def schema(self) -> dict[str, Any]:
        share = {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*%?\s*$"}
        return {"anyOf": [{"type": "integer", "minimum": 0}, share]}


@dataclass(frozen=True)
class Stamping:
    """Options of senders that stamp messages."""

    stamp: bool = option(
        Flag(),
        default=False,
        help="Add a last frame with sequence, time and checksum, for --check.",
        group=_GROUP,
    )


@dataclass(frozen=True)
class CheckingOptions:
    """Options of receivers that check messages. Each demand implies `check`."""

    check: bool = option(
        Flag(),
        default=False,
        help="Check stamped messages instead of printing them; print one line of JSON at the end.",
        group=_GROUP,
    )
    expect: int | None = option(
        Integer(1),
        help="Check that this many messages came, each once; end after the last one.",
        group=_GROUP,
    )
    max_loss: Loss | None = option(
        LossType(),
        help="Check that no more than this many messages, or this share, were lost.",
        group=_GROUP,
    )
    min_rate: float | None = option(
        Number(), help="Check that at least this many messages a second came.", group=_GROUP
    )
    max_latency: float | None = option(
        Duration(positive=True),
        help="Check that 99 of 100 messages took no longer than this.",
        group=_GROUP,
    )
