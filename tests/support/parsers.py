"""Every parser that reads what a stranger or a person wrote: bytes in, no surprise out.

Each takes any bytes. It may refuse them with the errors that its callers
expect; anything else is a mistake of ours. `tests/hostile/test_parsers.py`
feeds them with hypothesis, `make fuzz` with a coverage-guided fuzzer.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from support.any_routes import Chance
from support.majordomo import Play

from zmqdev.control import protocol
from zmqdev.control.verbs import VERBS
from zmqdev.endpoints.form import jsonline, quoted
from zmqdev.endpoints.form.format import Layout, read_in
from zmqdev.endpoints.form.split import Splitter
from zmqdev.endpoints.form.template import OUTGOING, compile_template
from zmqdev.errors import UsageError, ZmqdevError
from zmqdev.options import address, document, part, quantity, zdcf
from zmqdev.options.delivery import LossType
from zmqdev.options.device import DeviceSpec
from zmqdev.options.device_check import resolve
from zmqdev.options.kind import KINDS
from zmqdev.options.layer import Entry, build, file_layer, spread_settings
from zmqdev.options.network import network
from zmqdev.options.parts import draft
from zmqdev.options.queue import QueueSpec
from zmqdev.options.separator import parse_separator
from zmqdev.options.sockopt import SOCKET_OPTIONS
from zmqdev.relay import NATIVE
from zmqdev.routing import json_field
from zmqdev.routing.decide import State, advance, begin
from zmqdev.security import acl, certificate, networks, passwords
from zmqdev.security.subscriptions import SubscriptionLimits, Subscriptions
from zmqdev.stats.columns import from_line
from zmqdev.tools.probe import foreign, greeting, zmtp
from zmqdev.tools.probe.machine import Probe
from zmqdev.wire import majordomo, stamp, z85, zap
from zmqdev.wire.call import unwrap
from zmqdev.wire.dialect import recognise

EXPECTED = (ValueError, ZmqdevError, protocol.Refused)
LIMIT = 4096
CONFIGS = Path(__file__).parents[2] / "configs"


def cut_up(data: bytes) -> list[bytes]:
    """Bytes as a list of frames: the first byte of each piece says how long it is."""
    frames = []
    while data:
        size, data = data[0], data[1:]
        frames.append(data[:size])
        data = data[size:]
    return frames


def text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _frames(data: bytes) -> None:
    decoder = zmtp.Decoder(LIMIT)
    for at in range(0, len(data), 7):
        for frame in decoder.feed(data[at : at + 7]):
            command = zmtp.read_command(frame.body)
            zmtp.error_reason(command.data)
            zmtp.read_properties(command.data)


def _probe(data: bytes) -> None:
    machine = Probe(0.0)
    for at in range(0, len(data), 11):
        machine.receive(data[at : at + 11], at)
        machine.bytes_to_send()
    machine.closed(1.0)
    assert machine.finding is not None
    assert machine.finding.note.isprintable()


def _device(data: bytes) -> None:
    node = document.read(data, "f")
    spec, written = build(DeviceSpec, [file_layer(DeviceSpec, node, ignore=("device",))])
    resolve(KINDS["forwarder"], spec, written)


def _nothing(name: str, includer: str) -> NoReturn:
    raise UsageError("no such file", f"{includer}: {name}")


def _parts(data: bytes) -> None:
    draft(document.read(data, "f"), "f", _nothing, {"HOME": "x"})


def _resolved(data: bytes) -> None:
    """A file as `run` and `check` read it: every part with its defaults."""
    sheet = draft(document.read(data, "f"), "f", _nothing, {"HOME": "x"})
    for item in sheet.drafts:
        part.examine(item)


def _zdcf(data: bytes) -> None:
    node = document.read(data, "f")
    if not zdcf.is_zdcf(node):
        return
    sheet = draft(zdcf.as_parts(node), "f", _nothing, {})
    found = [part.examine(item)[0] for item in sheet.drafts]
    zdcf.write("f", [one for one in found if one is not None])


def _setting(data: bytes) -> None:
    layer = spread_settings(QueueSpec, {("set",): Entry([text(data)], "--set", text=True)})
    build(QueueSpec, [layer])


def _values(data: bytes) -> None:
    """Every type of a socket option, as on a command line."""
    for option in SOCKET_OPTIONS.values():
        try:
            option.type.parse(text(data), text=True)
        except EXPECTED:
            continue


def _arguments(data: bytes) -> None:
    request = protocol.read_request([data])
    protocol.check(protocol.find(VERBS, request), request.args)


def _broker(data: bytes) -> None:
    """Between a worker and a client who behave, somebody says this, as either."""
    frames = cut_up(data)
    play = Play(service="echo")
    play.ready()
    play.ask(b"before")
    play.worker(b"stranger", *frames)
    play.worker(b"worker", *frames)
    play.client(b"stranger", *frames)
    play.pass_time(0.1)


def _subscriptions(data: bytes) -> None:
    limits = SubscriptionLimits(
        topic_length=64, count=8, count_per_peer=4, size=200, size_per_peer=100
    )
    accounts = Subscriptions(limits)
    peers = [accounts.open(0.0), accounts.open(0.0), None]
    for number, frame in enumerate(cut_up(data)):
        accounts.take(frame, peers[number % len(peers)], number / 10)
    assert len(accounts) <= limits.count
    assert 0 <= accounts.size <= limits.size


def _replies(data: bytes) -> None:
    majordomo.reply_01(cut_up(data), b"echo")
    majordomo.reply_02(cut_up(data), b"echo")


def _foreign(data: bytes) -> None:
    foreign.recognise(data)
    assert foreign.excerpt(data).isprintable()


def _split(data: bytes) -> None:
    splitter = Splitter(b"\n", LIMIT)
    for at in range(0, len(data), 5):
        splitter.receive(data[at : at + 5])
    splitter.finish()


def _json_field(data: bytes) -> None:
    """Both halves find the same."""
    for path in ((b"a",), (b"o", b"p")):
        found = json_field.field(data, path)
        if NATIVE:
            from zmqdev.relay.native import _native

            assert _native.json_field(data, path) == found


def _route(data: bytes) -> None:
    """Any frames go where both halves say, by routes of every kind."""
    table = Chance(sum(data[:2])).table(3, 12)
    pure, room = State(table), b"\1" * len(table.backends)
    frames, found = cut_up(data[2:]), list[tuple[int, list[bytes]]]()
    decision = begin(frames)
    advance(pure, decision, lambda index, message: not found.append((index, list(message))), 0)
    if NATIVE:
        from zmqdev.relay.native_routed import NativeState

        native = NativeState(table)
        assert native.decide(tuple(frames), 0, 0, room)[0] == found
        assert native.counts == pure.counts


# Pieces of everything that is parsed, so that near-valid input is met often.
WORDS = [
    *(b"curve", b"metadata\n    ", b"public-key", b" = ", b'"', b"alice subscribe ", b"hex:00"),
    *(b"tcp://", b"ipc://", b"127.0.0.1", b":5555", b"*", b"[::1]", b"10.0.0.0/8"),
    *(b"frontend: ", b"backend:\n  ", b"bind", b"device: queue", b"{", b"}", b"[", b"]", b"- "),
    *(b"&a ", b"*a", b"<<: ", b"!!python/object:os.system ", b"? ", b"|\n", b"${HOME:-x}"),
    *(
        b'{"v": 1, "do": "status"}',
        b"PAUSE",
        b"\x05READY",
        b"\x0bSocket-Type",
        b"\x00\x00\x00\x03SUB",
    ),
    *(b"\xff\0\0\0\0\0\0\0\0\x7f\x03\x01NULL", b"1.0", b"PLAIN", b"CURVE", b"MDPC01", b"MDPW02"),
    *(b"alice:$scrypt$ln=14,r=8,p=1$", b"5s", b"64KiB", b"0.1%", b"{n}", b"\\x41", b'"body":'),
    *(b"ZQS1", b"\0", b"\x01", b"\n", b"parts:\n  a: ", b"include: f", b"replicas: 9", b"#"),
    *(b"version: 1.0\napps:", b"zmq_queue", b"devices: ", b"sockets: ", b"option: {hwm: 9}"),
    *(b'{"zmqdev": 1, ', b'"verb": "connect", ', b'"args": {', b'"side": "backend"'),
    *(b'"ok": true, "result": ', b'"error": {"code": "x"}', b"\x06MDPW01\x01\x01\x04echo"),
    *(b"\0\x06MDPC01\x04echo\x04body", b"\0\x06MDPW01\x01\x03", b"\x01\x02", b"::ffff:10.0.0.1"),
    *(b'{"a": "\\u0041', b'{"o": {"p": 1', b"\x04eu.1", b'\x0d{"a": "ab"}'),
    *(b"frontend.sndhwm=5", b"endpoint: pub", b"service", b"reliable: ", b"security: curve"),
]
# Whole inputs to begin with.
SAMPLES = [path.read_bytes() for path in sorted(CONFIGS.glob("*.yaml"))] + [
    b"version: 1.0\napps:\n  a:\n    context: {iothreads: 1}\n    devices:\n      d:\n"
    b"        type: zmq_queue\n        sockets:\n"
    b"          frontend: {type: ROUTER, bind: 'tcp://*:5555', option: {hwm: 9, identity: x}}\n"
    b"          backend: {type: DEALER, bind: ['ipc://b'], option: {subscribe: [a]}}\n",
    b'{"zmqdev": 1, "verb": "connect", "args": {"side": "backend", "address": "tcp://a:1"}}',
    b'{"zmqdev": 1, "ok": false, "error": {"code": "busy", "message": "later"}, "id": 7}',
]

PARSERS: dict[str, Callable[[bytes], object]] = {
    "address": lambda data: address.split(text(data)),
    "broker": _broker,
    "certificate": lambda data: certificate.parse(data, "f"),
    "control arguments": _arguments,
    "control frames": lambda data: protocol.split(cut_up(data)),
    "control reply": protocol.read_reply,
    "control": lambda data: protocol.read_request([data]),
    "device": _device,
    "dialect": lambda data: recognise(cut_up(data)),
    "document": lambda data: document.read(data, "f"),
    "duration": lambda data: quantity.parse_duration(text(data)),
    "foreign": _foreign,
    "frames": _frames,
    "greeting": greeting.read,
    "hex line": lambda data: read_in(Layout("hex"), data),
    "json field": _json_field,
    "json line": jsonline.decode,
    "loss": lambda data: LossType().parse(text(data), text=True),
    "majordomo reply": _replies,
    "majordomo": lambda data: majordomo.read_client(cut_up(data)),
    "network": lambda data: network(text(data)),
    "option values": _values,
    "parts": _parts,
    "peer address": lambda data: networks.number_of(text(data)),
    "probe": _probe,
    "quoted": lambda data: quoted.unquote(data, b"|"),
    "reliable call": lambda data: unwrap(cut_up(data)),
    "resolved parts": _resolved,
    "rights": lambda data: acl.parse(data, "f"),
    "route": _route,
    "separator": lambda data: parse_separator(text(data)),
    "setting": _setting,
    "size": lambda data: quantity.parse_size(text(data)),
    "split": _split,
    "stamp": lambda data: stamp.read(cut_up(data)),
    "statistics line": lambda data: from_line(data, 0.0),
    "subscriptions": _subscriptions,
    "template": lambda data: compile_template(data, OUTGOING, None),
    "users": lambda data: passwords.parse(data, "f"),
    "z85": lambda data: z85.key(text(data)),
    "zap": lambda data: zap.parse_request(cut_up(data)),
    "zdcf": _zdcf,
}


def feed(name: str, data: bytes) -> None:
    """Let a parser read it; what it may raise is swallowed, what it may not comes through."""
    try:
        PARSERS[name](data)
    except EXPECTED:
        return
