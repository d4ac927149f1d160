from __future__ import annotations

from dataclasses import dataclass

import pytest

from zmqdev.errors import UsageError
from zmqdev.options.document import read
from zmqdev.options.layer import build, environment_layer, file_layer, flag_layer, plain
from zmqdev.options.measures import Duration
from zmqdev.options.option import leaves, option, section
from zmqdev.options.side import Side
from zmqdev.options.types import Choice, Flag, Integer, Many, Text


@dataclass(frozen=True)
class Sub:
    mode: str | None = option(Choice(choices=("on", "off")), flag="--sub", help="Mode.")
    wait_time: float = option(Duration(), default=1.0, help="Wait.")


@dataclass(frozen=True)
class Top:
    words: tuple[str, ...] = option(Many(Text()), default=(), help="Words.")
    number: int = option(Integer(1, 9), default=3, help="A number.")
    loud: bool = option(Flag(), default=False, help="Loud.")
    secret: str | None = option(Text(), help="Hidden.", secret=True)
    set: tuple[str, ...] = option(Many(Text()), default=(), help="Socket options.")
    sub: Sub = section(Sub, help="Nested.", shorthand="mode")
    side: Side = section(Side, help="A socket.")


def from_file(text: str) -> Top:
    return build(Top, [file_layer(Top, read(text.encode(), "f.yaml"))])[0]


def test_flags_keys_and_variables_follow_from_the_declaration() -> None:
    found = {leaf.key: (leaf.flag, leaf.variable("queue")) for leaf in leaves(Top)}
    assert found["sub.mode"] == ("--sub", "ZMQDEV_QUEUE_SUB")
    assert found["sub.wait-time"] == ("--sub-wait-time", "ZMQDEV_QUEUE_SUB_WAIT_TIME")
    assert found["side.bind"] == ("--side-bind", "ZMQDEV_QUEUE_SIDE_BIND")


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default() -> None:
    layers = [
        file_layer(Top, read(b"number: 4\nwords: [a]\nsub: {wait-time: 2s}\n", "f.yaml")),
        environment_layer(Top, "queue", {"ZMQDEV_QUEUE_NUMBER": "5", "ZMQDEV_QUEUE_WORDS": "b c"}),
        flag_layer(Top, {("number",): "6"}),
    ]
    made, written = build(Top, layers)
    assert (made.number, made.words, made.sub.wait_time, made.loud) == (6, ("b", "c"), 2.0, False)
    assert written.place("number") == "--number"
    assert written.place("words") == "ZMQDEV_QUEUE_WORDS"
    assert written.place("sub.wait-time") == "f.yaml:3:18"
    assert written.place("loud") is None


def test_a_scalar_stands_for_the_shorthand_of_a_section() -> None:
    assert from_file("sub: off").sub.mode == "off"
    assert from_file("sub: {mode: on}\n".replace("on", "'on'")).sub.mode == "on"


def test_socket_options_are_keys_of_a_side_and_settings_of_a_flag() -> None:
    assert from_file("side: {sndhwm: 7, linger: 2s}").side.sockopts == {"sndhwm": 7, "linger": 2000}
    made, _ = build(Top, [flag_layer(Top, {("set",): ["side.hwm=5"]})])
    assert made.side.sockopts == {"hwm": 5}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("numbr: 1", "f.yaml:1:1: unknown key 'numbr'; did you mean 'number'?"),
        ("side: {hvm: 1}", "f.yaml:1:8: side: unknown key 'hvm'; did you mean 'hwm'?"),
        ("zzz: 1", "f.yaml:1:1: unknown key 'zzz'; known are "),
        ("number: 10", "f.yaml:1:9: number: 10 is too large; the most is 9"),
        ("number: yes", "f.yaml:1:9: number: expected a whole number, not true/false True"),
        ("number: '4'", "f.yaml:1:9: number: expected a whole number, not text '4'"),
        ("words: [a, 5]", "f.yaml:1:8: words: expected text, not a number 5 (write it in quotes)"),
        ("loud: 1", "f.yaml:1:7: loud: expected true or false, not a number 1"),
        ("side: []", "f.yaml:1:7: side: expected keys and values, not a list"),
        ("side: {bind: 'tcp://x'}", "f.yaml:1:14: side.bind: 'tcp://x' has no port"),
        ("[1]", "f.yaml:1:1: the file: expected keys and values, not a list"),
        ("just text", "f.yaml:1:1: the file: expected keys and values, not text"),
        ("sub: {wait-time: soon}", "f.yaml:1:18: sub.wait-time: 'soon' is not a duration"),
    ],
)
def test_a_mistake_in_a_file_names_place_and_fix(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_file(text)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("side.hvm=1", "--set: unknown socket option 'hvm'; did you mean 'hwm'?"),
        ("hwm=1", "--set: 'hwm=1' names no side; write side.hwm"),
        ("side.hwm", "--set: 'side.hwm' is not OPTION=VALUE"),
        ("side.hwm=x", "--set side.hwm=x: expected a whole number, not text 'x'"),
    ],
)
def test_a_wrong_setting_names_the_fix(setting: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        build(Top, [flag_layer(Top, {("set",): [setting]})])
    assert str(caught.value).startswith(message)


def test_what_is_printed_loads_as_the_same_and_hides_secrets() -> None:
    import yaml

    flags = {("words",): ["x"], ("secret",): "s", ("set",): ["side.hwm=5"], ("sub", "mode"): "on"}
    made, _ = build(Top, [flag_layer(Top, flags)])
    shown = yaml.safe_dump(plain(made))
    assert "secret" not in shown
    again = from_file(shown)
    assert (again.words, again.side, again.sub) == (made.words, made.side, made.sub)
