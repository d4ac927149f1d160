"""What strangers name never steers the terminal of who looks."""

from __future__ import annotations

from typing import Any

import zmq
from e2e.conftest import context, free_ports, start  # noqa: F401
from support.processes import Start, until
from support.reliable import Queue

BELL = "\x1b]0;owned\x07"
NAMES = [BELL, "\x9b2J", "a\nqueue: all is lost", "\u202edlrow", "caf\u00e9"]


def test_names_with_escape_sequences_are_malformed_and_shown_nowhere(
    start: Start,  # noqa: F811
    context: zmq.Context[Any],  # noqa: F811
) -> None:
    queue = Queue(start, "--control", "tcp://127.0.0.1:*", "-v")
    client, worker = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
    client.connect(queue.frontend)
    worker.connect(queue.backend)
    for name in NAMES:
        client.send_multipart([b"", b"MDPC01", name.encode(), b"body"])
        worker.send_multipart([b"", b"MDPW01", b"\x01", name.encode()])
        worker.send_multipart([b"", b"MDPW01", b"\x05"])  # those that are taken leave again
    bad = len(NAMES) - 1
    until(lambda: queue.count("requests") == 1, "the printable one is taken")
    until(lambda: queue.count("malformed_clients") == bad, "the others are counted")
    until(lambda: queue.count("malformed_workers") == bad, "and the workers'")
    for words in (("--json",), ()):
        shown = start("ctl", queue.program.ready()["control"][0], "status", *words)
        assert shown.wait() == 0
        text = shown.out.decode()
        assert "caf\u00e9" in text
        assert all(c.isprintable() or c == "\n" for c in text)
    assert BELL not in queue.program.err
