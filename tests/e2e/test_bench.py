"""`zmqdev bench` as a person types it."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

from support.processes import Start, until

from zmqdev.tools.bench.report import Report, restore

SHORT = ("--time", "50ms", "--rounds", "1")


def test_a_running_device_is_measured_beside_nothing_at_all(start: Start, tmp_path: Path) -> None:
    sides = ("--frontend-bind", "tcp://127.0.0.1:*", "--backend-bind", "tcp://127.0.0.1:*")
    device = start("streamer", *sides, ready=True)
    at = device.ready()
    bench = start(
        *("bench", "pipeline", *SHORT, "--between", "direct", "--json"),
        *("--frontend", at["frontend"][0], "--backend", at["backend"][0]),
        *("--pid", str(device.process.pid), "--svg", str(tmp_path / "chart.svg")),
        *("--markdown", str(tmp_path / "table.md")),
    )
    assert bench.wait() == 0, bench.err
    report = restore(Report, json.loads(bench.out))
    runs = {run.between: run for run in report.cases[0].runs}
    assert set(runs) == {"direct", "device"}
    assert runs["device"].sent == runs["device"].received > 0
    assert runs["device"].resident is not None
    assert ElementTree.parse(tmp_path / "chart.svg").getroot().tag.endswith("svg")
    assert "| device |" in (tmp_path / "table.md").read_text()
    assert "2/2 pipeline 16 B" in bench.err


def test_a_forwarder_that_connects_to_its_publisher_is_measured(start: Start) -> None:
    # Its frontend connects, as a forwarder's does by default; so the publisher binds.
    address = "ipc://@zmqdev-bench-test"
    device = start(
        *("forwarder", "--frontend-connect", address, "--backend-bind", "tcp://127.0.0.1:*"),
        ready=True,
    )
    bench = start(
        *("bench", "pubsub", *SHORT, "--between", "device", "--json", "--quiet"),
        *("--frontend", address, "--senders-bind", "--backend", device.ready()["backend"][0]),
    )
    assert bench.wait() == 0, bench.err
    (run,) = restore(Report, json.loads(bench.out)).cases[0].runs
    assert (run.lost, run.breaks) == (0, 0)
    assert run.cpu is None
    assert bench.err == ""


def test_a_running_majordomo_broker_is_measured(start: Start) -> None:
    sides = ("--frontend-bind", "tcp://127.0.0.1:*", "--backend-bind", "tcp://127.0.0.1:*")
    at = start("queue", "--reliable", *sides, ready=True).ready()
    bench = start(
        *("bench", "request", *SHORT, "--between", "device", "--json", "--majordomo"),
        *("--frontend", at["frontend"][0], "--backend", at["backend"][0]),
    )
    assert bench.wait() == 0, bench.err
    (run,) = restore(Report, json.loads(bench.out)).cases[0].runs
    assert run.sent == run.received > 0


def test_the_table_goes_to_stdout_and_progress_to_stderr(start: Start) -> None:
    bench = start("bench", "request", *SHORT, "--between", "direct", "--window", "5")
    assert bench.wait() == 0, bench.err
    assert "request 64 B, 4 x 2" in bench.lines()[1]
    assert bench.err.startswith("1/1 request 64 B, 4 x 2 direct: ")


def test_interrupted_it_says_so_and_leaves_nothing_behind(start: Start) -> None:
    bench = start("bench", "pipeline", "--time", "30s", "--between", "direct")
    children = Path(f"/proc/{bench.process.pid}/task/{bench.process.pid}/children")
    until(lambda: len(children.read_text().split()) == 2, "two parties")
    pids = children.read_text().split()
    assert bench.interrupt() == 1
    assert bench.err == "zmqdev: bench: interrupted; there is no report\n"
    # One that was only being started is not waited for: it leaves when its pipe is closed.
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "the parties' end")


def test_a_mistake_is_one_line_before_anything_is_measured(start: Start) -> None:
    bench = start("bench", "pubsub", "--senders", "2")
    assert bench.wait() == 2
    assert bench.err == (
        "zmqdev: --senders: pubsub has one publisher: its subscribers tell it what has come\n"
    )
    bench = start("bench", "pipeline", "--svg", "/nowhere/chart.svg")
    assert bench.wait() == 1
    assert bench.err.startswith("zmqdev: cannot write /nowhere/chart.svg: ")
