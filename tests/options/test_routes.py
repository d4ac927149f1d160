"""Routes as they are written: what they mean, where they are wrong, how they are printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from zmqdev.errors import UsageError
from zmqdev.options.device import DeviceSpec, printed
from zmqdev.options.document import read
from zmqdev.options.kind import KINDS
from zmqdev.options.layer import Written, build, file_layer, flag_layer
from zmqdev.options.queue import resolve_device, spec_of
from zmqdev.options.routes_table import is_routed, rules_of, table_of
from zmqdev.routing.condition import FieldMatch, FrameMatch, Larger, Not
from zmqdev.routing.table import Rename, Table

BACKENDS = "backends: {eu: {bind: tcp://*:1}, us: {bind: tcp://*:2}}\n"
REST = "backend: {bind: tcp://*:3}\n"


def device(text: str, kind: str = "streamer", **flags: Any) -> DeviceSpec:
    spec = spec_of(kind)
    layers = [file_layer(spec, read(text.encode(), "d.yaml"), ignore=("device",))] if text else []
    layers.append(flag_layer(spec, {(key,): value for key, value in flags.items()}))
    made, written = build(spec, layers)
    return resolve_device(KINDS[kind], made, written)


def table(made: DeviceSpec) -> Table:
    return table_of(made, rules_of(made, Written()))


def wrong(text: str, kind: str = "streamer", **flags: Any) -> str:
    with pytest.raises(UsageError) as caught:
        device(text, kind, **flags)
    return str(caught.value)


EVERY_KEY = f"""
{REST}{BACKENDS}
routes:
  - name: all
    match:
      topic: ["eu.*", "x?"]
      frame: {{-1: end}}
      json: {{order.priority: [high, 9, true]}}
      larger: 64KiB
      not: {{topic: "*.trace"}}
    share: 12.5%
    rate: 100/s
    by: 2
    to: [eu, us]
    pick: hash
    copy: true
    on-full: next
    rename: "new.{{1}}"
"""


def test_every_key_means_what_it_says() -> None:
    text = EVERY_KEY.replace('["eu.*", "x?"]', "eu.*")
    (route,) = table(device(text)).routes
    topic, frame, field, larger, negated = route.conditions
    assert isinstance(topic, FrameMatch)
    assert isinstance(frame, FrameMatch)
    assert (topic.number, frame.number) == (0, -1)
    assert isinstance(field, FieldMatch)
    assert field.path == (b"order", b"priority")
    assert [pattern.text for pattern in field.patterns] == ["high", "9", "true"]
    assert larger == Larger(65536)
    assert isinstance(negated, Not)
    assert (route.share, route.rate, route.by, route.targets) == (1250, 100, 2, (1, 2))
    assert (route.pick, route.copy, route.on_full) == ("hash", True, "next")
    assert route.rename == Rename(b"new.", True, b"")


def test_what_is_printed_is_read_again() -> None:
    made = device(EVERY_KEY.replace("x?", "x*"))
    again = device(yaml.safe_dump(printed(KINDS["streamer"], made), sort_keys=False))
    assert table(again) == table(made)


def test_defaults() -> None:
    (first, second) = table(
        device(f"{REST}{BACKENDS}routes: [{{to: eu, copy: true}}, {{to: us}}]")
    ).routes
    assert (first.name, first.on_full, second.on_full, second.share) == (
        "1",
        "drop",
        "block",
        10000,
    )
    dropping = device(f"{REST}{BACKENDS}on-full: drop\nroutes: [{{to: us}}]")
    assert table(dropping).routes[0].on_full == table(dropping).rest_on_full == "drop"


def test_drop_and_keep_stand_before_the_routes() -> None:
    made = table(device("", drop=["debug.*", "*.trace"], keep=["eu.*"]))
    assert [(route.name, route.targets) for route in made.routes] == [("drop", ()), ("keep", ())]


def test_the_rest_is_the_backend_and_there_may_be_none() -> None:
    assert table(device(f"{BACKENDS}routes: [{{to: eu}}]")).rest is None
    assert table(device(f"{REST}{BACKENDS}routes: [{{to: eu}}]")).rest == 0
    assert not is_routed(device(REST))


def test_a_file_has_backends_routes_and_tests(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(f"{BACKENDS}routes: [{{match: {{topic: eu.*}}, to: eu}}]\n")
    made = device("", routes=str(path))
    assert list(made.sides) == ["frontend", "backend", "eu", "us"]
    assert [route.targets for route in table(made).routes] == [(1,)]
    again = device(yaml.safe_dump(printed(KINDS["streamer"], made), sort_keys=False))
    assert table(again) == table(made)
    path.write_text(f"{BACKENDS}routes:\n- {{to: uk}}\n")
    assert wrong("", routes=str(path)).startswith(f"{path}:3:8: routes.1.to: no backend 'uk'")
    assert "--routes: cannot read" in wrong("", routes=str(tmp_path / "none.yaml"))


@pytest.mark.parametrize(
    ("routes", "said"),
    [
        ("[{mach: {topic: x}}]", "d.yaml:3:11: routes.1: unknown key 'mach'; did you mean"),
        ("[{match: {topik: x}}]", "d.yaml:3:19: routes.1.match: unknown key 'topik'"),
        ("[{match: {topic: 'a\\'}}]", "d.yaml:3:26: routes.1.match.topic: 'a\\\\' ends in a lone"),
        ("[{match: {}}]", "routes.1.match: expected conditions like"),
        ("[{match: {frame: {x: a}}}]", "routes.1.match.frame.x: 'x' is not a frame number"),
        ("[{match: {json: {a..b: a}}}]", "routes.1.match.json.a..b: 'a..b' is not a field path"),
        ("[{match: {larger: many}}]", "routes.1.match.larger: 'many' is not a size"),
        (
            "[{}, {to: uk}]",
            "d.yaml:3:19: routes.2.to: no backend 'uk'; known are backend, eu, us, drop",
        ),
        ("[{to: [eu, uk]}]", "d.yaml:3:20: routes.1.to: no backend 'uk'"),
        ("[{to: [eu, drop]}]", "drop cannot be in a list"),
        ("[{to: [eu, eu]}]", "'eu' is listed twice"),
        ("[{to: []}]", "name a backend, or drop"),
        ("[{share: 0%}]", "routes.1.share: 0% is out of range"),
        ("[{share: 10}]", "routes.1.share: expected a share like 10%"),
        ("[{rate: 5}]", "routes.1.rate: expected a rate like 100/s"),
        ("[{by: topic, to: eu}]", "by: the key of share, rate or pick: hash"),
        ("[{pick: some}]", "routes.1.pick: 'some' is not one of"),
        ("[{rename: 'a{2}'}]", "routes.1.rename: 'a{2}': only {1} is allowed, once"),
        ("[{rename: 'a{1}'}]", "routes.1.rename: {1} needs a"),
        ("[{to: drop, copy: true}]", "copy: not with `to: drop`"),
        ("[3]", "d.yaml:3:10: routes.1: expected keys and values, not a number 3"),
        ("{to: eu}", "d.yaml:3:9: routes: "),
    ],
)
def test_what_is_wrong_is_said_with_its_place(routes: str, said: str) -> None:
    assert said in wrong(f"{REST}{BACKENDS}routes: {routes}")


def test_edges_of_the_kinds() -> None:
    renamed = "routes: [{rename: x}]"
    assert "use --frontend-type SUB" in wrong(renamed, "forwarder")
    assert device(f"frontend: {{type: SUB}}\n{renamed}", "forwarder")
    first = f"{REST}{BACKENDS}routes: [{{to: [eu, us], pick: first}}]"
    assert "eu is an XPUB, which always has room" in wrong(first, "forwarder")
    assert "a reliable queue routes by service" in wrong("reliable: true\ndrop: x", "queue")


@pytest.mark.parametrize(
    ("routes", "said"),
    [
        (
            "[{to: eu, on-full: block}, {to: eu}]",
            "3:36: routes.2.on-full: route 1 waits for eu",
        ),
        ("[{to: eu}, {to: [us, eu], on-full: block}]", "route 1 does not wait for eu and this"),
        ("[{to: backend, on-full: block}]", "what no route takes does not wait for backend and"),
    ],
)
def test_a_publisher_waits_for_all_it_gets_or_for_nothing(routes: str, said: str) -> None:
    found = wrong(f"{REST}{BACKENDS}routes: {routes}", "forwarder")
    assert said in found
    assert found.endswith("an XPUB does one or the other, write the same for both")
    assert device(f"{REST}{BACKENDS}on-full: block\nroutes: [{{to: eu}}]", "forwarder")
    assert device(f"{REST}{BACKENDS}routes: [{{to: eu, on-full: next}}, {{to: eu}}]", "forwarder")
