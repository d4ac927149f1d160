"""More backends by name: what a file says, where it is wrong, how it is printed."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from zmqdev.errors import UsageError
from zmqdev.options.device import DeviceSpec, bound_addresses, printed
from zmqdev.options.document import read
from zmqdev.options.kind import KINDS
from zmqdev.options.layer import build, file_layer, flag_layer
from zmqdev.options.queue import resolve_device, spec_of

EU, US = "tcp://127.0.0.1:5561", "tcp://127.0.0.1:5562"


def device(text: str, kind: str = "streamer", **flags: Any) -> DeviceSpec:
    spec = spec_of(kind)
    layers = [file_layer(spec, read(text.encode(), "d.yaml"), ignore=("device",))]
    layers.append(flag_layer(spec, {(key,): value for key, value in flags.items()}))
    made, written = build(spec, layers)
    return resolve_device(KINDS[kind], made, written)


def wrong(text: str, kind: str = "streamer", **flags: Any) -> str:
    with pytest.raises(UsageError) as caught:
        device(text, kind, **flags)
    return str(caught.value)


BOTH = f"""
backend: {{bind: tcp://*:5558}}
backends:
  eu: {{bind: {EU}}}
  us: {{connect: {US}}}
"""


def test_each_is_a_side_with_the_defaults_of_the_backend() -> None:
    made = device(BOTH)
    assert list(made.sides) == ["frontend", "backend", "eu", "us"]
    assert made.targets["eu"].type == "PUSH"
    assert made.targets["us"].sockopts["sndhwm"] == made.backend.sockopts["sndhwm"]
    assert ("backends.eu.bind", EU) in list(bound_addresses(made))


def test_what_is_printed_is_read_again() -> None:
    made = device(BOTH)
    again = device(yaml.safe_dump(printed(KINDS["streamer"], made)))
    assert again.sides == made.sides


def test_set_reaches_them() -> None:
    assert device(BOTH, set=["eu.sndhwm=7"]).targets["eu"].sockopts["sndhwm"] == 7
    assert "no side is called 'eo'; known are eu, us" in wrong(BOTH, set=["eo.sndhwm=7"])
    assert "no side is called 'fronted'; did you mean 'frontend'?" in wrong(
        BOTH, set=["fronted.sndhwm=7"]
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("backends: {drop: {bind: tcp://*:1}}", "d.yaml:1:12: backends: 'drop' means something"),
        ("backends: {a.b: {bind: tcp://*:1}}", "d.yaml:1:12: backends: 'a.b' is not a valid name"),
        ("backends: [eu]", "d.yaml:1:11: backends: expected names and their keys, not a list"),
        ("backends: {eu: tcp://*:1}", "d.yaml:1:16: backends.eu: expected keys and values"),
        ("backend: {}\nbackends: {eu: {}}", "d.yaml:2:12: backends.eu: write bind or connect"),
        ("backends: {eu: {hvm: 1}}", "d.yaml:1:17: backends.eu: unknown key 'hvm'"),
        (
            "backends: {eu: {type: ROUTER, bind: tcp://*:1}}",
            "d.yaml:1:23: streamer: a PULL frontend does not work with a ROUTER backend",
        ),
        (
            f"backend: {{bind: {EU}}}\nbackends: {{eu: {{bind: {EU}}}}}",
            f"d.yaml:2:23: backends.eu.bind: {EU} is bound by backend.bind too",
        ),
        (
            f"backend: {{bind: {US}}}\nbackends: {{eu: {{bind: {EU}, curve-allow-any: true}}}}",
            "d.yaml:2:62: backends.eu.curve: a side that binds needs its own key",
        ),
        (f"backend: {{bind: {US}}}\nbackends: {{eu: {{bind: {EU}, conflate: true}}}}", "conflate"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, said: str) -> None:
    assert said in wrong(text)


def test_a_reliable_queue_has_one() -> None:
    said = wrong(f"reliable: true\nbackends: {{eu: {{bind: {EU}}}}}", "queue")
    assert said.startswith("d.yaml:2:12: backends.eu: a reliable queue shares requests by service")
