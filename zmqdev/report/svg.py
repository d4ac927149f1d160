"""The live view as an SVG picture for documents."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import StringIO

from rich.console import Console
from rich.text import Text

from zmqdev.report.glyphs import UNICODE
from zmqdev.report.panel import panel
from zmqdev.stats.rates import Seen

# A document must not fetch fonts from elsewhere; readers have a monospace one.
_FONTS = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)


def svg(seen: Sequence[Seen], *, width: int, title: str, height: int = 100) -> str:
    """Return what a terminal of that width would show, in a window with that title."""
    console = Console(
        record=True, file=StringIO(), width=width, force_terminal=True, color_system="truecolor"
    )
    for line in panel(seen, width, height, UNICODE):
        console.print(Text.assemble(line), no_wrap=True, crop=False, highlight=False)
    drawn = console.export_svg(title=title, unique_id="zmqdev-live")
    return _FONTS.sub("", drawn)
