"""sub --report-topics: messages are counted by topic, with a table at the end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import zmq

from zmqdev.endpoints.form import jsonline
from zmqdev.endpoints.form.format import Layout, Message
from zmqdev.endpoints.form.quoted import visible
from zmqdev.endpoints.tasks.receiver import ReportingReceiver
from zmqdev.endpoints.topic_count import TopicCount, TopicFlow
from zmqdev.stats import units
from zmqdev.system.stdio import Sink

# Topics for a live view, more than a screen has rows.
SHOWN = 100
_TITLES = ("topic", "messages", "bytes", "msg/s")


class TopicReport(ReportingReceiver):
    """A receiver whose output is one table, or a line of JSON for each topic."""

    def __init__(
        self, socket: zmq.Socket[bytes], sink: Sink, layout: Layout, count: int | None
    ) -> None:
        super().__init__(socket, sink, layout, count)
        self._topics = TopicCount(layout.separator or b" ")

    def extra(self) -> dict[str, Any]:
        self._topics.look(time.monotonic())
        return {"topics": self._topics.plain(SHOWN), "topic_count": len(self._topics)}

    def _show(self, messages: Sequence[Message], now: float) -> None:
        self._topics.add(messages, now)
        self.flow.add(messages)

    def _report(self) -> bytes:
        self._topics.look(time.monotonic())
        if self._layout.format == "json":
            lines = [_as_json(flow, self._topics.mean(flow)) for flow in self._topics.top()]
        else:
            lines = table(self._topics)
        return b"".join(line + self._layout.delimiter for line in lines)


def table(topics: TopicCount) -> list[bytes]:
    """Return the lines of a table with aligned columns; none if nothing came."""
    rows = [_cells(flow, topics.mean(flow)) for flow in topics.top()]
    if not rows:
        return []
    rows.insert(0, _TITLES)
    first, *others = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([name.ljust(first), *map(str.rjust, cells, others)]).encode()
        for name, *cells in rows
    ]


def _cells(flow: TopicFlow, mean: float | None) -> tuple[str, ...]:
    rate = "-" if mean is None else f"{mean:.1f}" if mean < 1000 else units.short(mean)
    shown = visible(flow.name).replace(b"\n", b"\\n").replace(b"\t", b"\\t").decode()
    return shown, str(flow.messages), str(flow.bytes), rate


def _as_json(flow: TopicFlow, mean: float | None) -> bytes:
    """Return a topic as a line of JSON; its name is written like a frame."""
    rate = "null" if mean is None else f"{mean:.1f}"
    name = jsonline.text_or_bytes(flow.name)
    return (
        f'{{"topic":{name},"messages":{flow.messages},"bytes":{flow.bytes},"rate":{rate}}}'.encode()
    )
