"""Metrics as Prometheus reads them: parsed by its own parser, and fetched over HTTP."""

from __future__ import annotations

import json
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse

from zmqdev.device.service import Service
from zmqdev.device.tally import (
    BROKEN,
    EITHER,
    FAILED,
    FAILURES,
    MISMATCH,
    TOO_OLD,
    in_a_word,
    reason_of,
)
from zmqdev.device.watchdog import Pulse
from zmqdev.errors import RunError
from zmqdev.relay.counters import DROPS
from zmqdev.report.metrics import Snapshots
from zmqdev.report.scrape import Metrics
from zmqdev.security.policy import REASONS
from zmqdev.stats.reliable import STATISTICS as RELIABLE
from zmqdev.stats.snapshot import AddressState, PeerCounts, Snapshot
from zmqdev.stats.spool import SPOOL

DASHBOARD = Path(__file__).parents[2] / "configs" / "grafana-dashboard.json"
Device = Callable[..., Snapshot]
Values = dict[tuple[str, frozenset[tuple[str, str]]], float]

# What forwarders and streamers have.
ELSEWHERE: dict[str, Any] = {
    "routes": [{"name": "eu", "messages": 5, "bytes": 50, "full": 1}],
    "backends": [{"name": "eu", "messages": 4, "full": 2, "blocked_ns": 1_500_000_000}],
    "spool": {row.name: 1 for row in SPOOL},
    "last_value": {"last_values": 3, "bytes": 30, "greeted": 2, "repeated": 1},
}


def exposed(*snapshots: Snapshot) -> str:
    registry = CollectorRegistry()
    registry.register(Snapshots(lambda: snapshots))
    return generate_latest(registry).decode()


def values(text: str) -> Values:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse(text)
        for sample in family.samples
    }


def labels(**named: str) -> frozenset[tuple[str, str]]:
    return frozenset(named.items())


REPORT: dict[str, Any] = {
    "queued": 3,
    "in_flight": 2,
    "bytes": 500,
    "oldest": 1.5,
    "clients": 1,
    "counters": {"requests": 10},
    "services": [
        {"name": "echo", "queued": 3, "in_flight": 2, "ready": 0, "busy": 2, "overdue": 0}
    ],
}


def test_the_official_parser_reads_counters_and_gauges(device: Device) -> None:
    counts = {"blocked_ns": 1_500_000_000, "full": 7}
    found = values(exposed(device(60.0, 12, name="orders", counts=counts)))
    forward = labels(device="orders", direction="forward")
    assert found["zmqdev_messages_total", forward] == 12
    assert found["zmqdev_bytes_total", forward] == 1200
    assert found["zmqdev_blocked_seconds_total", forward] == 1.5
    drops = labels(device="orders", direction="forward", reason="full")
    assert found["zmqdev_dropped_messages_total", drops] == 7
    assert found["zmqdev_peers", labels(device="orders", side="frontend")] == 3
    assert found["zmqdev_device_state", labels(device="orders", state="running")] == 1
    assert found["zmqdev_device_state", labels(device="orders", state="paused")] == 0
    assert found["zmqdev_device_uptime_seconds", labels(device="orders")] == 60


def test_every_statistic_of_the_relay_and_of_the_reliable_queue_is_there(device: Device) -> None:
    text = exposed(device(1.0, 1, details={"reliable": REPORT}))
    found = values(text)
    reasons = {
        dict(key)["reason"] for name, key in found if name == "zmqdev_dropped_messages_total"
    }
    assert reasons == set(DROPS)
    names = {name for name, _ in found}
    assert {f"zmqdev_reliable_{row.name}_total" for row in RELIABLE} <= names
    assert found["zmqdev_reliable_oldest_seconds", labels(device="orders")] == 1.5
    assert found["zmqdev_service_busy", labels(device="orders", service="echo")] == 2


def test_names_and_help_follow_the_rules_of_prometheus(device: Device) -> None:
    for family in parse(exposed(device(1.0, 1, details={"reliable": REPORT}))):
        assert re.fullmatch(r"zmqdev(_[a-z0-9]+)+", family.name), family.name
        assert family.documentation.endswith("."), family.name
        assert family.type in ("counter", "gauge"), family.name
        assert not family.name.endswith(("_ns", "_ms", "_kb"))


def test_open_metrics_parse_too(device: Device) -> None:
    registry = CollectorRegistry()
    registry.register(Snapshots(lambda: [device(1.0, 1, details={"reliable": REPORT})]))
    text = exposition.generate_latest(registry).decode()
    assert len(list(parse_openmetrics(text))) > 10


def test_labels_hold_any_name_and_reason(device: Device) -> None:
    snapshot = device(1.0, 1, name='a"b\\c\nd')
    side = snapshot.sides[0]
    failed = PeerCounts(failed_handshakes=1, reasons={'the "peer" broke it': 1})
    odd = type(side)(side.name, side.type, side.addresses, failed)
    found = values(exposed(type(snapshot)(**{**vars(snapshot), "sides": (odd,)})))
    key = labels(device='a"b\\c\nd', side="frontend", reason='the "peer" broke it')
    assert found["zmqdev_failed_handshakes_total", key] == 1


def test_the_dashboard_asks_for_metrics_that_exist(device: Device) -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    text = exposed(device(1.0, 1, details={"reliable": REPORT, **ELSEWHERE}))
    exist = {sample.name for family in parse(text) for sample in family.samples}
    # Those that have no sample until something happens.
    exist |= {f"{family.name}_total" for family in parse(text) if family.type == "counter"}
    asked = {
        name
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
        for name in re.findall(r"\bzmqdev_\w+", target["expr"])
    }
    assert asked
    assert asked <= exist, asked - exist


class Late(Pulse):
    """A pulse of a device that hangs, once told so."""

    hangs = False

    def late(self, allowed: float = 0.0) -> list[str]:
        return ["orders"] if self.hangs else []


class Shown:
    """A device of which only the snapshot is asked for, and where it can be scraped."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.shown = snapshot
        self.beside: dict[str, AddressState] = {}

    def place_beside(self, what: str, state: AddressState) -> None:
        self.beside[what] = state

    def snapshot(self) -> Snapshot:
        return self.shown


@pytest.fixture
def served(device: Device) -> Iterator[tuple[Shown, Late, str]]:
    shown, pulse = Shown(device(1.0, 5)), Late()
    service = Service(shown)  # type: ignore[arg-type]
    metrics = Metrics("127.0.0.1:0", pulse)
    metrics.started(service)
    yield shown, pulse, f"http://127.0.0.1:{metrics.serving.port}"
    metrics.ended(service)


def fetched(url: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


Served = tuple[Shown, Late, str]


def test_a_scrape_gets_what_is_counted_at_that_moment(served: Served, device: Device) -> None:
    shown, _, url = served
    key = ("zmqdev_messages_total", labels(device="orders", direction="forward"))
    assert f"http://{shown.beside['metrics'].actual}" == url
    assert values(fetched(f"{url}/metrics")[1])[key] == 5
    shown.shown = device(2.0, 8)
    assert values(fetched(f"{url}/metrics")[1])[key] == 8
    _, text = fetched(f"{url}/metrics", Accept="application/openmetrics-text")
    assert text.endswith("# EOF\n")


def test_ready_is_who_runs_and_healthy_is_who_lives(served: Served, device: Device) -> None:
    shown, pulse, url = served
    assert fetched(f"{url}/healthz") == (200, "ok\n")
    assert fetched(f"{url}/readyz") == (200, "ok\n")
    shown.shown = device(1.0, 5, state="paused")
    assert fetched(f"{url}/healthz")[0] == 200
    assert fetched(f"{url}/readyz") == (503, "orders: paused\n")
    pulse.hangs = True
    assert fetched(f"{url}/healthz") == (503, "orders: is not responding\n")


def test_other_pages_and_rubbish_are_refused_and_harm_nobody(served: Served) -> None:
    _, _, url = served
    assert fetched(f"{url}/other")[0] == 404
    port = int(url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), 10) as rude:
        rude.sendall(b"\x00\xff" * 100 + b"\r\n\r\n")
    with socket.create_connection(("127.0.0.1", port), 10):
        assert fetched(f"{url}/healthz")[0] == 200


def test_an_address_that_is_taken_is_an_error_in_words() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(RunError, match=f"cannot serve metrics at {place}: address already"):
            Metrics(place, Pulse()).started(Service(None))  # type: ignore[arg-type]


def test_every_reason_is_there_from_the_start_with_0(device: Device) -> None:
    """increase() of a series that begins with its first failure is nothing."""
    found = values(exposed(device(1.0, 1)))
    for name, reasons in (
        ("zmqdev_failed_handshakes_total", FAILURES),
        ("zmqdev_refused_total", REASONS),
    ):
        for reason in reasons:
            for side in ("frontend", "backend"):
                key = labels(device="orders", side=side, reason=reason)
                assert found[name, key] == 0


def test_a_reason_is_one_word() -> None:
    for reason in (*FAILURES, *REASONS):
        assert re.fullmatch(r"[a-z_]+", reason)
    said = [reason_of(event, value) for event in FAILED for value in (*range(0x40), 300, 400, 477)]
    said += [BROKEN, MISMATCH, EITHER, TOO_OLD, reason_of(FAILED[1], 0x11000001)]
    assert {in_a_word(reason) for reason in said} <= set(FAILURES)


def test_the_process_is_among_the_metrics(served: Served) -> None:
    found = values(fetched(f"{served[2]}/metrics")[1])
    for name in ("process_open_fds", "process_resident_memory_bytes", "process_cpu_seconds_total"):
        assert found[name, labels()] > 0


def test_the_dashboard_tells_instances_apart() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    assert "instance" in [one["name"] for one in dashboard["templating"]["list"]]
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            assert 'instance=~"$instance"' in target["expr"]


def test_named_backends_and_last_values_are_told(device: Device) -> None:
    found = values(exposed(device(1.0, 1, details=ELSEWHERE)))
    eu, alone = labels(device="orders", backend="eu"), labels(device="orders")
    assert found["zmqdev_backend_messages_total", eu] == 4
    assert found["zmqdev_backend_blocked_seconds_total", eu] == 1.5
    assert found["zmqdev_backend_full_total", eu] == 2
    assert found["zmqdev_last_values", alone] == 3
    assert found["zmqdev_last_value_bytes", alone] == 30
    assert found["zmqdev_last_values_greeted_total", alone] == 2
    assert found["zmqdev_last_values_repeated_total", alone] == 1
