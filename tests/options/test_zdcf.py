"""ZDCF 1.0 (RFC 17): a device in its words, what is refused, and writing it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from zmqdev.errors import UsageError
from zmqdev.options import zdcf
from zmqdev.options.document import read
from zmqdev.options.part import Part, resolve
from zmqdev.options.parts import draft

# A queue as RFC 17 writes one.
EXAMPLE: dict[str, Any] = {
    "version": 1.0,
    "apps": {
        "listener": {
            "context": {"iothreads": 1, "verbose": True},
            "devices": {
                "main": {
                    "type": "zmq_queue",
                    "sockets": {
                        "frontend": {
                            "type": "XREP",
                            "option": {"hwm": 1000, "identity": "main"},
                            "bind": "tcp://127.0.0.1:5555",
                        },
                        "backend": {"bind": ["tcp://127.0.0.1:5556", "inproc://device"]},
                    },
                }
            },
        }
    },
}


def parts(tree: Any) -> list[Part]:
    node = read(json.dumps(tree).encode(), "z.json")
    assert zdcf.is_zdcf(node)
    top = zdcf.as_parts(node)
    sheet = draft(top, "z.json", lambda path, beside: (path, top), {})
    assert not sheet.problems
    return [resolve(one) for one in sheet.drafts]


def changed(path: str, value: Any) -> dict[str, Any]:
    tree = json.loads(json.dumps(EXAMPLE))
    *above, last = path.split("/")
    place = tree
    for key in above:
        place = place[key]
    place[last] = value
    return tree


def test_a_queue_of_the_rfc_is_read() -> None:
    (part,) = parts(EXAMPLE)
    assert (part.name, part.kind) == ("main", "queue")
    assert part.spec.frontend.type == "ROUTER"
    assert part.spec.frontend.bind == ("tcp://127.0.0.1:5555",)
    assert part.spec.frontend.sockopts["sndhwm"] == 1000
    assert part.spec.frontend.sockopts["routing_id"] in ("main", b"main")
    assert part.spec.backend.bind == ("tcp://127.0.0.1:5556", "inproc://device")


def test_yaml_is_read_as_well() -> None:
    node = read(yaml.safe_dump(EXAMPLE).encode(), "z.yaml")
    assert zdcf.is_zdcf(node)
    assert list(zdcf.as_parts(node).value["parts"].value) == ["main"]


def test_devices_of_several_apps_carry_the_name_of_the_app() -> None:
    tree = json.loads(json.dumps(EXAMPLE))
    tree["apps"]["other"] = tree["apps"]["listener"]
    assert [part.name for part in parts(tree)] == ["listener.main", "other.main"]


@pytest.mark.parametrize("version", [1, 1.0, "1.0"])
def test_version_one_is_read(version: object) -> None:
    assert parts(changed("version", version))


MAIN = "apps/listener/devices/main"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("version", 2, "unsupported ZDCF version 2 (supported: 1)"),
        ("version", "2.0", "unsupported ZDCF version 2.0"),
        ("version", 1.1, "unsupported ZDCF version 1.1"),
        ("version", True, "version: expected a number"),
        ("version", "new", "version: expected a number like 1.0, not 'new'"),
        ("apps", [], "apps: expected names and values"),
        ("extra", 1, "unknown key 'extra'"),
        ("apps/listener/context/iothreads", 0, "io-threads: 0 is too small; the least is 1"),
        ("apps/listener/devices", 5, "devices: expected names and values"),
        (f"{MAIN}/type", "zmq_queu", "unknown type 'zmq_queu'; did you mean 'zmq_queue'?"),
        (f"{MAIN}/sockets/middle", {}, "a device has a frontend and a backend, not 'middle'"),
        (f"{MAIN}/sockets/frontend/option/swap", 1, "option 'swap' is not supported: removed"),
        (f"{MAIN}/sockets/frontend/option/hvm", 1, "option 'hvm' is not supported; did you mean"),
        (f"{MAIN}/sockets/frontend/bnid", 1, "unknown key 'bnid'; did you mean 'bind'?"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_place(path: str, value: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parts(changed(path, value))
    assert message in str(caught.value)
    assert str(caught.value).startswith("z.json:1:")


@pytest.mark.parametrize(
    "option", [{"hwm": 1000}, {"hwm": 7}, {"hwm": 7, "sndhwm": 8}, {"sndhwm": 8, "linger": 3}]
)
def test_what_is_written_is_read_as_the_same(option: dict[str, int]) -> None:
    before = parts(changed(f"{MAIN}/sockets/frontend/option", option))
    tree, lost = zdcf.write("listener", before)
    after = parts(tree)
    assert lost == []
    assert [part.spec for part in after] == [part.spec for part in before]


def test_what_zdcf_cannot_say_is_told() -> None:
    text = b"parts: {q: {device: queue, drain: 1s}, c: {endpoint: client}}"
    top = read(text, "f.yaml")
    sheet = draft(top, "f.yaml", lambda path, beside: (path, top), {})
    tree, lost = zdcf.write("f", [resolve(one) for one in sheet.drafts])
    assert list(tree["apps"]["f"]["devices"]) == ["q"]
    assert lost == [
        "q: ZDCF cannot say drain",
        "c: ZDCF has no endpoints, so this client is left out",
    ]


def test_the_io_threads_of_a_context_are_those_of_its_devices() -> None:
    before = parts(changed("apps/listener/context/iothreads", 4))
    assert before[0].spec.io_threads == 4
    tree, lost = zdcf.write("listener", before)
    assert tree["apps"]["listener"]["context"] == {"iothreads": 4}
    assert lost == []
    assert parts(tree)[0].spec == before[0].spec
