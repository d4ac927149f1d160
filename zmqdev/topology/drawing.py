"""A picture as text for other programs: Mermaid and Graphviz. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator

from zmqdev.topology.picture import AT_MOST, OUTSIDE, TOGETHER, Arrow, Box, Picture

_MERMAID = {"device": ("[", "]"), "endpoint": ("([", "])"), OUTSIDE: ("{{", "}}")}
_DOT = {"device": "box", "endpoint": "ellipse", OUTSIDE: "plaintext"}


def label(arrow: Arrow) -> str:
    """Return the text at an arrow: types, address, routes and rate."""
    rate = "" if arrow.rate is None else noted(f"{arrow.rate:,.0f} msg/s", arrow)
    if arrow.address in (arrow.source, arrow.target):  # the box outside shows the address already
        return ", ".join(word for word in (arrow.types, arrow.routes, rate) if word)
    return ", ".join(word for word in (arrow.types, arrow.address, arrow.routes, rate) if word)


def noted(rate: str, arrow: Arrow) -> str:
    """Say how a rate that several arrows share applies to this one."""
    words = {TOGETHER: f"{rate} together", AT_MOST: f"at most {rate}"}
    return words.get(arrow.note, rate)


def mermaid(picture: Picture) -> str:
    """Return a flowchart, as GitHub shows it in a Markdown block."""
    return "\n".join(_mermaid(picture)) + "\n"


def _mermaid(picture: Picture) -> Iterator[str]:
    ids = {box.name: f"n{number}" for number, box in enumerate(picture.boxes)}
    yield "flowchart LR"
    for box in picture.boxes:
        left, right = _MERMAID[box.category]
        yield f'  {ids[box.name]}{left}"{_html(_title(box, "<br/>"))}"{right}'
    for arrow in picture.arrows:
        head = "<-->" if arrow.reply else "-->"
        yield f'  {ids[arrow.source]} {head}|"{_html(label(arrow))}"| {ids[arrow.target]}'


def _title(box: Box, between: str) -> str:
    return box.name if box.category == OUTSIDE else f"{box.name}{between}{box.kind}"


def _html(text: str) -> str:
    safe = text.replace("&", "#amp;").replace('"', "#quot;").replace("|", "#124;")
    return safe.replace("<br/>", "\0").replace("<", "#lt;").replace("\0", "<br/>")


def dot(picture: Picture) -> str:
    """Return a digraph for `dot -Tsvg`."""
    return "\n".join(_dot(picture)) + "\n"


def _dot(picture: Picture) -> Iterator[str]:
    yield f"digraph {_quoted(picture.name)} {{"
    yield "  rankdir=LR; node [fontname=sans]; edge [fontname=sans, fontsize=10];"
    for box in picture.boxes:
        shape = _DOT[box.category]
        yield f"  {_quoted(box.name)} [label={_quoted(_title(box, chr(10)))}, shape={shape}];"
    for arrow in picture.arrows:
        both = ", dir=both" if arrow.reply else ""
        ends = f"{_quoted(arrow.source)} -> {_quoted(arrow.target)}"
        yield f"  {ends} [label={_quoted(label(arrow))}{both}];"
    yield "}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
