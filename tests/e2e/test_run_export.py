"""The units of an export, started by hand as systemd would: their settings, their words."""

from __future__ import annotations

import shlex
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

from support.processes import PATIENCE, Program, Start

from zmqdev.security.passwords import make_line

Ports = Callable[[int], list[int]]
FARM = """
parts:
  calls:
    endpoint: client
    connect: tcp://127.0.0.1:{0}
    data: "Req-{{n}}"
    count: 4
    plain-username: ann
    plain-password: '@{2}/word'
  jobs:
    device: queue
    frontend: {{bind: tcp://127.0.0.1:{0}, plain-users: {2}/users}}
    backend: {{bind: tcp://127.0.0.1:{1}}}
  hands: {{endpoint: worker, replicas: 2, connect: tcp://127.0.0.1:{1}}}
"""


def values(unit: str, key: str) -> list[str]:
    return [line.partition("=")[2] for line in unit.splitlines() if line.startswith(f"{key}=")]


class Systemd:
    """As much of it as a unit of ours needs: credentials, the words, the notify socket."""

    def __init__(self, start: Start, units: Path, notify: Path) -> None:
        self.start, self.units, self.notify = start, units, notify

    def run(self, name: str) -> Program:
        head, at, instance = name.partition("@")
        unit = (self.units / f"{head}{at}.service").read_text()
        here = self.units / f"{name}.credentials"
        here.mkdir()
        for line in values(unit, "LoadCredential"):
            known, _, path = line.partition(":")
            found = self.units / Path(path).name if path.startswith("/etc/zmqdev/") else Path(path)
            shutil.copy(found, here / known)
        config = here / "config.yaml"
        config.write_text(config.read_text().replace(f"/run/credentials/{name}.service", str(here)))
        (words,) = values(unit, "ExecStart")
        _, *rest = shlex.split(words.replace("%d", str(here)).replace("%i", instance))
        asks = values(unit, "Type") == ["notify"]
        env = {"NOTIFY_SOCKET": str(self.notify)} if asks else {}
        return self.start(*rest, env=env)


def test_what_is_exported_to_systemd_works_when_it_is_started_as_it_is_written(
    start: Start, tmp_path: Path, free_ports: Ports
) -> None:
    for name, text in (("users", make_line("ann", b"secret")), ("word", "secret\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    path = tmp_path / "farm.yaml"
    path.write_text(FARM.format(*free_ports(2), tmp_path))
    units = tmp_path / "units"
    assert start("export", str(path), "--to", "systemd", "--output", str(units)).wait() == 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "notify"))
        told.settimeout(PATIENCE)
        systemd = Systemd(start, units, tmp_path / "notify")
        systemd.run("zmqdev-farm-jobs")
        assert told.recv(1000).startswith(b"READY=1\n")
        for number in (1, 2):
            systemd.run(f"zmqdev-farm-hands@{number}")
        calls = systemd.run("zmqdev-farm-calls")
        assert calls.wait() == 0, calls.err
    assert calls.lines() == [f"Processed: Req-{number}" for number in range(4)]
