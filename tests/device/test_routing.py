"""Routes over real sockets: where messages go, what is full, what comes back, what is counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.processes import until

Context = zmq.Context[zmq.Socket[bytes]]
ANY = "tcp://127.0.0.1:*"
Begin = Callable[..., Any]


class Streamer:
    """A device with backends `a`, `b`, `c`; a pusher, and a puller at each backend asked for."""

    def __init__(self, item: Any, context: Context, *, hwm: int = 0) -> None:
        self.item, self.context, self.hwm = item, context, hwm
        self.push = self.peer(zmq.PUSH, "frontend")

    def peer(self, type_: int, side: str) -> zmq.Socket[bytes]:
        made = self.context.socket(type_)
        if self.hwm:
            made.set(zmq.RCVHWM, self.hwm)
            made.set(zmq.RCVBUF, 4096)
        before = self.item.ask("peers")[side]["connected"]
        made.connect(self.at(side))
        self.item.serve(lambda: self.item.ask("peers")[side]["connected"] == before + 1)
        return made

    def at(self, side: str) -> str:
        sides = {one["name"]: one for one in self.item.ask("status")["sides"]}
        return str(sides[side]["addresses"][0]["actual"])

    def pulls(self, *names: str) -> list[zmq.Socket[bytes]]:
        return [self.peer(zmq.PULL, name) for name in names]

    def counts(self) -> dict[str, int]:
        counts: dict[str, int] = self.item.ask("status")["flows"][0]["counts"]
        return counts

    def routes(self) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in self.item.ask("status")["details"]["routes"]}


def text(routes: str, backends: str = "abc", **keys: str) -> str:
    sides = ", ".join(f"{name}: {{bind: '{ANY}', sndhwm: 1, sndbuf: 4096}}" for name in backends)
    more = "".join(f"{key}: {value}\n" for key, value in keys.items())
    return f"backends: {{{sides}}}\nroutes: {routes}\n{more}"


@pytest.fixture
def streamer(steered: Begin, context: Context) -> Callable[..., Streamer]:
    def begin(routes: str, hwm: int = 0, **keys: str) -> Streamer:
        return Streamer(steered("streamer", text=text(routes, **keys)), context, hwm=hwm)

    return begin


def received(socket: zmq.Socket[bytes], count: int) -> list[bytes]:
    return [socket.recv() for _ in range(count)]


def test_each_message_goes_where_its_topic_says(streamer: Callable[..., Streamer]) -> None:
    made = streamer("[{match: {topic: 'eu.*'}, to: a}, {match: {topic: 'x*'}, to: drop}]")
    rest, a = made.pulls("backend", "a")
    for topic in (b"eu.1", b"us.1", b"x", b"eu.2"):
        made.push.send(topic)
    assert received(a, 2) == [b"eu.1", b"eu.2"]
    assert received(rest, 1) == [b"us.1"]
    until(lambda: made.counts()["route"] == 1, "the drop is counted")
    assert made.counts()["messages"] == 3
    assert [row["messages"] for row in made.routes().values()] == [2, 1]


def test_a_stalled_backend_that_drops_costs_the_others_nothing(
    streamer: Callable[..., Streamer],
) -> None:
    made = streamer("[{to: a, copy: true}, {to: b}]", hwm=1)
    (b,) = made.pulls("b")
    for number in range(2000):
        made.push.send(b"%d" % number)
    assert received(b, 2000) == [b"%d" % number for number in range(2000)]
    until(lambda: made.counts()["messages"] == 2000, "all are counted")
    assert made.routes()["1"]["full"] > 0
    assert made.counts()["full"] == 0, "each had one that took it"


def test_a_message_waits_for_the_one_that_is_full_and_no_other_gets_it_twice(
    streamer: Callable[..., Streamer],
) -> None:
    made = streamer("[{to: [a, b]}]", hwm=1)
    (a,) = made.pulls("a")
    body = b"x" * 1000
    for number in range(200):
        made.push.send_multipart([b"%d" % number, body])
    until(lambda: made.item.device.engine.relay.held[0], "one is held")
    (b,) = made.pulls("b")
    for number in range(200):
        assert a.recv_multipart()[0] == b.recv_multipart()[0] == b"%d" % number
    until(lambda: made.counts()["messages"] == 200, "all are counted")
    backends = {row["name"]: row for row in made.item.ask("status")["details"]["backends"]}
    assert backends["b"]["blocked_ns"] > 0
    assert (backends["a"]["messages"], backends["b"]["messages"]) == (200, 200)


def test_the_spare_takes_over_and_what_nobody_takes_goes_on(
    streamer: Callable[..., Streamer],
) -> None:
    made = streamer("[{to: [a, b], pick: first, on-full: next}, {to: c}]")
    (c,) = made.pulls("c")
    made.push.send(b"late")
    assert c.recv() == b"late"
    (b,) = made.pulls("b")
    made.push.send(b"spare")
    assert b.recv() == b"spare"
    (a,) = made.pulls("a")
    made.push.send(b"main")
    assert a.recv() == b"main"


def test_replies_of_every_backend_go_back_and_those_to_a_copy_do_not(
    steered: Begin, context: Context
) -> None:
    routes = "[{to: b, copy: true}, {match: {topic: v2*}, to: a}]"
    item = steered("queue", text=text(routes))
    made = Streamer.__new__(Streamer)
    made.item, made.context, made.hwm = item, context, 0
    client = made.peer(zmq.REQ, "frontend")
    workers = {side: made.peer(zmq.REP, side) for side in ("backend", "a", "b")}
    for word, side in ((b"v2 x", "a"), (b"v1 x", "backend")):
        client.send(word)
        assert workers["b"].recv() == word
        workers["b"].send(b"copy")
        assert workers[side].recv() == word
        workers[side].send(side.encode())
        assert client.recv() == side.encode()
    until(
        lambda: item.ask("status")["flows"][1]["counts"]["copy"] == 2, "replies to copies counted"
    )


def test_a_forwarder_drops_topics_and_subscriptions_travel_upstream(
    steered: Begin, context: Context
) -> None:
    item = steered("forwarder", drop=["debug.*"])
    made = Streamer.__new__(Streamer)
    made.item, made.context, made.hwm = item, context, 0
    publisher = made.peer(zmq.XPUB, "frontend")
    subscriber = made.peer(zmq.SUB, "backend")
    subscriber.subscribe(b"")
    assert publisher.recv() == b"\1"
    publisher.send(b"debug.x")
    publisher.send(b"price")
    assert subscriber.recv() == b"price"
    until(lambda: made.counts()["route"] == 1, "the drop is counted")


def test_a_bridge_puts_the_site_in_front(steered: Begin, context: Context) -> None:
    routes = """
      - {match: {topic: "line*/temp"}, rename: "berlin/line{1}/temperature"}
      - {match: {topic: "*"}, rename: "berlin/{1}"}
"""
    item = steered("forwarder", text=f"frontend: {{type: SUB}}\nroutes: {routes}")
    made = Streamer.__new__(Streamer)
    made.item, made.context, made.hwm = item, context, 0
    publisher = made.peer(zmq.XPUB, "frontend")
    subscriber = made.peer(zmq.SUB, "backend")
    subscriber.subscribe(b"berlin/line3")
    assert publisher.recv() == b"\1"
    until(lambda: publisher.send(b"line3/temp") or subscriber.poll(20), "a message")
    assert subscriber.recv() == b"berlin/line3/temperature"


def test_a_file_is_read_again_and_counts_go_on(
    steered: Begin, context: Context, tmp_path: Path
) -> None:
    path = tmp_path / "routes.yaml"
    sides = f"backends: {{a: {{bind: '{ANY}'}}, b: {{bind: '{ANY}'}}}}\n"
    path.write_text(f"{sides}routes: [{{name: one, match: {{topic: x*}}, to: a}}]\n")
    made = Streamer(steered("streamer", routes=str(path)), context)
    a, b = made.pulls("a", "b")
    made.push.send(b"x1")
    assert a.recv() == b"x1"
    path.write_text(f"{sides}routes: [{{name: one, match: {{topic: x*}}, to: b}}]\n")
    made.item.ask("reload")
    made.push.send(b"x2")
    assert b.recv() == b"x2"
    until(lambda: made.item.ask("routes")["routes"][0]["messages"] == 2, "both are counted")
    assert made.item.ask("routes")["routes"][0]["to"] == "b"
    path.write_text(f"{sides}routes: [{{to: nowhere}}]\n")
    assert "no backend 'nowhere'" in made.item.refusal("reload")
    path.write_text("backends: {a: {bind: tcp://*:1}}\nroutes: []\n")
    assert "needs a restart" in made.item.refusal("reload")
    made.push.send(b"x3")
    assert b.recv() == b"x3"


def test_a_plain_device_has_no_routes(steered: Begin) -> None:
    assert "has no routes" in steered("streamer").refusal("routes")


def asking(made: Streamer, side: str, *asks: bytes) -> zmq.Socket[bytes]:
    worker = made.peer(zmq.DEALER, side)
    for one in asks:
        worker.send(one)
    return worker


def test_a_named_backend_gives_work_to_those_that_ask(steered: Begin, context: Context) -> None:
    sides = f"{{w: {{bind: '{ANY}', demand: true}}}}"
    routes = "[{match: {topic: 'job*'}, to: w}]"
    item = steered("streamer", text=f"backends: {sides}\nroutes: {routes}\n")
    made = Streamer(item, context)
    (rest,) = made.pulls("backend")
    for topic in (b"other", b"job1", b"job2", b"late"):
        made.push.send(topic)
    assert rest.recv() == b"other"
    until(lambda: made.item.device.engine.relay.held[0], "the job waits until a worker asks")
    slow = asking(made, "w", b"ready")
    assert slow.recv() == b"job1"
    quick = made.peer(zmq.REQ, "w")
    quick.send(b"ready")
    assert quick.recv() == b"job2"
    assert rest.recv() == b"late"
    until(lambda: made.counts()["messages"] == 4, "all are counted")


def test_a_job_of_a_worker_that_has_gone_goes_to_the_next(steered: Begin, context: Context) -> None:
    routes = "[{match: {topic: 'x*'}, to: drop}]"
    item = steered("streamer", text=f"backend: {{bind: '{ANY}', demand: true}}\nroutes: {routes}\n")
    made = Streamer(item, context)
    asking(made, "backend", b"one", b"two").close(0)
    item.serve(lambda: item.ask("peers")["backend"]["connected"] == 0)
    for body in (b"x", b"job"):
        made.push.send(body)
    worker = asking(made, "backend", b"ready")
    assert worker.recv() == b"job"
    until(lambda: made.counts()["route"] == 1, "the other is dropped")
    assert item.ask("status")["details"]["demand"]["asked"] == 0


@pytest.mark.parametrize("word", ["drop", "next"])
def test_without_a_worker_that_asks_there_is_no_room(
    steered: Begin, context: Context, word: str
) -> None:
    sides = f"{{w: {{bind: '{ANY}', demand: true}}}}"
    item = steered("streamer", text=f"backends: {sides}\nroutes: [{{to: w, on-full: {word}}}]\n")
    made = Streamer(item, context)
    (rest,) = made.pulls("backend")
    made.push.send(b"job")
    if word == "next":
        assert rest.recv() == b"job"
    else:
        until(lambda: made.counts()["full"] == 1, "it is dropped")
    assert made.routes()["1"]["full"] == 1


def test_what_holds_where_a_route_does_not_say_it_is_set(streamer: Callable[..., Streamer]) -> None:
    made = streamer("[{match: {topic: 'a*'}, to: a}, {to: b}]", hwm=1)
    (b,) = made.pulls("b")
    made.item.ask("set", key="on-full", value="drop")
    for number in range(200):
        made.push.send(b"a%d" % number)
    made.push.send(b"last")
    assert b.recv() == b"last"
    until(lambda: made.counts()["full"] == 200, "all of the others are dropped")
    backends = {row["name"]: row for row in made.item.ask("status")["details"]["backends"]}
    assert [backends[name]["full"] for name in ("backend", "a", "b")] == [0, 200, 0]


def test_a_word_that_the_routes_do_not_allow_is_refused(steered: Begin) -> None:
    text = "on-full: block\nroutes: [{match: {topic: a}, to: backend, on-full: block}]\n"
    item = steered("forwarder", text=f"backend: {{bind: '{ANY}'}}\n{text}")
    refusal = item.refusal("set", key="on-full", value="drop")
    assert "what no route takes does not wait for backend" in refusal
    item.ask("set", key="on-full", value="block")
