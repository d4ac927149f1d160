"""From flags to input, pace and work: what is chosen when little is said."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from zmqdev.endpoints.defaults import blocks, check_texts, feed_of, pace_of, source_of, work_of
from zmqdev.endpoints.pace import JitterPace, Pace
from zmqdev.errors import UsageError
from zmqdev.options.endpoint import ENDPOINTS, ClientSpec, Pub, Push, WorkerSpec
from zmqdev.options.endpoint_check import resolve
from zmqdev.options.layer import Written


def resolved(name: str, **options: Any) -> Any:
    kind = ENDPOINTS[name]
    return resolve(kind, kind.spec(**options), Written())


@pytest.fixture
def null() -> Any:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def test_with_no_input_pub_sends_ticks_client_requests_and_push_reads(null: int) -> None:
    assert source_of("pub", Pub(), null) == "ticks"
    assert source_of("client", ClientSpec(), null) == "requests"
    assert source_of("push", Push(), null) == "stdin"


def test_a_pipe_is_input(pipe: Any) -> None:
    assert source_of("pub", Pub(), pipe[0]) == "stdin"
    assert source_of("client", ClientSpec(), pipe[0]) == "stdin"


def test_what_is_asked_for_goes_first(pipe: Any) -> None:
    assert source_of("pub", Pub(ticks=True), pipe[0]) == "ticks"
    assert source_of("pub", Pub(data=("x",)), pipe[0]) == "data"
    assert source_of("pub", Pub(file=("f",)), pipe[0]) == "file"
    assert source_of("pub", Pub(file=("-",))) == "stdin"


def test_text_is_sent_once_and_with_an_interval_for_ever() -> None:
    assert feed_of("push", resolved("push", data=("x",))).total == 1
    assert feed_of("push", resolved("push", data=("x", "y"))).total == 2
    assert feed_of("push", resolved("push", data=("x",), count=7)).total == 7
    assert feed_of("push", resolved("push", data=("x",), interval=1.0)).total is None
    assert feed_of("push", resolved("push", data=("x",), rate=5.0)).total is None


def test_text_is_split_into_frames_before_it_is_rendered() -> None:
    feed = feed_of("push", resolved("push", data=("topic|{n}",), frames=b"|"))
    assert feed.take(1) == [[b"topic", b"0"]]


def test_a_file_is_read_in_the_form_asked_for(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"a\0b\0")
    feed = feed_of("push", resolved("push", file=(str(tmp_path / "in"),), null=True))
    assert feed.take(10) == [(b"a",), (b"b",)]
    feed.close()


def test_paces() -> None:
    assert pace_of("push", resolved("push", data=("x",))) is None
    assert isinstance(pace_of("push", resolved("push", data=("x",), interval=1.0)), Pace)
    assert isinstance(
        pace_of("push", resolved("push", data=("x",), interval=1.0, jitter=0.5)), JitterPace
    )
    assert isinstance(pace_of("pub", resolved("pub", ticks=True)), Pace)


def test_a_publisher_with_a_pace_drops_and_one_without_waits() -> None:
    assert blocks("pub", resolved("pub", data=("x",)))
    assert not blocks("pub", resolved("pub", data=("x",), rate=5.0))
    assert not blocks("pub", resolved("pub", ticks=True))
    assert blocks("pub", resolved("pub", ticks=True, on_full="block"))
    assert not blocks("pub", resolved("pub", data=("x",), on_full="drop"))


def test_the_work_of_a_worker() -> None:
    work = work_of(resolved("worker", reply="{body}|{n}", frames=b"|", delay=0.5, jobs=3))
    assert len(work.reply) == 2
    assert (work.delay, work.jobs, work.joiner, work.separator) == (0.5, 3, b"|", b"|")
    assert not work.instant
    assert work_of(resolved("worker")).instant


@pytest.mark.parametrize(
    ("spec", "where"), [(Push(data=("{x}",)), "data"), (WorkerSpec(reply="{x}"), "reply")]
)
def test_a_wrong_placeholder_is_refused_where_it_was_written(spec: Any, where: str) -> None:
    with pytest.raises(UsageError, match=f"--{where}: unknown placeholder"):
        check_texts(spec, Written({(where,): f"--{where}"}))
