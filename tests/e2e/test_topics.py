"""Topics: of a column of the input, and counted where they come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.processes import Program, Start
from support.terminal import Terminal

ANY = "tcp://127.0.0.1:*"


@pytest.fixture
def sub(context: zmq.Context[Any]) -> zmq.Socket[bytes]:
    socket = context.socket(zmq.SUB)
    socket.rcvtimeo = 60_000
    socket.subscribe(b"")
    return socket


def address(program: Program) -> str:
    return program.ready()["socket"][0]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--format", "csv", "--topic-column", "2"], b'1,ACME,"a,b"\n2,BOLT,c\n'),
        (["--frames", "|", "--topic-column", "2"], b"1|ACME|a,b\n2|BOLT|c\n"),
        (["--format", "quoted", "--topic-column", "2"], b'"1" "ACME" "a,b"\n"2" "BOLT" "c"\n'),
        (
            ["--format", "json", "--topic-column", "2"],
            b'{"frames": ["1", "ACME", "a,b"]}\n{"frames": ["2", "BOLT", "c"]}\n',
        ),
    ],
)
def test_a_column_is_the_topic(
    start: Start, sub: zmq.Socket[bytes], words: list[str], text: bytes
) -> None:
    pub = start("pub", "-b", ANY, *words, ready=True)
    sub.connect(address(pub))
    pub.feed(text)
    assert sub.recv_multipart() == [b"ACME", b"1", b"a,b"]
    assert sub.recv_multipart() == [b"BOLT", b"2", b"c"]
    assert pub.wait() == 0, pub.err


def test_a_topic_ends_at_the_first_separator(start: Start, sub: zmq.Socket[bytes]) -> None:
    pub = start("pub", "-b", ANY, "-K", ":", ready=True)
    sub.connect(address(pub))
    pub.feed(b"ACME:189:20\nBOLT:\n")
    assert sub.recv_multipart() == [b"ACME", b"189:20"]
    assert sub.recv_multipart() == [b"BOLT", b""]
    assert pub.wait() == 0, pub.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "csv", "--topic-column", "2"], "stdin:1: no column 2; it has 1"),
        (["-K", ":"], "stdin:1: no b':' that ends a topic"),
    ],
)
def test_a_record_without_its_topic_is_named(start: Start, words: list[str], said: str) -> None:
    pub = start("pub", "-b", ANY, "--no-wait", *words)
    pub.feed(b"alone\n")
    assert pub.wait() == 1
    assert said in pub.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--topic-column", "1"], "topic-column needs columns: --format csv, or --frames SEP"),
        (["--topic-column", "1", "-T", "a", "--frames", ","], "cannot be given together"),
        (["-K", ":", "--frames", ","], "take --topic-column N"),
        (["-K", ":", "-D", "a:b"], "topic-separator is for records of --file or stdin, not for"),
    ],
)
def test_what_contradicts_itself_is_refused(start: Start, words: list[str], said: str) -> None:
    pub = start("pub", "-b", ANY, *words)
    assert pub.wait() == 2
    assert said in pub.err


def test_a_report_counts_topics_and_prints_no_message(
    start: Start, context: zmq.Context[Any]
) -> None:
    pub = context.socket(zmq.XPUB)
    port = pub.bind_to_random_port("tcp://127.0.0.1")
    sub = start("sub", "-c", f"tcp://127.0.0.1:{port}", "--report-topics", "-n", "4")
    pub.recv()
    for frames in ([b"b 1"], [b"a", b"22"], [b"b", b"3"], [b"new\nline", b""]):
        pub.send_multipart(frames)
    assert sub.wait() == 0, sub.err
    head, *rows = sub.lines()
    assert head.split() == ["topic", "messages", "bytes", "msg/s"]
    assert [row.split()[:3] for row in rows] == [
        ["b", "2", "5"],
        ["a", "1", "3"],
        [r"new\nline", "1", "8"],
    ]


def test_a_report_in_json_has_a_line_a_topic(start: Start, context: zmq.Context[Any]) -> None:
    pub = context.socket(zmq.XPUB)
    port = pub.bind_to_random_port("tcp://127.0.0.1")
    words = ("--report-topics", "--format", "json", "-n", "3")
    sub = start("sub", "-c", f"tcp://127.0.0.1:{port}", *words)
    pub.recv()
    for topic in (b"a", b"\xff", b"a"):
        pub.send_multipart([topic, b"x"])
    assert sub.wait() == 0, sub.err
    rows = {json.dumps(row["topic"]): row for row in map(json.loads, sub.lines())}
    assert rows.keys() == {'"a"', '{"base64": "/w=="}'}
    assert rows['"a"']["messages"] == 2


@pytest.mark.parametrize("words", [("--check",), ("--dump", "x"), ("--match", "a")])
def test_a_report_is_all_that_is_printed(start: Start, words: tuple[str, ...]) -> None:
    sub = start("sub", "-c", "tcp://127.0.0.1:1", "--report-topics", *words)
    assert sub.wait() == 2
    assert f"leave out {words[0][2:]}" in sub.err


@pytest.fixture
def publisher(context: zmq.Context[Any]) -> tuple[zmq.Socket[bytes], int]:
    pub = context.socket(zmq.XPUB)
    return pub, pub.bind_to_random_port("tcp://127.0.0.1")


def test_a_terminal_shows_the_topics_while_they_come(
    publisher: tuple[zmq.Socket[bytes], int], tmp_path: Path
) -> None:
    pub, port = publisher
    words = ["sub", "-c", f"tcp://127.0.0.1:{port}", "--report-topics"]
    screen = Terminal(words, columns=80, env={"XDG_RUNTIME_DIR": str(tmp_path)})
    try:
        pub.recv()
        for topic in (b"ACME", b"BOLT", b"ACME"):
            pub.send_multipart([topic, b"1"])
        screen.shows("2 topics")
        screen.shows("ACME")
        screen.keys(b"\x03")
        assert screen.wait() == 0
        screen.shows("topic  messages  bytes")
        assert any(line.split()[:3] == ["ACME", "2", "10"] for line in screen.lines)
    finally:
        screen.end()
