"""A real Prometheus scrapes a real device and evaluates the alerts of configs/."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.processes import Start, until

RULES = Path(__file__).parents[2] / "configs" / "prometheus-alerts.yml"
WILDCARDS = ["--frontend-bind", "tcp://127.0.0.1:*", "--backend-bind", "tcp://127.0.0.1:*"]
prometheus = shutil.which("prometheus")
pytestmark = pytest.mark.skipif(
    prometheus is None, reason="no prometheus installed (Debian: apt install prometheus)"
)
# A greeting of ZMTP 3.0 (RFC 23) that asks for another mechanism than the side has.
CURVE = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"CURVE".ljust(20, b"\0") + bytes(32)
CONFIG = """
global: {{scrape_interval: 250ms, evaluation_interval: 250ms}}
rule_files: [{rules}]
scrape_configs:
  - job_name: zmqdev
    static_configs: [{{targets: ['127.0.0.1:{target}']}}]
"""


class Server:
    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, path: str, **query: str) -> Any:
        try:
            words = urllib.parse.urlencode(query)
            with urllib.request.urlopen(f"{self.url}{path}?{words}", timeout=60) as answer:
                return json.load(answer)["data"]
        except OSError:
            return None

    def value(self, query: str) -> float | None:
        found = self.ask("/api/v1/query", query=query)
        return float(found["result"][0]["value"][1]) if found and found["result"] else None

    def rules(self) -> dict[str, dict[str, Any]]:
        found = self.ask("/api/v1/rules")
        (group,) = found["groups"] if found and found["groups"] else ({"rules": []},)
        return {rule["name"]: rule for rule in group["rules"]}


@pytest.fixture
def ports(free_ports: Callable[[int], list[int]]) -> list[int]:
    return free_ports(2)


@pytest.fixture
def server(tmp_path: Path, ports: list[int]) -> Iterator[Server]:
    assert prometheus is not None
    config = tmp_path / "prometheus.yml"
    config.write_text(CONFIG.format(rules=RULES, target=ports[1]))
    words = [prometheus, f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}"]
    words.append(f"--web.listen-address=127.0.0.1:{ports[0]}")
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    yield Server(ports[0])
    process.terminate()
    process.wait()


def test_the_first_failures_of_a_device_fire_an_alert(
    start: Start, server: Server, ports: list[int]
) -> None:
    words = [*WILDCARDS, "--metrics", f"127.0.0.1:{ports[1]}"]
    program = start("streamer", *words, "--name", "jobs", ready=True)
    frontend = program.ready()["frontend"][0]
    failed = 'sum(zmqdev_failed_handshakes_total{device="jobs",side="frontend"})'
    until(lambda: server.value(failed) == 0, "a scrape before anything has happened")
    assert server.value('process_open_fds{job="zmqdev"}')
    host, _, port = frontend.removeprefix("tcp://").rpartition(":")
    for _ in range(8):
        with socket.create_connection((host, int(port)), 10) as rude:
            rude.sendall(CURVE)
            while rude.recv(4096):
                pass
    until(lambda: server.value(failed) == 8, "eight failed handshakes seen")

    def firing() -> list[dict[str, Any]]:
        found = server.rules().get("ZmqdevHandshakesFail", {}).get("alerts", ())
        return [alert for alert in found if alert["state"] == "firing"]

    until(lambda: bool(firing()), "the alert")
    labels = firing()[0]["labels"]
    found = (labels["device"], labels["side"], labels["reason"])
    assert found == ("jobs", "frontend", "mechanism")
    assert all(rule["health"] == "ok" for rule in server.rules().values())
    assert program.interrupt() == 0
