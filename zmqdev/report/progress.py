"""The progress of a replay in a row: a bar if the files' size is known, position and count."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.text import Text

from zmqdev.report.glyphs import Glyphs, bar
from zmqdev.stats import units
from zmqdev.stats.rates import Seen

WIDEST_BAR, LEAST_BAR = 40, 8


def progress(seen: Sequence[Seen], width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """Return a row like `████░░░░ 42 %, at 2026-11-27 10:31:07, 1,234 messages, 0:41 left`."""
    subject, flow = seen[0].subject, seen[0].flows[0][0]
    done, recorded = (subject.details.get(name) for name in ("replayed", "recorded"))
    words = [units.share(done)] if done is not None else []
    if recorded:
        words.append(f"at {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(recorded))}")
    words.append(units.counted(flow.messages, "message"))
    if subject.state == "waiting":
        words.append("waiting for a peer")
    elif left := subject.details.get("left"):
        words.append(f"{units.clock(left)} left")
    told = Text(glyphs.dot.join(words))
    told.truncate(width)
    room = min(WIDEST_BAR, width - told.cell_len - 1)
    if done is None or room < LEAST_BAR:
        return [told]
    return [Text.assemble((bar(done, room, glyphs), "green"), " ", told)]
