"""Every rule of `zmqdev check`: a file that triggers it, and one like it that does not."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from zmqdev.security.keyfile import generate, write_pair
from zmqdev.topology.check import RULES, check_file
from zmqdev.topology.finding import Finding

QUEUE = "q: {device: queue, frontend: {bind: 'tcp://127.0.0.1:1'}, backend: {bind: 'tcp://127.0.0.1:2'}}"
RELIABLE = "reliable: {workers: plain}"


def _routed(routes: str, more: str = "") -> str:
    sides = "{a: {bind: 'tcp://127.0.0.1:1'}, b: {bind: 'tcp://127.0.0.1:2'}}"
    return f"parts: {{s: {{device: streamer, backends: {sides}, routes: [{routes}], {more}}}}}"


# rule -> (text that triggers it, text that does not). {tmp} is a directory.
CASES: dict[str, tuple[str, str]] = {
    "unknown-key": (
        "parts: {a: {device: queue, drian: 1s}}",
        "parts: {a: {device: queue, drain: 1s}}",
    ),
    "unset-variable": (
        "parts: {a: {device: queue, drain: '${ZMQDEV_TEST_UNSET}'}}",
        "parts: {a: {device: queue, drain: '${ZMQDEV_TEST_UNSET:-1s}'}}",
    ),
    "mixed-forwarder": (
        "parts: {a: {device: forwarder, frontend: {type: SUB}, backend: {type: XPUB}}}",
        "parts: {a: {device: forwarder, frontend: {type: SUB}, backend: {type: PUB}}}",
    ),
    "socket-pair": (
        "parts: {a: {device: queue, backend: {type: XPUB}}}",
        "parts: {a: {device: streamer, frontend: {type: ROUTER}}}",
    ),
    "localhost-bind": (
        "parts: {a: {device: queue, frontend: {bind: 'tcp://localhost:1'}}}",
        "parts: {a: {device: queue, frontend: {connect: 'tcp://far.example:1'}}}",
    ),
    "ipc-path-too-long": (
        f"parts: {{a: {{device: queue, frontend: {{bind: 'ipc:///tmp/{'x' * 120}'}}}}}}",
        "parts: {a: {device: queue, frontend: {bind: 'ipc:///tmp/x'}}}",
    ),
    "unknown-backend": (_routed("{to: c}"), _routed("{to: a}")),
    "route-test": (
        _routed("{to: a}", "tests: [{message: x, to: b}]"),
        _routed("{to: a}", "tests: [{message: x, to: a}]"),
    ),
    "no-rest": (
        _routed("{match: {topic: x}, to: a}"),
        _routed("{match: {topic: x}, to: a}, {to: b, on-full: drop}"),
    ),
    "one-stops-all": (_routed("{to: [a, b]}"), _routed("{to: [a, b], on-full: block}")),
    "never-reached": (_routed("{to: a}, {to: b}"), _routed("{to: a, copy: true}, {to: b}")),
    "invalid": ("parts: {a: {device: queue, drain: soon}}", "device: queue"),
    "cannot-talk": (
        f"parts: {{{QUEUE}, s: {{endpoint: sub, connect: 'tcp://127.0.0.1:1'}}}}",
        f"parts: {{{QUEUE}, c: {{endpoint: client, connect: 'tcp://127.0.0.1:1'}}}}",
    ),
    "wrong-side": (
        "parts: {q: {device: queue, frontend: {bind: 'tcp://127.0.0.1:1'}, backend: "
        "{type: ROUTER, bind: 'tcp://127.0.0.1:2'}, reliable: true}, "
        "c: {endpoint: client, connect: 'tcp://127.0.0.1:2'}}",
        f"parts: {{{QUEUE}, c: {{endpoint: client, connect: 'tcp://127.0.0.1:1'}}}}",
    ),
    "bound-twice": (
        f"parts: {{{QUEUE}, p: {{endpoint: pub, bind: 'tcp://*:2'}}}}",
        f"parts: {{{QUEUE}, p: {{endpoint: pub, bind: 'tcp://127.0.0.2:2'}}}}",
    ),
    "nobody-binds": (
        f"parts: {{{QUEUE}, w: {{endpoint: worker, connect: 'tcp://localhost:3'}}}}",
        f"parts: {{{QUEUE}, w: {{endpoint: worker, connect: 'tcp://localhost:2'}}}}",
    ),
    "nobody-connects": (
        f"parts: {{{QUEUE}, w: {{endpoint: worker, connect: 'tcp://127.0.0.1:2'}}}}",
        f"parts: {{{QUEUE}}}",
    ),
    "both-connect": (
        "parts: {a: {endpoint: push, connect: 'tcp://127.0.0.1:1'}, "
        "b: {endpoint: pull, connect: 'tcp://127.0.0.1:1'}}",
        "parts: {a: {endpoint: push, connect: 'tcp://127.0.0.1:1'}, "
        "b: {endpoint: pull, bind: 'tcp://127.0.0.1:1'}}",
    ),
    "device-loop": (
        "parts: {a: {device: streamer, frontend: {bind: 'tcp://127.0.0.1:1'}, backend: "
        "{connect: 'tcp://127.0.0.1:2'}}, b: {device: streamer, frontend: "
        "{bind: 'tcp://127.0.0.1:2'}, backend: {connect: 'tcp://127.0.0.1:1'}}}",
        "parts: {a: {device: streamer, frontend: {bind: 'tcp://127.0.0.1:1'}, backend: "
        "{connect: 'tcp://127.0.0.1:2'}}, b: {device: streamer, frontend: "
        "{bind: 'tcp://127.0.0.1:2'}, backend: {connect: 'tcp://10.0.0.1:1'}}}",
    ),
    "one-sided-security": (
        "parts: {a: {endpoint: pub, bind: 'tcp://127.0.0.1:1', plain-users: '{tmp}/users'}, "
        "b: {endpoint: sub, connect: 'tcp://127.0.0.1:1'}}",
        "parts: {a: {endpoint: pub, bind: 'tcp://127.0.0.1:1', plain-users: '{tmp}/users'}, "
        "b: {endpoint: sub, connect: 'tcp://127.0.0.1:1', plain-username: u, plain-password: p}}",
    ),
    "inproc-alone": (
        "parts: {a: {device: queue, backend: {connect: 'inproc://x'}}}",
        "parts: {a: {device: queue, backend: {connect: 'inproc://x'}}, "
        "b: {device: queue, frontend: {bind: 'inproc://x'}}}",
    ),
    "no-subscription": (
        "parts: {a: {device: forwarder, frontend: {type: SUB, subscribe: []}}}",
        "parts: {a: {device: forwarder, frontend: {type: SUB, subscribe: ['']}}}",
    ),
    "hwm-zero": (
        "parts: {a: {device: queue, backend: {hwm: 0}}}",
        "parts: {a: {device: queue, backend: {hwm: 1}}}",
    ),
    "open-to-all": (
        "parts: {a: {device: queue, backend: {bind: 'tcp://*:1'}}}",
        "parts: {a: {device: queue, backend: {bind: 'tcp://*:1', allow: 10.0.0.0/8}}}",
    ),
    "inproc-processes": (
        "parts: {a: {device: queue, isolate: process, backend: {connect: 'inproc://x'}}, "
        "b: {device: queue, frontend: {bind: 'inproc://x'}}}",
        "parts: {a: {device: queue, isolate: thread, backend: {connect: 'inproc://x'}}, "
        "b: {device: queue, frontend: {bind: 'inproc://x'}}}",
    ),
    "endpoint-thread": (
        "parts: {a: {endpoint: pub, isolate: thread}}",
        "parts: {a: {endpoint: pub, isolate: process}}",
    ),
    "plain-queue": (
        f"parts: {{{QUEUE}, r: {{device: queue, frontend: {{bind: 'tcp://127.0.0.1:3'}}, "
        f"backend: {{bind: 'tcp://127.0.0.1:4'}}, {RELIABLE}}}, "
        "w: {endpoint: worker, connect: 'tcp://127.0.0.1:2'}}",
        f"parts: {{{QUEUE}, w: {{endpoint: worker, connect: 'tcp://127.0.0.1:2'}}}}",
    ),
    "one-store": (
        "parts: {a: {device: queue, reliable: {store: '{tmp}/q.db'}}, "
        "b: {device: streamer, spool: '{tmp}/./q.db'}}",
        "parts: {a: {device: queue, reliable: {store: '{tmp}/a.db'}}, "
        "b: {device: queue, reliable: {store: '{tmp}/b.db'}}}",
    ),
    "store-place": (
        "parts: {a: {device: queue, reliable: {store: /dev/shm/zmqdev-check.db}}, "
        "b: {device: streamer, spool: /dev/shm/zmqdev-check.sp}}",
        "parts: {a: {device: queue, reliable: {store: /zmqdev-check.db}}}",
    ),
    "post-store": (
        "parts: {q: {device: queue, reliable: true, frontend: {bind: 'tcp://127.0.0.1:1'}, "
        "backend: {bind: 'tcp://127.0.0.1:2'}}, c: {endpoint: client, reliable: true, post: true, "
        "connect: 'tcp://127.0.0.1:1'}}",
        "parts: {q: {device: queue, reliable: {store: /zmqdev-check.db}, frontend: "
        "{bind: 'tcp://127.0.0.1:1'}, backend: {bind: 'tcp://127.0.0.1:2'}}, c: {endpoint: client, "
        "reliable: true, post: true, connect: 'tcp://127.0.0.1:1'}}",
    ),
    "store-password": (
        "parts: {q: {device: queue, reliable: {store: 'postgresql://u:pw@db/x'}}}",
        "parts: {q: {device: queue, reliable: {store: 'postgresql://u@db/x'}}}",
    ),
    "unknown-after": (
        f"parts: {{{QUEUE}, w: {{endpoint: worker, after: r}}}}",
        f"parts: {{{QUEUE}, w: {{endpoint: worker, after: q}}}}",
    ),
    "after-ring": (
        "parts: {a: {device: queue, after: b}, b: {device: streamer, after: a}}",
        "parts: {a: {device: queue, after: b}, b: {device: streamer}}",
    ),
    "same-name": (
        "parts: {a: {device: queue, name: x}, b: {device: streamer, name: x}}",
        "parts: {a: {device: queue, name: x}, b: {device: streamer, name: y}}",
    ),
    "reads-stdin": (
        "parts: {a: {endpoint: push, file: '-'}}",
        "parts: {a: {endpoint: push, data: '-'}}",
    ),
    "unknown-rule": (
        "parts: {a: {device: queue, ignore: hvm-zero}}",
        "parts: {a: {device: queue, ignore: hwm-zero}}",
    ),
    "key-files": (
        "parts: {a: {device: queue, backend: {curve-key: '{tmp}/shared.key_secret', "
        "curve-allow-any: true}}}",
        "parts: {a: {device: queue, backend: {curve-key: '{tmp}/own.key_secret', "
        "curve-allow-any: true}}}",
    ),
    "ipc-directory": (
        "parts: {a: {device: queue, backend: {bind: 'ipc://{tmp}/no/x'}}}",
        "parts: {a: {device: queue, backend: {bind: 'ipc://{tmp}/x'}}}",
    ),
    "missing-file": (
        "parts: {a: {endpoint: push, file: '{tmp}/no'}}",
        "parts: {a: {endpoint: push, file: '{tmp}/users'}}",
    ),
    "port-in-use": (
        "parts: {a: {endpoint: pull, bind: 'tcp://127.0.0.1:{used}'}}",
        "parts: {a: {endpoint: pull, bind: 'tcp://127.0.0.1:*'}}",
    ),
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with a file of users, and one key that is private and one that is not."""
    users = tmp_path / "users"
    users.write_text("")
    users.chmod(0o600)
    from datetime import datetime

    for name, mode in (("own", 0o600), ("shared", 0o644)):
        _, secret = write_pair(generate(), tmp_path / name, datetime(2026, 1, 1))
        secret.chmod(mode)
    return tmp_path


@pytest.fixture
def used_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.fixture
def findings(place: Path, used_port: int) -> Callable[[str], list[Finding]]:
    def find(text: str) -> list[Finding]:
        filled = text.replace("{tmp}", str(place)).replace("{used}", str(used_port))
        path = place / "f.yaml"
        path.write_text(filled)
        return check_file(str(path), {}, live="{used}" in text or ":*" in text)

    return find


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_triggered(rule: str, findings: Callable[[str], list[Finding]]) -> None:
    found = [one for one in findings(CASES[rule][0]) if one.rule == rule]
    assert found, findings(CASES[rule][0])
    file, line, _ = found[0].position
    assert (Path(file).name, line) == ("f.yaml", 1)
    assert found[0].message
    assert found[0].fix


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_not_triggered_by_what_is_right(
    rule: str, findings: Callable[[str], list[Finding]]
) -> None:
    assert rule not in {one.rule for one in findings(CASES[rule][1])}


def test_every_rule_has_its_cases() -> None:
    assert set(CASES) == set(RULES)


@pytest.mark.parametrize("rule", [name for name, rule in RULES.items() if rule.look])
def test_a_part_may_say_that_a_rule_does_not_count(
    rule: str, findings: Callable[[str], list[Finding]]
) -> None:
    text = CASES[rule][0].replace("{device:", "{ignore: [RULE], device:")
    text = text.replace("{endpoint:", "{ignore: [RULE], endpoint:")
    if rule != "unknown-rule":
        assert rule not in {one.rule for one in findings(text.replace("RULE", rule))}
