"""Reading a changed file again: changed parts start again, the others lose nothing."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from support.fleets import RunningFile
from support.processes import Start, until

from zmqdev.security.passwords import make_line

Ports = Callable[[int], list[int]]
# Stamped jobs flow through `mid`; `other` is what changes.
LOAD = """
defaults: {{control: off, drain: 2s}}
parts:
  in:
    endpoint: push
    connect: tcp://127.0.0.1:{0}
    data: "job {{n}}"
    stamp: true
    rate: 10000
  mid:
    device: streamer
    frontend: {{bind: tcp://127.0.0.1:{0}}}
    backend: {{bind: tcp://127.0.0.1:{1}}}
  out: {{endpoint: pull, connect: tcp://127.0.0.1:{1}, check: true}}
  other:
    device: streamer
    frontend: {{bind: tcp://127.0.0.1:{2}}}
    backend: {{bind: tcp://127.0.0.1:{3}}}
"""


def load(start: Start, tmp_path: Path, free_ports: Ports, *words: str) -> RunningFile:
    text = LOAD.format(*free_ports(4))
    return RunningFile(start, tmp_path, text, *words).ready()


def change(run: RunningFile, before: str, after: str) -> None:
    """Write the file anew, whole or not at all, as editors do."""
    text = run.path.read_text()
    assert before in text
    fresh = run.path.with_suffix(".new")
    fresh.write_text(text.replace(before, after))
    fresh.replace(run.path)


def test_parts_that_did_not_change_lose_nothing_while_others_are_replaced(
    start: Start, tmp_path: Path, free_ports: Ports
) -> None:
    run = load(start, tmp_path, free_ports)
    before = run.parts()
    change(run, "other:\n", "other:\n    on-full: block\n")
    for was, now in (("block", "drop"), ("drop", "block"), ("block", "drop")):
        pid = run.parts()["other"]["pid"]
        change(run, f"on-full: {was}", f"on-full: {now}")
        run.program.signal(signal.SIGHUP)
        until(run.back("other", pid), "other runs anew")
    after = run.parts()
    assert [after[n]["pid"] for n in ("in", "mid", "out")] == [
        before[n]["pid"] for n in ("in", "mid", "out")
    ]
    assert run.program.interrupt() == 0
    (result,) = (json.loads(line) for line in run.said("out") if line.startswith("{"))
    assert result["received"] > 1000
    assert (result["lost"], result["doubled"], result["reordered"]) == (0, 0, 0)


def test_a_broken_file_changes_nothing_and_says_why(
    start: Start, tmp_path: Path, free_ports: Ports
) -> None:
    run = load(start, tmp_path, free_ports)
    before = run.parts()
    change(run, "device: streamer", "device: steamer")
    run.program.signal(signal.SIGHUP)
    until(lambda: "nothing changes" in run.program.err, "the complaint")
    assert "no device 'steamer'; did you mean 'streamer'?" in run.program.err
    assert [p["pid"] for p in run.parts().values()] == [p["pid"] for p in before.values()]
    run.program.interrupt()


def test_parts_come_and_go_with_the_file(start: Start, tmp_path: Path, free_ports: Ports) -> None:
    run = load(start, tmp_path, free_ports)
    before = run.parts()
    text = run.path.read_text()
    cut = text.index("  other:")
    fresh = f"  more: {{endpoint: pull, connect: tcp://127.0.0.1:{free_ports(1)[0]}}}\n"
    run.path.write_text(text[:cut] + fresh)
    reply = run.ask("reload")
    told = {"added": ["more"], "removed": ["other"], "changed": [], "reloaded": [], "set": []}
    told["left"] = ["in", "mid", "out"]
    assert reply["result"] == told
    until(lambda: run.parts().keys() == {"in", "mid", "out", "more"}, "other is gone")
    until(lambda: run.parts()["more"]["state"] == "running", "more runs")
    assert run.parts()["mid"]["pid"] == before["mid"]["pid"]
    run.program.interrupt()


def test_watch_notices_by_itself(start: Start, tmp_path: Path, free_ports: Ports) -> None:
    run = load(start, tmp_path, free_ports, "--watch")
    before = run.parts()
    change(run, "other:\n", "other:\n    on-full: drop\n")
    until(run.back("other", before["other"]["pid"]), "other runs anew")
    change(run, "on-full: drop", "on-ful: drop")
    until(lambda: "unknown key 'on-ful'" in run.program.err, "the complaint")
    again = run.back("other", run.parts()["other"]["pid"])
    change(run, "on-ful: drop", "on-full: block")
    until(again, "other runs anew again")
    assert run.parts()["mid"]["pid"] == before["mid"]["pid"]
    run.program.interrupt()


def test_nothing_changes_when_nothing_has(start: Start, tmp_path: Path, free_ports: Ports) -> None:
    run = load(start, tmp_path, free_ports)
    before = run.parts()
    run.path.write_text(f"# a remark\n{run.path.read_text()}")
    run.program.signal(signal.SIGHUP)
    until(lambda: "read again: nothing has changed" in run.program.err, "it was read")
    assert [p["pid"] for p in run.parts().values()] == [p["pid"] for p in before.values()]
    run.program.interrupt()


WAITING = """
defaults: {{control: off, drain: 500ms}}
parts:
  first:
    device: streamer
    isolate: thread
    frontend: {{bind: tcp://127.0.0.1:{0}}}
    backend: {{bind: tcp://127.0.0.1:{1}}}
    restart: {{delay: 10ms, limit: 50}}
  second: {{endpoint: pull, connect: tcp://127.0.0.1:{1}}}
"""


def test_a_part_that_changes_before_its_turn_starts_once(
    start: Start, tmp_path: Path, free_ports: Ports
) -> None:
    first, second = free_ports(2)
    with socket.socket() as taken:  # the first part waits a second for its address
        taken.bind(("127.0.0.1", first))
        taken.listen()
        text = WAITING.format(first, second)
        run = RunningFile(start, tmp_path, text)
        until(lambda: Path(run.control.removeprefix("ipc://")).exists(), "the control socket")
        until(lambda: run.parts()["first"]["state"] != "waiting", "the start has begun")
        change(run, "second: {endpoint: pull", "second: {endpoint: pull, timeout: 1h")
        assert run.ask("reload")["result"]["changed"] == ["second"]
    run.ready()
    until(lambda: {p["state"] for p in run.parts().values()} == {"running"}, "all run")
    assert run.processes() == [run.parts()["second"]["pid"]]
    assert run.program.interrupt() == 0


KEYS = """
defaults: {{control: off, drain: 2s}}
parts:
  door:
    device: streamer
    frontend: {{bind: tcp://127.0.0.1:{0}, plain-users: {2}/users}}
    backend: {{bind: tcp://127.0.0.1:{1}}}
  in:
    endpoint: push
    connect: tcp://127.0.0.1:{0}
    plain-username: ann
    plain-password: '@{2}/password'
    data: "{{n}}"
    rate: 1000
  out: {{endpoint: pull, connect: tcp://127.0.0.1:{1}}}
"""


def users(place: Path, **passwords: str) -> None:
    text = "".join(f"{make_line(name, word.encode())}\n" for name, word in passwords.items())
    replaced(place / "users", text)


def replaced(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.chmod(0o600)
    fresh.replace(path)


def test_a_changed_key_file_alone_is_noticed_and_only_its_users_hear_of_it(
    start: Start, tmp_path: Path, free_ports: Ports
) -> None:
    users(tmp_path, ann="secret")
    replaced(tmp_path / "password", "secret\n")
    text = KEYS.format(*free_ports(2), tmp_path)
    run = RunningFile(start, tmp_path, text, "--watch").ready()
    before = run.parts()
    until(lambda: run.said("out"), "jobs pass")
    # Read again by the device that runs: nobody is thrown out, nothing starts anew.
    users(tmp_path, ann="other", bob="secret")
    until(lambda: "reloaded door" in run.program.err, "the users are read again")
    assert [p["pid"] for p in run.parts().values()] == [p["pid"] for p in before.values()]
    # Read at the start alone: a new start, of this part and of no other.
    replaced(tmp_path / "password", "other\n")
    until(run.back("in", before["in"]["pid"]), "in starts anew")
    until(lambda: run.said("out").count("0") == 2, "jobs of the new one")
    # A broken one is said to be, and changes nothing.
    pids = [p["pid"] for p in run.parts().values()]
    replaced(tmp_path / "users", "nonsense\n")
    until(lambda: "nothing changes" in run.program.err, "the complaint")
    assert f"{tmp_path}/users:1" in run.program.err
    assert [p["pid"] for p in run.parts().values()] == pids
    assert run.program.interrupt() == 0
    numbers = [int(line) for line in run.said("out")]
    first = numbers.index(0, 1)  # of the second pusher
    assert numbers == [*range(first), *range(len(numbers) - first)]


def test_what_a_running_device_takes_is_set_without_a_new_start(
    start: Start, tmp_path: Path, free_ports: Ports
) -> None:
    run = load(start, tmp_path, free_ports)
    text = run.path.read_text().replace("control: off, ", "")
    run.path.write_text(text)
    before = run.parts()["mid"]["pid"]
    run.program.signal(signal.SIGHUP)  # it has a control socket from now on
    until(run.back("mid", before), "mid runs anew")
    pid = run.parts()["mid"]["pid"]
    text = run.path.read_text()
    at = text.index("backend: {", text.index("mid:")) + len("backend: {")
    run.path.write_text(text[:at] + "sndhwm: 77, " + text[at:])
    change(run, "  mid:\n", "  mid:\n    drain: 1s\n")
    told = run.ask("reload")["result"]
    assert (told["set"], told["changed"], told["left"]) == (["mid"], [], ["in", "out", "other"])
    assert run.parts()["mid"]["pid"] == pid
    config = start("ctl", "mid", "config")
    assert config.wait() == 0
    assert "sndhwm: 77" in config.out.decode()
    assert "drain: 1s" in config.out.decode()
    assert run.program.interrupt() == 0
