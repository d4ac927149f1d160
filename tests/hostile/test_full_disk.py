"""A disk that is full, and places where nothing can be written: one line, status 1, no half file.

Bytes beyond RLIMIT_FSIZE fail like those beyond the end of a disk, in the middle of
a file; on /dev/full not even the first one finds room.
"""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zmq
from support import forked
from support.processes import PATIENCE, Program, Start, until

from zmqdev.errors import RunError
from zmqdev.system import atomic_file

CONFIG = Path(__file__).parents[2] / "configs" / "queue.yaml"
FREE = "tcp://127.0.0.1:*"
ANYWHERE = ("--frontend-bind", FREE, "--backend-bind", FREE)
NO_ROOM = "zmqdev: cannot write stdout: no space left on device\n"
# Less than any file that is written here.
ROOM = 20
LITTLE_ROOM = {"RLIMIT_FSIZE": ROOM}

RESULTS = (
    "--help",
    "--version",
    "queue --help",
    "queue --print-config",
    "pub --print-config",
    "schema",
    f"graph {CONFIG}",
    f"graph {CONFIG} --format dot",
    f"check {CONFIG} --convert zdcf",
    f"export {CONFIG} --to systemd",
    "keygen --form z85",
    "ctl",
    "ctl --json",
    "probe tcp://127.0.0.1:1",
)


def say(words: str, place: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """`zmqdev WORDS` in that directory."""
    return forked.run(
        words.split(),
        cwd=place,
        env={"XDG_RUNTIME_DIR": str(place)},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.mark.parametrize("words", RESULTS)
def test_a_result_that_cannot_be_written_is_one_line_and_status_1(
    words: str, tmp_path: Path
) -> None:
    with open("/dev/full", "w") as full:
        done = say(words, tmp_path, stdout=full)
    assert done.returncode == 1
    assert done.stderr.endswith(NO_ROOM)
    assert all(line.startswith("zmqdev: ") for line in done.stderr.splitlines())


def test_what_cannot_be_said_on_stderr_changes_no_status(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        for words, status in (("qeue", 2), (f"check {CONFIG} --convert zdcf", 0)):
            done = forked.run(words.split(), stdout=subprocess.DEVNULL, stderr=full)
            assert done.returncode == status


FILES = {
    "keygen pair": ("pair.key_secret",),
    f"export {CONFIG} --to systemd --output .": ("zmqdev.service",),
    f"streamer {' '.join(ANYWHERE)} --ready-file ready": ("ready",),
    "pull -b tcp://127.0.0.1:* --ready-file ready": ("ready",),
}


@pytest.mark.parametrize("words", FILES)
def test_a_file_that_finds_no_room_is_not_left_by_half(words: str, tmp_path: Path) -> None:
    place = tmp_path / "here"
    place.mkdir()
    done = say(words, place, stdout=subprocess.PIPE, limits=LITTLE_ROOM)
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[-1].endswith(": file too large")
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr
    left = [path for path in place.rglob("*") if path.is_file()]
    assert left == []


@pytest.mark.parametrize(
    "words",
    [
        "keygen {}/pair",
        f"export {CONFIG} --to systemd --output {{}}",
        f"streamer {' '.join(ANYWHERE)} --ready-file {{}}/ready",
        "bench latency --svg {}/x.svg",
    ],
)
@pytest.mark.parametrize("where", ["/proc", "file/below"])
def test_a_place_where_nothing_can_be_written_is_named(
    words: str, where: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("before")
    done = say(words.format(where), tmp_path, stdout=subprocess.PIPE)
    assert done.returncode == 1, done.stderr
    *notes, last = done.stderr.splitlines()
    assert all(" note: " in line for line in notes)
    assert last.startswith("zmqdev: cannot write ")
    assert where in last
    assert (tmp_path / "file").read_text() == "before"


def test_what_was_there_before_stays_until_the_new_is_whole(tmp_path: Path) -> None:
    place = tmp_path / "report.svg"
    place.write_text("before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, hard))
    try:
        with pytest.raises(RunError, match=r"report.svg: file too large"):
            atomic_file.write(place, "x" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert place.read_text() == "before"
    assert os.listdir(tmp_path) == ["report.svg"]
    atomic_file.write(place, "x" * 100)
    assert place.read_text() == "x" * 100


def test_no_place_for_temporary_files_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/proc/none")
    with pytest.raises(RunError, match=r"set TMPDIR"), atomic_file.scratch("x"):
        pass


@pytest.mark.parametrize("kind", ["pull", "sub"])
def test_messages_that_cannot_be_written_end_who_prints_them(
    kind: str, tmp_path: Path, context: zmq.Context[Any]
) -> None:
    """Into a file that fills up: what is in it are the first bytes, and nothing more is taken."""
    sender = context.socket({"pull": zmq.PUSH, "sub": zmq.XPUB}[kind])
    port = sender.bind_to_random_port("tcp://127.0.0.1")
    with open(tmp_path / "out", "wb") as out:
        reader = forked.popen(
            [kind, "-c", f"tcp://127.0.0.1:{port}"],
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            limits=LITTLE_ROOM,
        )
    if kind == "sub":
        assert sender.poll(PATIENCE * 1000)
    for number in range(5):
        sender.send(b"message %d" % number)
    _, told = reader.communicate(timeout=PATIENCE)
    assert reader.returncode == 1
    assert told.splitlines()[-1] == "zmqdev: cannot write stdout: file too large"
    assert (tmp_path / "out").read_bytes() == b"message 0\nmessage 1\nmessage 2\n"[:ROOM]


def on_full(start: Start, tmp_path: Path, *words: str) -> Program:
    """`start`, with its output file standing for a full disk."""
    (tmp_path / f"{words[0]}-0.out").symlink_to("/dev/full")
    return start(*words, ready=True)


def test_a_device_goes_on_without_room_for_its_statistics(
    start: Start, tmp_path: Path, context: zmq.Context[Any]
) -> None:
    words = ("streamer", *ANYWHERE, "--stats", "json", "--interval", "50ms")
    device = on_full(start, tmp_path, *words)
    ready = device.ready()
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    push.connect(ready["frontend"][0])
    pull.connect(ready["backend"][0])
    until(lambda: "cannot write the statistics: no space left on device" in device.err, "it says")
    push.send(b"through")
    assert pull.poll(PATIENCE * 1000)
    assert device.interrupt() == 0
    assert device.err.count("cannot write") == 1


def test_a_file_of_parts_goes_on_without_room_for_their_output(
    start: Start, tmp_path: Path, free_ports: Callable[[int], list[int]]
) -> None:
    (port,) = free_ports(1)
    (tmp_path / "f.yaml").write_text(
        f"parts:\n"
        f"  one: {{endpoint: push, connect: 'tcp://127.0.0.1:{port}', data: x, interval: 20ms}}\n"
        f"  other: {{endpoint: pull, bind: 'tcp://127.0.0.1:{port}'}}\n"
    )
    fleet = on_full(start, tmp_path, "run", str(tmp_path / "f.yaml"))
    until(lambda: "cannot write the output: no space left on device" in fleet.err, "it says")
    assert fleet.process.poll() is None
    assert fleet.interrupt() == 0
    assert fleet.err.count("cannot write") == 1
