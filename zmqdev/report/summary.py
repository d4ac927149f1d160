"""The summary at the end of a live view: a few lines of plain text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from zmqdev.stats import units
from zmqdev.stats.rates import Seen, Track
from zmqdev.stats.snapshot import Flow


def summary(seen: Sequence[Seen], width: int) -> list[str]:
    """Return what each direction did in the whole run, on lines of at most `width` if possible."""
    return [line for item in seen for line in _subject(item, width)]


def _subject(item: Seen, width: int) -> Iterator[str]:
    subject = item.subject
    name = subject.name if subject.name == subject.kind else f"{subject.name} ({subject.kind})"
    note = f"; {subject.note}" if subject.note else ""
    yield f"{name}: {subject.state} after {units.duration(subject.uptime)}{note}"
    label = max((len(flow.name) for flow, _ in item.flows), default=0)
    for flow, track in item.flows:
        words = list(_flow(flow, track, subject.uptime))
        yield from _wrapped(f"  {flow.name:{label}}  ", words, width)


def _flow(flow: Flow, track: Track, seconds: float) -> Iterator[str]:
    mean, total = track.mean(seconds), track.total
    yield f"{units.counted(total.messages, 'message')}"
    if total.messages:
        peak = max(track.peak.messages, mean.messages)
        yield units.size(total.bytes)
        yield f"mean {units.message_rate(mean.messages)}"
        yield f"peak {units.message_rate(peak)}"
    if mean.blocked >= 0.001:
        yield f"blocked {units.share(mean.blocked)}"
    if total.dropped:
        reasons = [f"{reason.replace('_', ' ')} {count:,}" for reason, count in flow.drops.items()]
        yield f"dropped {units.exact(total.dropped)} ({', '.join(reasons)})"


def _wrapped(label: str, words: Iterable[str], width: int) -> Iterator[str]:
    """Yield words after a label, separated by commas; further lines begin under the first word."""
    line, indent = label, " " * (4 if width < 60 else len(label))
    empty = True
    for word in words:
        if not empty and len(line) + 2 + len(word) > width:
            yield f"{line},"
            line, empty = indent, True
        line += word if empty else f", {word}"
        empty = False
    yield line
