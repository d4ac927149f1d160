from __future__ import annotations

import itertools
from typing import Any

import pytest
import yaml

from zmqdev.errors import UsageError
from zmqdev.options import socktype
from zmqdev.options.device import DeviceSpec, printed, warnings
from zmqdev.options.device_check import resolve
from zmqdev.options.document import read
from zmqdev.options.kind import KINDS
from zmqdev.options.layer import build, file_layer


def device(kind: str, settings: dict[str, Any] | None = None) -> DeviceSpec:
    content = yaml.safe_dump(settings or {"name": kind}).encode()
    spec, written = build(DeviceSpec, [file_layer(DeviceSpec, read(content, "d.yaml"))])
    return resolve(KINDS[kind], spec, written)


def test_the_defaults_are_those_of_the_design() -> None:
    forwarder, streamer, queue = (device(kind) for kind in ("forwarder", "streamer", "queue"))
    assert (forwarder.frontend.type, forwarder.frontend.connect) == (
        "XSUB",
        ("tcp://127.0.0.1:5555",),
    )
    assert (forwarder.backend.type, forwarder.backend.bind) == ("XPUB", ("tcp://127.0.0.1:5556",))
    assert (streamer.frontend.type, streamer.frontend.bind) == ("PULL", ("tcp://127.0.0.1:5557",))
    assert (streamer.backend.type, streamer.backend.bind) == ("PUSH", ("tcp://127.0.0.1:5558",))
    assert (queue.frontend.type, queue.frontend.bind) == ("ROUTER", ("tcp://127.0.0.1:5555",))
    assert (queue.backend.type, queue.backend.bind) == ("DEALER", ("tcp://127.0.0.1:5559",))


def test_a_forwarder_drops_and_the_others_wait() -> None:
    assert [device(kind).on_full for kind in KINDS] == ["drop", "block", "block"]
    assert device("forwarder", {"on-full": "block"}).backend.sockopts["xpub_nodrop"] is True
    assert "xpub_nodrop" not in device("forwarder").backend.sockopts


def test_the_partner_of_a_named_type_follows() -> None:
    assert device("forwarder", {"frontend": {"type": "sub"}}).backend.type == "PUB"
    assert device("forwarder", {"backend": {"type": "PUB"}}).frontend.type == "SUB"
    assert device("forwarder", {"frontend": {"type": "SUB"}}).frontend.subscribe == (b"",)


def test_an_own_address_replaces_the_default_and_options_override() -> None:
    made = device("queue", {"backend": {"connect": "tcp://127.0.0.1:1", "hwm": 5, "linger": 7}})
    assert made.backend.bind == ()
    assert made.backend.connect == ("tcp://127.0.0.1:1",)
    options = made.backend.sockopts
    assert (options["sndhwm"], options["rcvhwm"], options["linger"]) == (5, 5, 7)
    assert options["immediate"] is False


def test_a_sender_is_immediate_only_to_choose_among_peers() -> None:
    several = ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"]
    for kind, addresses, immediate in (
        ("queue", several, True),
        ("queue", several[:1], False),
        ("streamer", several, True),
        ("streamer", several[:1], False),
    ):
        made = device(kind, {"backend": {"connect": addresses}})
        assert made.backend.sockopts["immediate"] is immediate, (kind, addresses)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("frontend", "backend"), list(itertools.product(socktype.FRONTENDS, socktype.BACKENDS))
)
def test_every_pair_is_taken_or_refused_with_the_legal_ones(
    kind: str, frontend: str, backend: str
) -> None:
    settings = {"frontend": {"type": frontend}, "backend": {"type": backend}}
    if socktype.legal(frontend, backend):
        made = device(kind, settings)
        assert (made.frontend.type, made.backend.type) == (frontend, backend)
        return
    with pytest.raises(UsageError) as caught:
        device(kind, settings)
    assert "goes" in str(caught.value)
    for fit in socktype.legal_backends(frontend):
        assert fit in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("queue", {"frontend": {"subscribe": "a"}}, "only a SUB frontend subscribes"),
        ("forwarder", {"frontend": {"subscribe": "a"}}, "add --frontend-type SUB"),
        ("queue", {"frontend": {"xpub_verbose": True}}, "option of XPUB, not of ROUTER"),
        ("streamer", {"frontend": {"conflate": True}}, "conflate breaks multipart"),
        (
            "queue",
            {"frontend": {"bind": "tcp://127.0.0.1:5559"}},
            "tcp://127.0.0.1:5559 is bound by frontend.bind too",
        ),
    ],
)
def test_combinations_that_cannot_be_meant_are_refused(
    kind: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        device(kind, settings)
    assert message in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_what_print_config_prints_loads_as_the_same(kind: str) -> None:
    made = device(kind, {"frontend": {"hwm": 9}, "stats": "json", "drain": "200ms"})
    content = printed(KINDS[kind], made)
    assert content.pop("device") == kind
    assert device(kind, content) == made


def test_a_mark_of_zero_is_allowed_with_a_word() -> None:
    assert list(warnings(device("queue", {"backend": {"sndhwm": 0}})))
    assert not list(warnings(device("queue")))


def test_an_affinity_that_names_no_io_thread_is_refused() -> None:
    """libzmq would refuse the bind with EMTHREAD."""
    asked = {"io-threads": 2, "frontend": {"affinity": 4}}
    with pytest.raises(UsageError, match="frontend.affinity 4 names none of the I/O threads"):
        device("queue", asked)
    assert device("queue", asked | {"io-threads": 3}).io_threads == 3
