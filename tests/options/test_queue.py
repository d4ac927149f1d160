"""A queue as it was asked for, plain or reliable."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from zmqdev.errors import UsageError
from zmqdev.options.document import read
from zmqdev.options.kind import KINDS
from zmqdev.options.layer import build, file_layer, flag_layer, plain
from zmqdev.options.queue import QueueSpec, resolve_device, spec_of
from zmqdev.options.reliable import BUSY_TIMEOUT, PLAIN_TIMEOUT


def from_file(text: str) -> QueueSpec:
    node = read(text.encode(), "queue.yaml")
    spec, written = build(QueueSpec, [file_layer(QueueSpec, node, ignore=("device",))])
    resolved = resolve_device(KINDS["queue"], spec, written)
    assert isinstance(resolved, QueueSpec)
    return resolved


def from_flags(**values: Any) -> QueueSpec:
    paths = {("reliable", key.replace("_", "-")): value for key, value in values.items()}
    spec, written = build(QueueSpec, [flag_layer(QueueSpec, paths)])
    resolved = resolve_device(KINDS["queue"], spec, written)
    assert isinstance(resolved, QueueSpec)
    return resolved


def test_a_queue_is_plain_unless_asked() -> None:
    spec = from_file("device: queue")
    assert not spec.reliable.enabled
    assert spec.backend.type == "DEALER"


@pytest.mark.parametrize(
    "text", ["reliable: true", "reliable: {heartbeat: 1s}", "reliable: {enabled: true}"]
)
def test_a_file_that_speaks_of_it_means_it(text: str) -> None:
    spec = from_file(text)
    assert spec.reliable.enabled
    assert spec.backend.type == "ROUTER"
    assert spec.backend.sockopts["router_handover"] is True
    assert "router_handover" not in spec.frontend.sockopts
    assert spec.frontend.sockopts["router_mandatory"] is True


def test_a_file_may_keep_the_settings_and_switch_it_off() -> None:
    assert not from_file("reliable: {enabled: false, heartbeat: 1s}").reliable.enabled


def test_what_is_printed_reads_back_the_same() -> None:
    import yaml

    for text in ("device: queue", "reliable: {workers: plain, busy-timeout: 2s}"):
        spec = from_file(text)
        assert from_file(yaml.safe_dump(plain(spec))) == spec


def test_a_flag_of_the_reliable_queue_needs_the_flag_that_asks_for_it() -> None:
    with pytest.raises(UsageError, match="--heartbeat: only with --reliable"):
        from_flags(heartbeat="1s")
    assert from_flags(enabled=True, heartbeat="1s").reliable.heartbeat == 1.0


def test_plain_workers_stand_behind_a_dealer() -> None:
    spec = from_file("reliable: {workers: plain, concurrency: 10}")
    assert spec.backend.type == "DEALER"
    assert spec.reliable.attempt_timeout == PLAIN_TIMEOUT
    assert from_file("reliable: true").reliable.attempt_timeout == BUSY_TIMEOUT


def test_workers_with_a_protocol_take_one_request_at_a_time() -> None:
    with pytest.raises(UsageError, match=r"queue\.yaml:1:25: Majordomo .* one request at a time"):
        from_file("reliable: {concurrency: 10}")


def test_plain_workers_know_no_heartbeats() -> None:
    with pytest.raises(UsageError, match="plain workers send no heartbeats"):
        from_file("reliable: {workers: plain, heartbeat: 1s}")


@pytest.mark.parametrize("name", ["", "n" * 256, "\x1b[2J", "a\nb", "mmi.service"])
def test_the_default_service_has_a_name_that_can_be_asked_for(name: str) -> None:
    with pytest.raises(UsageError, match="name"):
        from_flags(enabled=True, service=name)


def test_other_socket_types_are_refused() -> None:
    with pytest.raises(UsageError, match="a ROUTER frontend and a ROUTER backend, and no other"):
        from_file("reliable: true\nbackend: {type: DEALER}")


def test_only_a_queue_can_be_reliable() -> None:
    assert spec_of("queue") is QueueSpec
    assert not hasattr(spec_of("streamer"), "reliable")


ONE = "tcp://127.0.0.1:5555"


@pytest.mark.parametrize(
    "text",
    [
        f"reliable: true\nfrontend: {{bind: '{ONE}'}}",
        f"reliable: true\nfrontend: {{bind: '{ONE}'}}\nbackend: {{bind: '{ONE}'}}",
        f"reliable: true\nfrontend: {{bind: ['{ONE}', 'inproc://q']}}\n"
        f"backend: {{bind: ['inproc://q', '{ONE}'], type: ROUTER}}",
        "reliable: true\nfrontend: {bind: 'tcp://127.0.0.1:*'}",
    ],
)
def test_the_frontend_alone_or_the_same_twice_is_one_address_for_both(text: str) -> None:
    spec = from_file(text)
    assert spec.shares
    assert spec.backend.bind == spec.backend.connect == ()
    assert spec.frontend.sockopts["router_handover"] is True


@pytest.mark.parametrize(
    "text",
    [
        "reliable: true",
        "reliable: true\nbackend: {bind: 'tcp://127.0.0.1:5559'}",
        "reliable: true\nfrontend: {connect: 'tcp://127.0.0.1:5555'}",
        f"reliable: {{workers: plain}}\nfrontend: {{bind: '{ONE}'}}",
        f"frontend: {{bind: '{ONE}'}}",
        "reliable: true\nfrontend: {bind: 'tcp://127.0.0.1:*'}\n"
        "backend: {bind: 'tcp://127.0.0.1:*'}",
    ],
)
def test_otherwise_workers_have_an_address_of_their_own(text: str) -> None:
    spec = from_file(text)
    assert not spec.shares
    assert spec.backend.bind


def test_one_address_is_printed_as_it_is_read() -> None:
    spec = from_file(f"reliable: true\nfrontend: {{bind: '{ONE}', sndhwm: 10}}")
    node = read(yaml.safe_dump(plain(spec)).encode(), "printed.yaml")
    again, written = build(QueueSpec, [file_layer(QueueSpec, node)])
    assert resolve_device(KINDS["queue"], again, written) == spec


@pytest.mark.parametrize("key", ["sndhwm: 10", "allow: ['127.0.0.1']"])
def test_one_address_has_one_sockets_options(key: str) -> None:
    with pytest.raises(UsageError, match="share the frontend's socket"):
        from_file(f"reliable: true\nfrontend: {{bind: '{ONE}'}}\nbackend: {{{key}}}")


def test_plain_workers_cannot_share_an_address() -> None:
    with pytest.raises(UsageError, match=r"bound by frontend\.bind too"):
        from_file(
            f"reliable: {{workers: plain}}\nfrontend: {{bind: '{ONE}'}}\nbackend: {{bind: '{ONE}'}}"
        )


def test_where_workers_have_rights_none_takes_over_the_routing_id_of_another() -> None:
    """It received the requests of the one that may serve more, without a READY."""
    assert from_file("reliable: true").backend.sockopts["router_handover"]
    assert not from_file("reliable: true\ntopic-acl: rights").backend.sockopts["router_handover"]
