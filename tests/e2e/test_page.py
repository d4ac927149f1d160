"""The page in the browser: the numbers of `status`, who may look, how many, and what it loads."""

from __future__ import annotations

import http.client
import json
import logging
import re
import shutil
import subprocess
import threading
import urllib.request
import zlib
from pathlib import Path
from typing import Any

import pytest
from support.processes import Start, until

from zmqdev.report.page.access import host_of, is_loopback, refusal
from zmqdev.report.page.broadcast import MOST, Broadcast
from zmqdev.report.page.state import WarningLog
from zmqdev.stats.snapshot import Snapshot, flow_of

FREE = "tcp://127.0.0.1:*"


def test_what_is_loopback() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.8.8.8", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "", "10.0.0.1", "evil.test")))


@pytest.mark.parametrize(
    ("header", "host"),
    [("localhost:9464", "localhost"), ("[::1]:9464", "::1"), ("127.0.0.1", "127.0.0.1")],
)
def test_the_host_of_a_header(header: str, host: str) -> None:
    assert host_of(header) == host


def test_a_name_that_was_bound_to_loopback_by_a_stranger_is_refused() -> None:
    assert refusal("127.0.0.1", None, {"Host": "evil.test:9464"}, {})
    assert refusal("127.0.0.1", None, {"Host": "localhost:9464"}, {}) is None


def test_elsewhere_a_token_is_needed() -> None:
    headers = {"Host": "10.0.0.1:9464"}
    assert refusal("0.0.0.0", "secret", headers, {})
    assert refusal("0.0.0.0", "secret", headers, {"token": ["secret2"]})
    assert refusal("0.0.0.0", "secret", headers, {"token": ["ä"]})
    assert refusal("0.0.0.0", "secret", headers, {"token": ["secret"]}) is None
    assert refusal("0.0.0.0", "secret", {"Authorization": "Bearer secret"}, {}) is None


def subject(at: float, messages: int) -> Snapshot:
    flow = flow_of("forward", messages, 10 * messages, {"full": 3}, 0)
    return Snapshot("orders", "streamer", "running", at, at, (), (flow,))


def test_rates_come_from_two_looks_and_warnings_from_the_log() -> None:
    looks = iter([(subject(1.0, 0),), (subject(2.0, 100),)])
    broadcast = Broadcast(lambda: next(looks))
    logging.getLogger("zmqdev").addHandler(broadcast.warnings)
    try:
        logging.getLogger("zmqdev").warning("a peer <b>misbehaves</b>")
        broadcast._look()
        broadcast._look()
    finally:
        logging.getLogger("zmqdev").removeHandler(broadcast.warnings)
    told = json.loads(broadcast.text)
    (flow,) = told["parts"][0]["flows"]
    assert (flow["messages"], flow["messages_per_second"], flow["drops"]) == (
        100,
        100.0,
        {"full": 3},
    )
    assert [line["text"] for line in told["warnings"]] == ["a peer <b>misbehaves</b>"]


def test_old_warnings_give_way() -> None:
    warnings = WarningLog()
    for number in range(1000):
        warnings.handle(logging.makeLogRecord({"msg": str(number), "levelno": logging.WARNING}))
    assert len(warnings.lines()) < 100
    assert warnings.lines()[-1]["text"] == "999"


def test_viewers_are_limited_and_a_waiting_one_ends_with_the_device() -> None:
    broadcast = Broadcast(lambda: ())
    assert all(broadcast.enter() for _ in range(MOST))
    assert not broadcast.enter()
    broadcast.leave()
    assert broadcast.enter()
    ended: list[Any] = []
    viewer = threading.Thread(target=lambda: ended.append(broadcast.next_after(0)))
    viewer.start()
    broadcast.stop()
    viewer.join(30)
    assert ended == [None]


@pytest.fixture
def place(start: Start) -> tuple[str, int]:
    """HOST, PORT of a streamer that has passed ten messages."""
    device = start(
        *("streamer", "--frontend-bind", FREE, "--backend-bind", FREE, "--name", "orders"),
        *("--metrics", "127.0.0.1:0", "--stats", "off"),
        ready=True,
    )
    found = device.ready()
    pull = start("pull", "-c", found["backend"][0], "-n", "10", "-q")
    start("push", "-c", found["frontend"][0], "-D", "x", "-n", "10", "-q")
    until(lambda: pull.process.poll() is not None, "ten messages went through")
    host, _, port = found["metrics"][0].rpartition(":")
    return host, int(port)


def get(place: tuple[str, int], path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
    connection = http.client.HTTPConnection(*place, timeout=30)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode(), dict(answer.getheaders())


def test_the_page_loads_nothing_from_elsewhere_and_shows_what_was_counted(
    place: tuple[str, int],
) -> None:
    status, page, headers = get(place, "/")
    assert status == 200
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    status, script, _ = get(place, "/page.js")
    assert status == 200
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page + script)
    until(lambda: '"messages": 10' in get(place, "/state")[1], "the count is there")
    assert get(place, "/state", Host="evil.test")[0] == 403
    assert get(place, "/nothing")[0] == 404
    assert get(place, "/metrics")[0] == 200


def test_a_viewer_gets_a_state_each_second(place: tuple[str, int]) -> None:
    with urllib.request.urlopen(f"http://{place[0]}:{place[1]}/events", timeout=30) as events:
        assert events.headers["Content-Type"].startswith("text/event-stream")
        states = []
        while len(states) < 2:
            line = events.readline().decode()
            states += [json.loads(line.removeprefix("data: "))] if line.startswith("data") else []
    assert states[1]["time"] > states[0]["time"]


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_a_real_browser_shows_the_numbers(place: tuple[str, int], tmp_path: Path) -> None:
    assert CHROMIUM is not None
    until(lambda: '"messages": 10' in get(place, "/state")[1], "the count is there")
    done = subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            *(f"--user-data-dir={tmp_path}", "--virtual-time-budget=5000"),
            f"http://{place[0]}:{place[1]}/?once",
        ],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert '<article data-name="orders">' in done.stdout, done.stderr
    assert re.search(r"<td>forward</td>(<td>[^<]*</td>){2}<td>10</td>", done.stdout)
    assert '<span class="state running">running</span>' in done.stdout


def first_pixel(picture: bytes) -> tuple[int, ...]:
    """Of a PNG of eight bits a colour: the filter of a line does not touch its first one."""
    at, packed = 8, b""
    while at < len(picture):
        size = int.from_bytes(picture[at : at + 4], "big")
        if picture[at + 4 : at + 8] == b"IDAT":
            packed += picture[at + 8 : at + 8 + size]
        at += size + 12
    return tuple(zlib.decompress(packed)[1:4])


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize(("scheme", "dark"), [("0", True), ("1", False)])
def test_the_page_follows_the_colours_of_its_viewer(
    place: tuple[str, int], tmp_path: Path, scheme: str, dark: bool
) -> None:
    assert CHROMIUM is not None
    shot = tmp_path / "shot.png"
    subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--screenshot={shot}"),
            *(f"--user-data-dir={tmp_path}/{scheme}", "--virtual-time-budget=5000"),
            *(f"--blink-settings=preferredColorScheme={scheme}", "--window-size=900,600"),
            f"http://{place[0]}:{place[1]}/?once",
        ],
        capture_output=True,
        timeout=110,
        check=False,
    )
    ground = first_pixel(shot.read_bytes())
    assert max(ground) < 60 if dark else min(ground) > 200


def test_one_port_serves_a_whole_run(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "jobs.yaml"
    file.write_text(
        "metrics: 127.0.0.1:0\n"
        "parts:\n"
        f"  orders: {{device: streamer, frontend: {{bind: 'ipc://{tmp_path}/in'}},"
        f" backend: {{bind: 'ipc://{tmp_path}/out'}}}}\n"
        f"  jobs: {{endpoint: push, connect: 'ipc://{tmp_path}/in', data: [x], count: 10}}\n"
        f"  done: {{endpoint: pull, connect: 'ipc://{tmp_path}/out', quiet: true}}\n"
    )
    run = start("run", str(file), "-v", "--stats", "off")
    until(lambda: "page: http://" in run.err, "the address of the page is logged")
    address = re.search(r"page: http://([^:]+):(\d+)/", run.err)
    assert address is not None
    place = (address[1], int(address[2]))

    def metrics() -> str:
        return get(place, "/metrics")[1]

    until(
        lambda: 'zmqdev_part_messages_total{direction="forward",part="orders"} 10.0' in metrics(),
        "what a part has passed on is counted",
    )
    until(lambda: get(place, "/readyz")[0] == 200, "all parts run or have ended as they should")
    assert 'zmqdev_part_restarts_total{kind="pull",part="done"} 0.0' in metrics()
    state = json.loads(get(place, "/state")[1])
    assert [part["name"] for part in state["parts"]] == ["orders", "jobs", "done"]
    assert state["picture"].startswith("<svg")
    assert get(place, "/healthz")[0] == 200
