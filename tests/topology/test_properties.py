"""Random files: the reader and the checker never fall over, and what passes starts."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.examples import examples

from zmqdev.cli.start_device import engine_for
from zmqdev.errors import UsageError
from zmqdev.options.fleet import FleetSpec
from zmqdev.options.layer import known_keys
from zmqdev.options.part_options import kinds, part_spec
from zmqdev.supervisor.dry_run import rehearse
from zmqdev.topology.check import check_file
from zmqdev.topology.drawing import dot, mermaid
from zmqdev.topology.links import plan
from zmqdev.topology.picture import picture
from zmqdev.topology.read import survey, topology

PLACES = ("127.0.0.1:{0}", "*:{0}", "localhost:{0}", "[::1]:{0}", "h;127.0.0.1:{0}", "far:{0}")
ADDRESSES = st.one_of(
    st.builds(
        lambda place, port: "tcp://" + place.format(port),
        st.sampled_from(PLACES),
        st.sampled_from([0, 1, 5555, 5556, 99999, "*"]),
    ),
    st.sampled_from(["inproc://x", "ipc:///tmp/x", "ipc://@x", "tipc://x", "ws://x", "no", ""]),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 10**7),
    st.floats(allow_nan=True),
    st.text(max_size=8),
    ADDRESSES,
    st.sampled_from(["${A}", "${A:-1}", "${REPLICA}", "${", "5s", "1MB", "queue", "drop", "XPUB"]),
)
WORDS = sorted(
    {key for kind, category in kinds().items() for key in known_keys(part_spec(category, kind))}
    | {"parts", "defaults", "include", "device", "endpoint", "apps", "version", "type", "bind"}
    | {*known_keys(FleetSpec), *kinds()}
)
KEYS = st.one_of(st.sampled_from(WORDS), st.text(max_size=5))
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)
SIDE = st.fixed_dictionaries(
    {},
    optional={
        "bind": ADDRESSES | st.lists(ADDRESSES, max_size=2),
        "connect": ADDRESSES | st.lists(ADDRESSES, max_size=2),
        "type": st.sampled_from(["SUB", "XSUB", "PUB", "XPUB", "PULL", "PUSH", "ROUTER", "DEALER"]),
        "hwm": st.integers(0, 5),
        "subscribe": st.lists(st.text(max_size=3), max_size=2),
    },
)
LIFE = {
    "replicas": st.integers(1, 3),
    "restart": st.sampled_from(["always", "on-failure", "no", False]),
    "isolate": st.sampled_from(["process", "thread"]),
    "after": st.sampled_from(["a", "b", "c"]),
    "ignore": st.sampled_from(["hwm-zero", "nobody-binds", "what"]),
}
DEVICES = st.fixed_dictionaries(
    {"device": st.sampled_from(["queue", "forwarder", "streamer"])},
    optional={"frontend": SIDE, "backend": SIDE, "reliable": st.booleans(), **LIFE},
)
ENDPOINTS = st.fixed_dictionaries(
    {
        "endpoint": st.sampled_from(
            ["pub", "sub", "push", "pull", "client", "worker", "req", "router"]
        )
    },
    optional={"bind": ADDRESSES, "connect": ADDRESSES, **LIFE},
)
FILES = st.fixed_dictionaries(
    {"parts": st.dictionaries(st.sampled_from("abcd"), DEVICES | ENDPOINTS, min_size=1, max_size=4)}
)
# Only what can be had on a machine: loopback, ports that the system chooses, inproc, and ipc in
# the directory of the test, so that parts meet.
SAFE = st.sampled_from(
    ["tcp://127.0.0.1:*", "inproc://one", "inproc://two", "ipc://{tmp}/1", "ipc://{tmp}/2"]
)
SAFE_SIDES = st.one_of(
    *(
        st.fixed_dictionaries(
            {verb: SAFE}, optional={"hwm": st.integers(1, 9), "linger": st.integers(0, 9)}
        )
        for verb in ("bind", "connect")
    )
)
SAFE_DEVICES = st.fixed_dictionaries(
    {
        "device": st.sampled_from(["queue", "forwarder", "streamer"]),
        "frontend": SAFE_SIDES,
        "backend": SAFE_SIDES,
    },
    optional={
        "isolate": LIFE["isolate"],
        "on-full": st.sampled_from(["block", "drop"]),
        "drain": st.sampled_from(["0", "1s", 2]),
        "capture": SAFE,
    },
)
KINDS = ["pub", "sub", "push", "pull", "client", "worker", "req", "router"]
SAFE_ENDPOINTS = st.one_of(
    *(
        st.fixed_dictionaries(
            {"endpoint": st.sampled_from(KINDS), verb: SAFE},
            optional={"duration": st.sampled_from(["1s", "1m"]), "replicas": st.integers(1, 2)},
        )
        for verb in ("bind", "connect")
    )
)
NAMES = st.sampled_from("abcd")
PARTS = st.dictionaries(NAMES, SAFE_DEVICES | SAFE_ENDPOINTS, min_size=1, max_size=4)
# Parts that meet: each connects to what a device of the file binds, at the right side or not.
ENDS = {
    "queue": (["client"], ["worker"]),
    "forwarder": (["pub"], ["sub"]),
    "streamer": (["push"], ["pull"]),
}


@st.composite
def joined(draw: st.DrawFn) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    for name in draw(st.lists(NAMES, min_size=1, max_size=3, unique=True)):
        kind = draw(st.sampled_from(sorted(ENDS)))
        ends = {side: f"ipc://{{tmp}}/{name}{side[0]}" for side in ("frontend", "backend")}
        verb = "bind" if kind != "forwarder" else draw(st.sampled_from(["bind", "connect"]))
        other = {"bind": "connect", "connect": "bind"}[verb]
        parts[name] = {
            "device": kind,
            "frontend": {verb: ends["frontend"]},
            "backend": {"bind": ends["backend"]},
            "ignore": ["nobody-connects", "nobody-binds"],
        }
        for side, kinds_, how in zip(ends, ENDS[kind], (other, "connect"), strict=True):
            for number in range(draw(st.integers(0, 2))):
                fitting = st.sampled_from(kinds_)
                end = draw(fitting | fitting | fitting | st.sampled_from(KINDS))
                parts[f"{name}-{side}-{number}"] = {"endpoint": end, how: ends[side]}
    return {"parts": parts}


SAFE_FILES = st.fixed_dictionaries({"parts": PARTS}) | joined()
QUIET = settings(
    max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def look(content: bytes) -> None:
    """Whatever the file, every finding has a place in it and the file ends somewhere."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "f.yaml"
        path.write_bytes(content)
        for finding in check_file(str(path), {}):
            assert finding.place.startswith(str(path)), finding
            assert "\n" not in finding.message
        try:
            found = survey(str(path), {})
        except UsageError:
            return
        drawn = picture(plan(found))
        assert mermaid(drawn)
        assert dot(drawn)


@QUIET
@given(TREES)
@example({"apps": {"a": {"devices": {"d": {"type": "zmq_queue"}}}}, "version": 1})
@example({"device": {}})
@example({"include": "0"})
@example({"parts": {"a": {"device": "queue", "frontend": {"bind": ["tcp://*:1"] * 3}}}})
def test_no_tree_is_too_strange(tree: Any) -> None:
    look(yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "surrogatepass"))


@QUIET
@given(FILES)
def test_no_file_of_parts_is_too_strange(tree: Any) -> None:
    look(json.dumps(tree).encode())


@QUIET
@given(st.binary(max_size=200))
def test_no_bytes_are_too_strange(content: bytes) -> None:
    look(content)


def test_what_passes_a_strict_check_starts() -> None:
    """Many pass, some with parts that meet: else this would say nothing."""
    started: list[int] = []

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(SAFE_FILES)
    def starts(tree: Any) -> None:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "f.yaml"
            path.write_text(json.dumps(tree).replace("{tmp}", directory))
            if check_file(str(path), {}):
                return
            made = plan(topology(str(path)))
            for line, well in rehearse(made, engine_for):
                assert well, line
            started.append(len(made.links))

    starts()
    assert len(started) > 5
    assert any(started)
