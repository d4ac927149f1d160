"""Every parser that reads what a stranger or a person wrote: bytes in, no surprise out.

Each takes any bytes. It may refuse them with the errors that its callers
expect; anything else is a mistake of ours. `tests/hostile/test_parsers.py`
feeds them with hypothesis, `make fuzz` with a coverage-guided fuzzer.
"""

from __future__ import annotations

from collections.abc import Callable

from zmqdev.endpoints import jsonline, quoted
from zmqdev.endpoints.format import Layout, read_in
from zmqdev.endpoints.split import Splitter
from zmqdev.endpoints.template import OUTGOING, compile_template
from zmqdev.errors import UsageError, ZmqdevError
from zmqdev.security import acl, certificate, passwords
from zmqdev.spec import address, document, quantity
from zmqdev.spec.delivery import LossType
from zmqdev.spec.device import DeviceSpec, resolve
from zmqdev.spec.kind import KINDS
from zmqdev.spec.layer import build, file_layer
from zmqdev.spec.network import network
from zmqdev.spec.parts import draft
from zmqdev.spec.separator import parse_separator
from zmqdev.wire import control, greeting, majordomo, stamp, z85, zap, zmtp
from zmqdev.wire.call import unwrap
from zmqdev.wire.dialect import recognise
from zmqdev.wire.zmtp_probe import Probe

EXPECTED = (ValueError, ZmqdevError, control.Refused)
LIMIT = 4096


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


def _nothing(name: str) -> bytes:
    raise UsageError("no such file", name)


def _parts(data: bytes) -> None:
    draft(document.read(data, "f"), "f", _nothing, {"HOME": "x"})


def _split(data: bytes) -> None:
    splitter = Splitter(b"\n", LIMIT)
    for at in range(0, len(data), 5):
        splitter.receive(data[at : at + 5])
    splitter.finish()


PARSERS: dict[str, Callable[[bytes], object]] = {
    "address": lambda data: address.split(text(data)),
    "certificate": lambda data: certificate.parse(data, "f"),
    "control": lambda data: control.read_request([data]),
    "control frames": lambda data: control.split(cut_up(data)),
    "device": _device,
    "dialect": lambda data: recognise(cut_up(data)),
    "document": lambda data: document.read(data, "f"),
    "duration": lambda data: quantity.parse_duration(text(data)),
    "frames": _frames,
    "greeting": greeting.read,
    "hex line": lambda data: read_in(Layout("hex"), data),
    "json line": jsonline.decode,
    "loss": lambda data: LossType().parse(text(data), text=True),
    "majordomo": lambda data: majordomo.read_client(cut_up(data)),
    "network": lambda data: network(text(data)),
    "parts": _parts,
    "probe": _probe,
    "quoted": lambda data: quoted.unquote(data, b"|"),
    "reliable call": lambda data: unwrap(cut_up(data)),
    "rights": lambda data: acl.parse(data, "f"),
    "separator": lambda data: parse_separator(text(data)),
    "size": lambda data: quantity.parse_size(text(data)),
    "split": _split,
    "stamp": lambda data: stamp.read(cut_up(data)),
    "template": lambda data: compile_template(data, OUTGOING, None),
    "users": lambda data: passwords.parse(data, "f"),
    "z85": lambda data: z85.key(text(data)),
    "zap": lambda data: zap.parse_request(cut_up(data)),
}


def feed(name: str, data: bytes) -> None:
    """Let a parser read it; what it may raise is swallowed, what it may not comes through."""
    try:
        PARSERS[name](data)
    except EXPECTED:
        return
