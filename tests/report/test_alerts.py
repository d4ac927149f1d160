"""The alert rules in configs/: read by promtool, about metrics that exist, and they fire."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics_core import Metric

from zmqdev.report.metrics import metrics
from zmqdev.report.run_metrics import Look, PartsCollector
from zmqdev.stats.snapshot import Snapshot

RULES = Path(__file__).parents[2] / "configs" / "prometheus-alerts.yml"
promtool = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    promtool is None, reason="promtool is not installed (Debian: apt install prometheus)"
)
REPORT: dict[str, Any] = {
    "queued": 0,
    "in_flight": 0,
    "bytes": 0,
    "oldest": 0.0,
    "clients": 0,
    "counters": {},
    "services": [
        {"name": "echo", "queued": 0, "in_flight": 0, "ready": 0, "busy": 0, "overdue": 0}
    ],
}


def rules() -> dict[str, dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def called(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def test_alerts_ask_for_metrics_that_exist(device: Callable[..., Snapshot]) -> None:
    families = [*metrics([device(1.0, 1, details={"reliable": REPORT})])]
    families += PartsCollector(lambda: Look()).collect()
    exist = {called(family) for family in families}
    asked = {
        name
        for rule in rules().values()
        for name in re.findall(r"\bzmqdev_\w+(?=[\[{ )])", f"{rule['expr']} ")
    }
    assert asked
    assert asked <= exist, asked - exist


def test_each_alert_says_what_and_what_to_do() -> None:
    for name, rule in rules().items():
        assert rule["labels"]["severity"] in ("critical", "warning", "info"), name
        assert rule["annotations"]["summary"], name
        assert rule["annotations"]["description"].endswith("."), name


@needs_promtool
def test_promtool_reads_the_rules() -> None:
    assert promtool is not None
    told = subprocess.run([promtool, "check", "rules", str(RULES)], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr


# Series a minute apart, and what fires when: one case for each alert.
CASES: dict[str, tuple[dict[str, str], str]] = {
    "ZmqdevNotScraped": ({'up{job="zmqdev",instance="i"}': "0x20"}, "10m"),
    "ZmqdevNotRunning": (
        {'zmqdev_device_state{device="d",instance="i",state="running"}': "1 0x20"},
        "10m",
    ),
    "ZmqdevPartDown": ({'zmqdev_part_up{part="p",kind="queue",instance="i"}': "1 0x20"}, "10m"),
    "ZmqdevRestarts": (
        {'zmqdev_device_restarts_total{device="d",instance="i"}': "0 0 1x20"},
        "10m",
    ),
    "ZmqdevDropsMessages": (
        {
            'zmqdev_dropped_messages_total{device="d",instance="i",direction="forward",'
            'reason="full"}': "0+60x20"
        },
        "15m",
    ),
    "ZmqdevBlocked": (
        {'zmqdev_blocked_seconds_total{device="d",instance="i",direction="forward"}': "0+50x20"},
        "15m",
    ),
    # All at once: only a series that was there with 0 lets increase() see them.
    "ZmqdevHandshakesFail": (
        {
            'zmqdev_failed_handshakes_total{device="d",instance="i",side="frontend",'
            'reason="key"}': "0 0 9x20"
        },
        "4m",
    ),
    "ZmqdevRefuses": (
        {
            'zmqdev_refused_total{device="d",instance="i",side="frontend",'
            'reason="address"}': "0 0 9x20"
        },
        "4m",
    ),
    "ZmqdevNoPeers": ({'zmqdev_peers{device="d",instance="i",side="backend"}': "0x20"}, "15m"),
    "ZmqdevNoWorkers": (
        {
            'zmqdev_service_queued{device="d",instance="i",service="s"}': "3x20",
            'zmqdev_service_ready{device="d",instance="i",service="s"}': "0x20",
            'zmqdev_service_busy{device="d",instance="i",service="s"}': "0x20",
        },
        "5m",
    ),
    "ZmqdevRequestsWait": (
        {'zmqdev_reliable_oldest_seconds{device="d",instance="i"}': "0+60x20"},
        "10m",
    ),
    "ZmqdevDeadLetters": (
        {'zmqdev_reliable_dead_letters_total{device="d",instance="i"}': "0 0 1x20"},
        "10m",
    ),
    "ZmqdevDescriptors": (
        {
            'process_open_fds{job="zmqdev",instance="i"}': "95x20",
            'process_max_fds{job="zmqdev",instance="i"}': "100x20",
        },
        "10m",
    ),
}


def test_there_is_a_case_for_each_alert() -> None:
    assert set(CASES) == set(rules())


@needs_promtool
@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_when_it_should(name: str, tmp_path: Path) -> None:
    assert promtool is not None
    series, at = CASES[name]
    case = {
        "rule_files": [str(RULES)],
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": key, "values": said} for key, said in series.items()],
                # ALERTS is what Prometheus keeps of them.
                "promql_expr_test": [
                    {
                        "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}})',
                        "eval_time": at,
                        "exp_samples": [{"labels": "{}", "value": 1}],
                    }
                ],
            }
        ],
    }
    path = tmp_path / "case.yaml"
    path.write_text(yaml.safe_dump(case))
    told = subprocess.run([promtool, "test", "rules", str(path)], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr
