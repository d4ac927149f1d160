"""The parts of a task, made from the settings: input, pace, format, work."""

from __future__ import annotations

import math
import os
import random
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from zmqdev.endpoints.feed import (
    STDIN,
    Feed,
    StreamFeed,
    files_in,
    input_given,
    open_input,
    random_feed,
    text_feed,
    tick_feed,
)
from zmqdev.endpoints.form.format import Layout
from zmqdev.endpoints.form.output_format import compile_format
from zmqdev.endpoints.form.template import FILE, OUTGOING, REPLY, Template, compile_template
from zmqdev.endpoints.outer_feed import ChainFeed, LateFeed
from zmqdev.endpoints.pace import JitterPace, Pace, Pacing
from zmqdev.endpoints.replay import RecordedFeed, Replay
from zmqdev.endpoints.tasks.work import Work
from zmqdev.options.endpoint import (
    AnyEndpoint,
    ClientSpec,
    Dialogue,
    Pub,
    Push,
    Receiving,
    Sending,
    WorkerSpec,
)
from zmqdev.options.endpoint_groups import Input, Records, TopicInput
from zmqdev.options.layer import Written
from zmqdev.options.output import Choosing, Printing

if TYPE_CHECKING:
    from zmqdev.endpoints.tasks.picker import Pick

# Without input, a client sends ten requests, 0.1 to 0.5 s apart.
REQUEST = "Req-{n}"
REQUESTS = 10
REQUEST_INTERVAL = 0.3
REQUEST_JITTER = 0.2
TICK_INTERVAL = 1.0
Replayed = Pub | Push | ClientSpec


def layout_of(spec: AnyEndpoint, *, terminal: bool = False) -> Layout:
    """Return the layout of the input or output."""
    separator = spec.frames
    if not isinstance(spec, Records):
        return Layout(separator=separator)
    delimiter = b"\0" if spec.null else b"\n"
    said = spec.output_format if isinstance(spec, Printing) else None
    template = None if said is None else compile_format(said)
    column, ends = None, None
    if isinstance(spec, TopicInput):
        column, ends = spec.topic_column, spec.topic_separator
    return Layout(spec.format, delimiter, separator, terminal, template, column, ends)


def texts(
    data: Sequence[str], separator: bytes | None, known: tuple[str, ...], place: str | None
) -> list[list[Template]]:
    """Return the templates of each text, one for each frame.

    A text is split before it is rendered, so the value of a placeholder is never split.
    """
    found = []
    for text in data:
        raw = text.encode(errors="surrogateescape")
        parts = [raw] if separator is None else raw.split(separator)
        found.append([compile_template(part, known, place) for part in parts])
    return found


def check_texts(spec: AnyEndpoint, written: Written) -> None:
    """Raise UsageError for a wrong placeholder, before anything is opened."""
    if isinstance(spec, Input):
        texts(spec.data, spec.frames, OUTGOING, written.place("data"))
    if isinstance(spec, Printing) and spec.output_format is not None:
        compile_format(spec.output_format, written.place("output-format") or "output-format")
    if isinstance(spec, Choosing):
        compile_template(spec.dump_name, FILE, written.place("dump-name"))
    if isinstance(spec, WorkerSpec):
        texts((spec.reply,), spec.frames, REPLY, written.place("reply"))


def source_of(kind: str, spec: Sending, descriptor: int = STDIN) -> str:
    """Return the source of a sender: data, file, stdin, size, ticks or requests."""
    if spec.data:
        return "data"
    if spec.file:
        return "stdin" if spec.file == ("-",) else "file"
    if spec.size is not None:
        return "size"
    if isinstance(spec, Pub) and spec.ticks:
        return "ticks"
    built_in = {"pub": "ticks", "client": "requests"}.get(kind)
    if isinstance(spec, ClientSpec) and spec.collect:
        return "stdin"
    if isinstance(spec, Replayed) and spec.replay is not None:
        return "stdin"
    return "stdin" if built_in is None or input_given(descriptor) else built_in


def feed_of(kind: str, spec: Sending) -> Feed:
    """Make the feed of a sender or client; UsageError when a file cannot be read."""
    source = source_of(kind, spec)
    if source == "ticks":
        return tick_feed(spec.count, spec.seed)
    if source == "requests":
        made = texts([REQUEST], None, OUTGOING, None)
        return text_feed(made, spec.count or REQUESTS, seed=spec.seed)
    if source == "data":
        made = texts(spec.data, spec.frames, OUTGOING, None)
        endless = spec.interval or spec.rate
        count = spec.count or (None if endless else len(made))
        return text_feed(made, count, seed=spec.seed)
    if source == "size" and spec.size is not None:
        endless = spec.interval or spec.rate
        return random_feed(spec.size, spec.count or (None if endless else 1), spec.seed)
    feeds: list[Feed] = []
    for path in spec.file or ("-",):
        if os.path.isdir(path):
            feeds += [LateFeed(partial(_stream, spec, name)) for name in files_in(path)]
        else:  # opened now, so that a wrong one is reported before anything is sent
            feeds.append(_stream(spec, path))
    return feeds[0] if len(feeds) == 1 else ChainFeed(feeds, spec.count)


def replay_of(spec: Replayed) -> Replay | None:
    """Make the replay of a sender or client; return None without --replay."""
    if spec.replay is None:
        return None
    feeds = [RecordedFeed(*_opened(spec, path)) for path in spec.file or ("-",)]
    return Replay(feeds, spec.replay, spec.count)


def _stream(spec: Sending, path: str) -> StreamFeed:
    return StreamFeed(*_opened(spec, path))


def _opened(spec: Sending, path: str) -> tuple[int, Layout, str, int | None, int]:
    """Open a file and return the arguments of its feed; UsageError when it cannot be read."""
    limit, name = max(0, int(spec.sockopts.get("maxmsgsize", 0))), "stdin" if path == "-" else path
    return open_input(path), layout_of(spec), name, spec.count, limit


def dialogue_feed(kind: str, spec: Dialogue) -> Feed | None:
    """Make the feed of an endpoint that also receives; return None without input.

    A REP needs an answer to each request, so its texts are repeated. `count` counts the messages
    received, so a stream is sent whole.
    """
    source = source_of(kind, spec)
    if _has_no_input(spec, source):
        return None
    if source == "data" and kind == "rep":
        return text_feed(texts(spec.data, spec.frames, OUTGOING, None), None, seed=spec.seed)
    whole = source not in ("data", "size") and kind in ("dealer", "router", "pair")
    return feed_of(kind, replace(spec, count=None) if whole else spec)


def _has_no_input(spec: Sending, source: str) -> bool:
    """Return whether no input is named and standard input is /dev/null or closed."""
    return source == "stdin" and not spec.file and not (input_given() or os.isatty(STDIN))


def hint_of(kind: str, spec: Sending) -> str | None:
    """Return a hint for the start when no input was named."""
    source = source_of(kind, spec)
    if isinstance(spec, Pub) and subscribers_wanted(spec) and not spec.wait_subscribers:
        return "waiting for the first subscriber; --no-wait publishes at once"
    if source == "ticks" and not (isinstance(spec, Pub) and spec.ticks):
        return "no input: publishing ticks, one a second"
    if source == "requests":
        return f"no input: sending {spec.count or REQUESTS} requests"
    if kind == "rep" and _has_no_input(spec, source):
        return "no input: answering each request with itself; -D TEXT answers with a text"
    if source == "stdin" and os.isatty(STDIN):
        return "reading messages from the terminal, one a line; Ctrl-D ends"
    return None


def late_hint_of(kind: str, spec: Sending) -> str | None:
    """Return a hint for when nothing has come on a standard input that was not named."""
    if isinstance(spec, Dialogue):  # it may be used only to receive
        return None
    if spec.file or source_of(kind, spec) != "stdin" or os.isatty(STDIN):
        return None
    return "nothing has come on stdin yet; -D TEXT sends a text, -F FILE a file"


def subscribers_wanted(spec: Pub) -> int | None:
    """Return how many subscriptions a publisher waits for.

    The default is one if otherwise all of its input would be sent before the first subscriber
    comes.
    """
    if spec.wait_subscribers or spec.no_wait:
        return spec.wait_subscribers
    sees = spec.type == "XPUB" and bool(spec.bind)
    source = source_of("pub", spec)
    given = source != "ticks" and not (source == "stdin" and os.isatty(STDIN))
    return 1 if sees and given and not (spec.interval or spec.rate) else None


def pace_of(kind: str, spec: Sending) -> Pacing | None:
    """Return when messages are sent; None means as fast as they are taken."""
    draw = random.Random(spec.seed).random
    if spec.interval and spec.jitter:
        return JitterPace(spec.interval, spec.jitter, draw)
    if rate := spec.rate or (1 / spec.interval if spec.interval else None):
        return Pace(rate)
    source = source_of(kind, spec)
    if source == "requests":
        return JitterPace(REQUEST_INTERVAL, REQUEST_JITTER, draw)
    return Pace(1 / TICK_INTERVAL) if source == "ticks" else None


def work_of(spec: WorkerSpec) -> Work:
    """Return how a worker answers a request."""
    [reply] = texts((spec.reply,), spec.frames, REPLY, None)
    return Work(
        reply=reply,
        echo=spec.echo,
        command=spec.exec,
        limit=spec.exec_timeout,
        delay=spec.delay,
        jobs=spec.jobs,
        joiner=layout_of(spec).joiner,
        separator=spec.frames,
    )


def pick_of(spec: Receiving) -> Pick | None:
    """Return which messages a receiver takes; None means that all are printed."""
    if spec.match is None and spec.until_match is None and spec.dump is None:
        return None
    from zmqdev.endpoints.tasks.picker import Pick, directory_of

    wanted, last = [
        None if one is None else re.compile(one.encode(errors="surrogateescape"))
        for one in (spec.match, spec.until_match)
    ]
    directory = None if spec.dump is None else directory_of(spec.dump)
    return Pick(wanted, last, directory, compile_template(spec.dump_name, FILE))


def handling_of(spec: Receiving) -> Work:
    """Return how a receiver with --exec handles a message."""
    layout = layout_of(spec)
    return Work(
        reply=(),
        command=spec.exec,
        limit=spec.exec_timeout,
        jobs=spec.jobs,
        joiner=layout.joiner,
        separator=layout.separator,
        noun="message",
        silent=True,
    )


def blocks(kind: str, spec: Pub) -> bool:
    """Return whether a publisher waits for slow subscribers; without a pace it does by default."""
    if spec.on_full:
        return spec.on_full == "block"
    return spec.replay == math.inf if spec.replay else pace_of(kind, spec) is None
