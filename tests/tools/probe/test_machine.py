"""The probe as a machine: bytes and time in, one finding out, and never a touch too much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.options.socktype import PEERS
from zmqdev.tools.probe import compat, foreign, greeting, zmtp
from zmqdev.tools.probe.machine import BYSTANDER, PING_CONTEXT, Kind, Probe, ProbeFinding
from zmqdev.tools.probe.zmtp import ZmtpCommand, encode_command


def started(**options: float | bool) -> Probe:
    return Probe(0.0, timeout=2.0, join=bool(options.get("join", True)))


def finding_of(machine: Probe) -> ProbeFinding:
    assert machine.finding is not None
    return machine.finding


def joined(socket_type: str = "XPUB") -> Probe:
    machine = started()
    machine.receive(greeting.build() + zmtp.ready(socket_type, b"me"), 0.1)
    return machine


def test_it_opens_with_signature_and_version_alone() -> None:
    assert started().bytes_to_send() == greeting.build()[:12]


def test_a_null_peer_is_told_by_its_ready_and_pinged() -> None:
    machine = joined()
    sent = machine.bytes_to_send()
    assert sent == greeting.build() + zmtp.ready("SUB") + zmtp.ping(PING_CONTEXT)
    machine.receive(encode_command(ZmtpCommand("PONG", PING_CONTEXT)), 0.4)
    finding = finding_of(machine)
    assert (finding.version, finding.mechanism, finding.socket_type) == ("3.1", "NULL", "XPUB")
    assert (finding.routing_id, finding.greeting_time) == (b"me", 0.1)
    assert finding.round_trip == pytest.approx(0.3)


def test_one_byte_at_a_time_is_as_good() -> None:
    machine = started()
    pong = encode_command(ZmtpCommand("PONG", PING_CONTEXT))
    for byte in greeting.build() + zmtp.ready("XPUB") + pong:
        machine.receive(bytes((byte,)), 0.5)
    assert finding_of(machine).round_trip == 0.0


@pytest.mark.parametrize("socket_type", sorted(set(PEERS) - set(BYSTANDER)))
def test_what_gives_work_to_its_peers_is_not_joined(socket_type: str) -> None:
    machine = joined(socket_type)
    assert finding_of(machine).socket_type == socket_type
    assert machine.bytes_to_send() == greeting.build()


@pytest.mark.parametrize(("theirs", "ours"), sorted(BYSTANDER.items()))
def test_a_bystander_is_a_legal_peer(theirs: str, ours: str) -> None:
    assert ours in PEERS[theirs]


def test_without_leave_to_join_nothing_is_joined() -> None:
    machine = started(join=False)
    machine.receive(greeting.build() + zmtp.ready("XPUB"), 0.1)
    assert finding_of(machine).socket_type == "XPUB"
    assert machine.bytes_to_send() == greeting.build()


def test_zmtp_3_0_has_no_ping() -> None:
    machine = started()
    machine.receive(greeting.build(minor=0) + zmtp.ready("XPUB"), 0.1)
    assert finding_of(machine).version == "3.0"


@pytest.mark.parametrize("mechanism", ["PLAIN", "CURVE", "GSSAPI"])
def test_another_mechanism_ends_it_before_ours_is_told(mechanism: str) -> None:
    machine = started()
    machine.receive(greeting.build(mechanism, as_server=True), 0.1)
    finding = finding_of(machine)
    assert (finding.mechanism, finding.as_server) == (mechanism, True)
    needs = {
        "PLAIN": "(--plain-username, --plain-password)",
        "CURVE": "its public key (--server-key)",
    }
    assert f"hidden behind {mechanism}; who connects needs" in finding.note
    assert needs.get(mechanism, "to know it") in finding.note
    assert machine.bytes_to_send() == greeting.build()[:12]


def test_a_refusal_by_zap_is_told() -> None:
    machine = started()
    machine.receive(greeting.build() + encode_command(ZmtpCommand("ERROR", b"\x03400")), 0.1)
    assert finding_of(machine).note == "it refuses this address (ERROR 400)"


def test_old_versions_are_told() -> None:
    machine = started()
    machine.receive(b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x07\0\0", 0.1)
    finding = finding_of(machine)
    assert (finding.version, finding.socket_type) == ("2.0", "PULL")


def test_what_is_silent_is_nudged_once_and_then_told() -> None:
    machine = started()
    machine.bytes_to_send()
    assert machine.deadline() == 1.0
    machine.tick(1.0)
    assert machine.bytes_to_send() == foreign.NUDGE
    assert machine.deadline() == 2.0
    machine.tick(2.0)
    assert finding_of(machine).kind is Kind.SILENT


def test_a_peer_that_waits_for_our_whole_greeting_gets_it() -> None:
    machine = started()
    machine.bytes_to_send()
    machine.receive(greeting.SIGNATURE, 0.1)
    machine.tick(1.0)
    assert machine.bytes_to_send() == greeting.build()[12:]


@pytest.mark.parametrize(
    ("said", "looks_like"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "an SSH server"),
        (b"HTTP/1.1 400 Bad Request\r\n", "an HTTP server"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "a TLS server"),
        (b"-ERR unknown command\r\n", "a Redis server"),
        (b"220 mail.example.com ESMTP Postfix\r\n", "an SMTP server"),
        (b"\x4a\x00\x00\x00\x0a8.0.36\x00".ljust(78, b"x"), "a MySQL server"),
        (b'INFO {"server_id":"x"}\r\n', "a NATS server"),
        (b"\xff\xfb\x01", "a telnet server"),
        (b"\x00SP\x00\x00\x10\x00\x00", "an nng or nanomsg socket"),
        (b"gibberish", None),
    ],
)
def test_what_is_not_zmtp_is_told_by_its_looks(said: bytes, looks_like: str | None) -> None:
    machine = started()
    machine.receive(said, 0.1)
    finding = finding_of(machine)
    assert (finding.kind, finding.looks_like) == (Kind.FOREIGN, looks_like)


def test_what_it_said_is_safe_to_print() -> None:
    machine = started()
    machine.receive(b"\x1b[2Jboo\x07", 0.1)
    assert finding_of(machine).note.isprintable()


def test_a_socket_type_that_is_told_is_safe_to_print() -> None:
    machine = joined("\x1b[2J")
    assert (finding_of(machine).socket_type or "").isprintable()
    assert finding_of(machine).note.isprintable()


@pytest.mark.parametrize(
    ("said", "note"),
    [
        (b"", "without a word"),
        (greeting.build(), "before it said what it is"),
        (greeting.build() + zmtp.ready("XPUB"), "hung up during the handshake"),
    ],
)
def test_hanging_up_is_told(said: bytes, note: str) -> None:
    machine = started()
    machine.receive(said, 0.1)
    machine.closed(0.2)
    machine.closed(0.3)
    assert note in finding_of(machine).note


@pytest.mark.parametrize(
    ("said", "note"),
    [
        (b"\xff", "no ZMTP"),
        (greeting.build(), "no READY"),
        (greeting.build() + zmtp.ready("XPUB"), "did not answer PING"),
    ],
)
def test_stopping_half_way_is_told(said: bytes, note: str) -> None:
    machine = started()
    machine.receive(said, 0.1)
    machine.tick(2.5)
    assert note in finding_of(machine).note


@pytest.mark.parametrize(
    "said", [b"\xff\xff", b"\x04\x00", b"\x02" + b"\x01" * 8, b"\x04\x09\x05READY\xff\xff\xff"]
)
def test_a_broken_handshake_is_told(said: bytes) -> None:
    machine = started()
    machine.receive(greeting.build() + said, 0.1)
    assert "broken" in finding_of(machine).note


pieces = st.lists(
    st.one_of(
        st.binary(max_size=70),
        st.sampled_from(
            [
                greeting.build(),
                greeting.build()[:20],
                zmtp.ready("XPUB"),
                zmtp.ready("x" * 300),
                encode_command(ZmtpCommand("PONG", PING_CONTEXT)),
                encode_command(ZmtpCommand("ERROR", b"\x09x")),
            ]
        ),
    ),
    max_size=6,
)


@given(pieces, st.booleans())
def test_any_bytes_come_to_one_finding(said: list[bytes], hangs_up: bool) -> None:
    machine = started()
    for number, piece in enumerate(said):
        machine.receive(piece, number / 10)
        machine.tick(number / 10)
        machine.bytes_to_send()
    if hangs_up:
        machine.closed(1.9)
    machine.tick(2.0)
    finding = finding_of(machine)
    machine.receive(b"more", 2.1)
    machine.tick(3.0)
    assert machine.finding is finding
    assert finding.note.isprintable()


def test_every_type_has_commands_or_is_a_pair() -> None:
    assert set(compat.COMMANDS) == set(PEERS)
    assert compat.commands("XPUB", "tcp://h:1") == [
        "zmqdev sub --connect tcp://h:1",
        "zmqdev forwarder --frontend-connect tcp://h:1",
    ]
    assert compat.commands("SERVER", "tcp://h:1") == compat.peers("SERVER") == []


@pytest.mark.parametrize(
    ("ours", "mechanism", "theirs", "their_mechanism", "why"),
    [
        ("SUB", "NULL", "XPUB", "NULL", None),
        ("SUB", "NULL", "PULL", "NULL", "a PULL does not talk to a SUB, only to PUSH"),
        ("SUB", "NULL", None, "CURVE", "it speaks CURVE and this side NULL"),
        ("SUB", "NULL", None, None, None),
        ("SUB", "NULL", "SERVER", "NULL", None),
    ],
)
def test_the_two_silent_failures_are_told(
    ours: str, mechanism: str, theirs: str | None, their_mechanism: str | None, why: str | None
) -> None:
    assert compat.mismatch(ours, mechanism, theirs, their_mechanism) == why
