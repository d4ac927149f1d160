"""The conditions of a route: all of them must hold; of a list of patterns, one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zmqdev.routing import json_field
from zmqdev.routing.pattern import Pattern, match


@dataclass(frozen=True)
class FrameMatch:
    """Frame `number` (from 0; -1 is the last) matches one of the patterns."""

    number: int
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True)
class FieldMatch:
    """The field at `path` of the last frame, read as JSON, matches one of the patterns."""

    path: tuple[bytes, ...]
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True)
class Larger:
    """All frames together have more than `size` bytes."""

    size: int


@dataclass(frozen=True)
class Not:
    """At least one of these conditions does not hold."""

    conditions: tuple[Condition, ...]


Condition = FrameMatch | FieldMatch | Larger | Not


def holds(conditions: Sequence[Condition], frames: Sequence[bytes]) -> bool:
    """Whether all conditions hold; `frames` is the message without its envelope."""
    return all(_one(condition, frames) for condition in conditions)


def frame_of(frames: Sequence[bytes], number: int) -> bytes | None:
    """Return frame `number`; None when the message has no such frame."""
    return frames[number] if -len(frames) <= number < len(frames) else None


def _one(condition: Condition, frames: Sequence[bytes]) -> bool:
    if isinstance(condition, FrameMatch):
        return _any(condition.patterns, frame_of(frames, condition.number))
    if isinstance(condition, FieldMatch):
        value = json_field.field(frames[-1], condition.path) if frames else None
        return _any(condition.patterns, value)
    if isinstance(condition, Larger):
        return sum(map(len, frames)) > condition.size
    return not holds(condition.conditions, frames)


def _any(patterns: Sequence[Pattern], data: bytes | None) -> bool:
    return data is not None and any(match(pattern, data) is not None for pattern in patterns)
