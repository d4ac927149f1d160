"""What a sender sends: several files, CSV, JSON bodies, random bytes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.processes import Start

from zmqdev.endpoints.defaults import feed_of
from zmqdev.options.endpoint import Push


@pytest.fixture
def pull(context: zmq.Context[Any]) -> zmq.Socket[bytes]:
    socket = context.socket(zmq.PULL)
    socket.rcvtimeo = 60_000
    socket.bind("tcp://127.0.0.1:*")
    return socket


def at(socket: zmq.Socket[bytes]) -> str:
    return str(socket.last_endpoint.decode())


def test_several_files_go_in_turn_and_none_is_dropped(
    start: Start, pull: zmq.Socket[bytes], tmp_path: Path
) -> None:
    (tmp_path / "a").write_text("1\n2\n")
    (tmp_path / "empty").write_text("")
    (tmp_path / "b").write_text("3")
    files = [word for name in ("a", "empty", "b") for word in ("-F", str(tmp_path / name))]
    push = start("push", "-c", at(pull), *files, "-F", "-")
    push.feed(b"4\n5\n")
    assert [pull.recv() for _ in range(5)] == [b"1", b"2", b"3", b"4", b"5"]
    assert push.wait() == 0, push.err


def test_a_pipe_in_the_middle_is_read_to_its_end(
    start: Start, pull: zmq.Socket[bytes], tmp_path: Path
) -> None:
    (tmp_path / "last").write_text("last\n")
    push = start("push", "-c", at(pull), "-F", "-", "-F", str(tmp_path / "last"))
    assert push.process.stdin is not None
    push.process.stdin.write(b"first\n")
    push.process.stdin.flush()
    assert pull.recv() == b"first"
    push.feed(b"second\n")
    assert [pull.recv(), pull.recv()] == [b"second", b"last"]
    assert push.wait() == 0, push.err


def test_each_raw_file_is_one_message(
    start: Start, pull: zmq.Socket[bytes], tmp_path: Path
) -> None:
    data = [os.urandom(1000), b"", b"\n\n"]
    for number, content in enumerate(data):
        (tmp_path / str(number)).write_bytes(content)
    files = [word for number in range(3) for word in ("-F", str(tmp_path / str(number)))]
    push = start("push", "-c", at(pull), *files, "--format", "raw")
    assert [pull.recv() for _ in data] == data
    assert push.wait() == 0, push.err


def test_a_count_is_of_all_files(start: Start, pull: zmq.Socket[bytes], tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1\n2\n3\n")
    name = str(tmp_path / "a")
    push = start("push", "-c", at(pull), "-F", name, "-F", name, "-n", "4", "-v")
    assert [pull.recv() for _ in range(4)] == [b"1", b"2", b"3", b"1"]
    assert push.wait() == 0, push.err


def test_fields_of_csv_are_frames(start: Start, pull: zmq.Socket[bytes]) -> None:
    push = start("push", "-c", at(pull), "--format", "csv")
    push.feed(b'ACME,"1,5","two\nlines"\nplain\n')
    assert pull.recv_multipart() == [b"ACME", b"1,5", b"two\nlines"]
    assert pull.recv_multipart() == [b"plain"]
    assert push.wait() == 0, push.err


def test_a_body_that_is_json_is_sent_as_its_json(start: Start, pull: zmq.Socket[bytes]) -> None:
    push = start("push", "-c", at(pull), "--format", "json")
    push.feed(b'{"topic": "t", "body": {"price": 1.50, "tags": ["a", null]}}\n{"body": 7}\n')
    assert pull.recv_multipart() == [b"t", b'{"price":1.5,"tags":["a",null]}']
    assert pull.recv_multipart() == [b"7"]
    assert push.wait() == 0, push.err


def test_random_bytes_of_a_size(start: Start, pull: zmq.Socket[bytes]) -> None:
    push = start("push", "-c", at(pull), "--size", "1KiB", "-n", "3")
    found = [pull.recv() for _ in range(3)]
    assert [len(one) for one in found] == [1024] * 3
    assert len(set(found)) == 3
    assert push.wait() == 0, push.err


def test_a_directory_is_all_its_files(
    start: Start, pull: zmq.Socket[bytes], tmp_path: Path
) -> None:
    place = tmp_path / "in"
    (place / "deep").mkdir(parents=True)
    for name, text in {"b": "3", "a": "1\n2\n", ".hidden": "x", "deep/c": "y"}.items():
        (place / name).write_text(text)
    push = start("push", "-c", at(pull), "-F", str(place))
    assert [pull.recv() for _ in range(3)] == [b"1", b"2", b"3"]
    assert push.wait() == 0, push.err
    push = start("push", "-c", at(pull), "-F", str(place), "--format", "raw")
    assert [pull.recv() for _ in range(2)] == [b"1\n2\n", b"3"]
    assert push.wait() == 0, push.err


def test_one_file_of_a_directory_is_open_at_a_time(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number:02}").write_text(f"{number}\n")
    push = replace(Push(), file=(str(tmp_path),))
    before = len(os.listdir("/proc/self/fd"))
    feed = feed_of("push", push)
    most, came = 0, []
    while not feed.ended:
        came += feed.take(100)
        most = max(most, len(os.listdir("/proc/self/fd")))
    feed.close()
    assert [frames[0] for frames in came] == [b"%d" % number for number in range(20)]
    assert most <= before + 1
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_directory_without_a_file_is_refused(start: Start, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    push = start("push", "-F", str(tmp_path / "in"))
    assert push.wait() == 2
    assert "no file in this directory" in push.err


@pytest.mark.parametrize("form", ["raw", "text"])
def test_a_count_that_ends_in_the_midst_of_files_closes_each_once(
    start: Start, pull: zmq.Socket[bytes], tmp_path: Path, form: str
) -> None:
    place = tmp_path / "in"
    place.mkdir()
    for name in ("a", "b", "c"):
        (place / name).write_text("x")
    files = [word for name in ("a", "b", "c") for word in ("-F", str(place / name))]
    for source in (files, ["-F", str(place)]):
        for count in (1, 2, 3):
            words = (*source, "--format", form, "-n", str(count), "-q")
            push = start("push", "-c", at(pull), *words)
            assert [pull.recv() for _ in range(count)] == [b"x"] * count
            assert push.wait() == 0, push.err
            assert not push.err
