"""What an endpoint can be asked, and what is refused because it contradicts itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.errors import UsageError
from zmqdev.options.document import read
from zmqdev.options.endpoint import ENDPOINTS
from zmqdev.options.endpoint_check import printed, resolve, type_of, warnings
from zmqdev.options.escapes import escape
from zmqdev.options.layer import build, file_layer, flag_layer
from zmqdev.options.separator import parse_separator


def asked(name: str, **flags: Any) -> Any:
    """As if the flags were typed."""
    kind = ENDPOINTS[name]
    layer = flag_layer(kind.spec, {(key.replace("_", "-"),): raw for key, raw in flags.items()})
    spec, written = build(kind.spec, [layer])
    return resolve(kind, spec, written)


@pytest.mark.parametrize(
    ("name", "type_", "verb", "address"),
    [
        ("pub", "XPUB", "bind", "tcp://127.0.0.1:5555"),
        ("sub", "SUB", "connect", "tcp://127.0.0.1:5556"),
        ("push", "PUSH", "connect", "tcp://127.0.0.1:5557"),
        ("pull", "PULL", "connect", "tcp://127.0.0.1:5558"),
        ("client", "DEALER", "connect", "tcp://127.0.0.1:5555"),
        ("worker", "DEALER", "connect", "tcp://127.0.0.1:5559"),
    ],
)
def test_without_flags_each_has_its_type_and_address(
    name: str, type_: str, verb: str, address: str
) -> None:
    spec = asked(name)
    assert type_of(ENDPOINTS[name], spec) == type_
    assert getattr(spec, verb) == (address,)
    assert spec.name == name


def test_an_affinity_is_of_threads_that_there_are() -> None:
    with pytest.raises(UsageError, match="affinity 4 names none of the I/O threads"):
        asked("pull", set=["affinity=4"], io_threads="2")
    assert asked("pull", set=["affinity=4"], io_threads="3").io_threads == 3


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"protocol": "ppp"}, "--protocol: only with --reliable"),
        ({"reliable": True, "type": "REP"}, "--type: a reliable worker is a DEALER"),
        ({"reliable": True, "bind": ["tcp://127.0.0.1:1"]}, "--bind: a reliable worker connects"),
        ({"reliable": True, "service": "mmi.x"}, "--service: names that begin with 'mmi.' are"),
    ],
)
def test_what_contradicts_a_reliable_worker_is_named(flags: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        asked("worker", **flags)
    assert str(refused.value).startswith(said)


def test_a_worker_with_several_peers_is_a_router() -> None:
    assert asked("worker", bind=["tcp://127.0.0.1:5559"]).type == "ROUTER"
    two = ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"]
    assert asked("worker", connect=two).type == "ROUTER"


def test_rate_is_the_senders_and_not_the_multicast_option() -> None:
    spec = asked("push", rate="0.5", data=["x"])
    assert spec.rate == 0.5
    assert "rate" not in spec.sockopts


def test_blocking_is_told_to_the_socket() -> None:
    assert asked("pub", on_full="block").sockopts["xpub_nodrop"] is True
    assert asked("pub").sockopts["xpub_verboser"] is True
    assert "xpub_verboser" not in asked("pub", type="PUB").sockopts


@pytest.mark.parametrize(
    ("name", "flags", "message"),
    [
        ("push", {"data": ["x"], "file": "f"}, "--file: data and file cannot be given together"),
        ("pub", {"ticks": True, "file": "f"}, "--ticks: file and ticks cannot be given together"),
        ("push", {"interval": "1s", "rate": "2"}, "interval and rate cannot be given together"),
        ("push", {"jitter": "1s"}, "--jitter: jitter needs --interval"),
        ("push", {"interval": "1s", "jitter": "2s"}, "--jitter: jitter cannot be longer"),
        ("push", {"format": "raw", "null": True}, "--null: raw has no line ends"),
        ("push", {"format": "hex", "frames": "a"}, "--frames: frames: the separator cannot be"),
        ("pull", {"format": "json", "frames": "|"}, "--frames: frames: JSON lines separate"),
        ("pub", {"type": "pub", "wait_subscribers": "1"}, "a PUB does not see who subscribes"),
        ("sub", {"subscribe": ["x" * 5000]}, "--subscribe: subscribe: 5000 bytes"),
        ("worker", {"echo": True, "exec": "cat"}, "--exec: echo and exec cannot be given"),
        ("worker", {"reply": "x", "echo": True}, "--echo: reply and echo cannot be given"),
        ("worker", {"type": "rep", "jobs": "2"}, "--jobs: jobs: a REP socket answers one"),
        (
            "worker",
            {"type": "dealer", "connect": ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"]},
            "--type: type: a DEALER spreads its replies",
        ),
        ("push", {"type": "pub"}, "--type: 'pub' is not one of PUSH, DEALER, PAIR"),
        ("push", {"count": "0"}, "--count: 0 is too small; the least is 1"),
        ("push", {"frames": ""}, "--frames: the separator is empty"),
        ("push", {"set": ["router_mandatory=1"]}, "router_mandatory is an option of ROUTER"),
    ],
)
def test_a_contradiction_is_refused_with_its_place(
    name: str, flags: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as refused:
        asked(name, **flags)
    assert message in str(refused.value)


@pytest.mark.parametrize("name", list(ENDPOINTS))
def test_what_is_printed_can_be_loaded_again(name: str) -> None:
    import yaml

    kind = ENDPOINTS[name]
    flags = {"frames": "\\t"} | ({"echo": True} if name == "worker" else {})
    spec = asked(name, **flags)
    text = yaml.safe_dump(printed(kind, spec))
    layer = file_layer(kind.spec, read(text.encode(), "f"), ignore=("endpoint",))
    again, written = build(kind.spec, [layer])
    assert resolve(kind, again, written) == spec


def test_no_limit_is_worth_a_word() -> None:
    assert list(warnings(asked("pull", set=["rcvhwm=0"]))) == [
        "rcvhwm is 0: a stalled peer can fill the memory"
    ]


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("|", b"|"),
        ("\\t", b"\t"),
        ("\\x1f", b"\x1f"),
        ("\\0", b"\0"),
        ("\\\\", b"\\"),
        ("é", "é".encode()),
    ],
)
def test_a_separator_is_written_with_escapes(text: str, separator: bytes) -> None:
    assert parse_separator(text) == separator


@pytest.mark.parametrize("text", ["", "\\q", "\\x1", "\\"])
def test_a_wrong_separator_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"escape|separator is empty"):
        parse_separator(text)


@given(st.binary(min_size=1, max_size=6))
def test_a_separator_is_read_back_as_it_was(separator: bytes) -> None:
    assert parse_separator(escape(separator)) == separator
