"""Which parts are meant, in which order they start and stop, and where they live."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from zmqdev.errors import UsageError
from zmqdev.topology.changes import changes
from zmqdev.topology.links import Plan, plan
from zmqdev.topology.placement import in_threads, joined
from zmqdev.topology.read import Topology
from zmqdev.topology.selection import chosen, starting, stopping

Read = Callable[..., Topology]
WORK = """
parts:
  c: {endpoint: client, connect: 'tcp://127.0.0.1:1'}
  q: {device: queue, frontend: {bind: 'tcp://127.0.0.1:1'}, backend: {bind: 'tcp://127.0.0.1:2'}}
  w: {endpoint: worker, replicas: 2, connect: 'tcp://127.0.0.1:2'}
"""
JOINED = """
parts:
  a: {device: streamer, backend: {connect: 'inproc://x'}}
  b: {device: streamer, frontend: {bind: 'inproc://x'}}
  c: {device: queue}
"""


def made(topology: Topology) -> Plan:
    assert not topology.problems
    return plan(topology)


def test_who_binds_starts_before_who_connects(read: Read) -> None:
    assert starting(made(read(WORK))) == [["q"], ["c", "w-1", "w-2"]]


def test_after_is_an_order_too(read: Read) -> None:
    text = WORK.replace("client,", "client, after: w,")
    assert starting(made(read(text))) == [["q"], ["w-1", "w-2"], ["c"]]


def test_stopping_goes_the_way_of_the_messages(read: Read) -> None:
    assert stopping(made(read(WORK))) == [["c"], ["q"], ["w-1", "w-2"]]


def test_a_named_part_comes_with_what_it_connects_to(read: Read) -> None:
    whole = made(read(WORK))

    def names(*words: str, only: bool = False) -> list[str]:
        return [part.name for part in chosen(whole, words, only=only).topology.parts]

    assert names() == ["c", "q", "w-1", "w-2"]
    assert names("w") == ["q", "w-1", "w-2"]
    assert names("w-2") == ["q", "w-2"]
    assert names("w", only=True) == ["w-1", "w-2"]


def test_a_name_that_is_not_there_is_refused(read: Read) -> None:
    with pytest.raises(UsageError, match=r"f\.yaml: no part 'w-3'; did you mean 'w-"):
        chosen(made(read(WORK)), ["w-3"], only=False)


def test_devices_that_inproc_joins_share_a_process(read: Read) -> None:
    whole = made(read(JOINED))
    assert in_threads(whole) == {"a", "b"}
    assert joined(whole)["a"] == {"a", "b"}
    assert joined(whole)["c"] == {"c"}


def test_isolate_says_where_a_device_lives(read: Read) -> None:
    text = "parts: {a: {device: queue, isolate: thread}, b: {device: queue, isolate: process}}"
    assert in_threads(made(read(text))) == {"a"}


def test_a_new_reading_touches_only_what_has_changed(read: Read) -> None:
    before = made(read(WORK))
    text = WORK.replace("client,", "client, count: 3,").replace("replicas: 2", "replicas: 3")
    found = changes(before, made(read(text)))
    assert (found.added, found.removed, found.changed) == (("w-3",), (), ("c",))
    assert found.kept == ("q", "w-1", "w-2")


def test_how_a_part_lives_may_change_without_a_new_start(read: Read) -> None:
    found = changes(made(read(WORK)), made(read(WORK.replace("client,", "client, restart: no,"))))
    assert found.none


def test_the_same_through_a_variable_is_no_change(read: Read) -> None:
    text = WORK.replace("replicas: 2", "replicas: '${N:-2}'").replace(
        "client,", "client, drain: '${D:-5s}',"
    )
    found = changes(made(read(WORK.replace("client,", "client, drain: 5s,"))), made(read(text)))
    assert found.none


def test_what_inproc_joins_is_started_again_together(read: Read) -> None:
    text = JOINED.replace("b: {device: streamer,", "b: {device: streamer, drain: 1s,")
    found = changes(made(read(JOINED)), made(read(text)))
    assert (found.changed, found.kept) == (("a", "b"), ("c",))


def test_another_key_is_a_new_start_and_another_user_is_none(read: Read) -> None:
    before = made(read(JOINED))
    found = changes(before, before, anew={"a"}, again={"b", "c"})
    assert (found.changed, found.kept, found.reloaded) == (("a", "b"), ("c",), ("c",))


def test_what_a_running_device_takes_is_set(read: Read) -> None:
    text = "parts: {q: {device: queue, drain: 5s}, s: {device: streamer, control: 'off'}}"
    before = made(read(text))
    now = text.replace("drain: 5s", "drain: 1s, frontend: {sndhwm: 7}").replace(
        "streamer,", "streamer, drain: 1s,"
    )
    found = changes(before, made(read(now)))
    assert found.set == {"q": {"drain": "1s", "frontend.sndhwm": "7"}}
    assert (found.changed, found.left) == (("s",), ())


def test_routes_are_set_and_their_tests_change_nothing(read: Read) -> None:
    text = """
parts:
  s:
    device: streamer
    backends: {eu: {bind: tcp://127.0.0.1:1}}
    routes: [{match: {topic: 'eu.*'}, to: eu}]
    drop: 'x*'
"""
    before = made(read(text))
    others = made(read(text.replace("topic: 'eu.*'", "topic: 'us.*'").replace("drop", "keep")))
    route = '[{"match": {"topic": "us.*"}, "to": "eu"}]'
    assert changes(before, others).set == {"s": {"drop": "[]", "keep": "x*", "routes": route}}
    tested = made(read(text + "    tests: [{message: eu.1, to: eu}]\n"))
    assert changes(before, tested).left == ("s",)


@pytest.mark.parametrize("now", ["drain: 5s, frontend: {ipv6: true}", "on-full: block"])
def test_what_it_does_not_take_is_a_new_start(read: Read, now: str) -> None:
    """An option that cannot be set, and one that is left out."""
    text = "parts: {q: {device: queue, drain: 5s}}"
    found = changes(made(read(text)), made(read(text.replace("drain: 5s", now))))
    assert (found.changed, found.set) == (("q",), {})
