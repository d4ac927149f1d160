"""`make demo-farm`: the work farm under way, while its workers and its queue are killed.

    python -m support.farm [KILLS]

Says what it kills. At the end: how many replies came for how many requests.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import zmq

from zmqdev.control.client import Asker
from zmqdev.errors import ZmqdevError

FARM = Path(__file__).parents[2] / "configs" / "work-farm.yaml"
REQUESTS = 100
PAUSE = 0.7


def parts(asker: Asker, address: str) -> dict[str, dict[str, Any]]:
    told = asker.ask(address, "status", {}, 5.0)
    return {part["name"]: part for part in told["details"]["parts"]}


def kill_some(address: str, kills: int, ended: threading.Event, said: list[str]) -> None:
    """Kill a worker every now and then."""
    with Asker() as asker:
        while kills and not ended.wait(PAUSE):
            try:
                found = parts(asker, address)
            except (ZmqdevError, zmq.ZMQError):
                continue  # not up yet, or gone
            running = [p for p in found.values() if p["kind"] == "worker" and p["pid"]]
            if not running or found["requests"]["state"] != "running":
                continue
            victim = random.choice(running)
            os.kill(victim["pid"], signal.SIGKILL)
            said.append(victim["name"])
            print(f"--- kill -9 {victim['pid']}: {victim['name']}", file=sys.stderr, flush=True)
            kills -= 1


def main(kills: int) -> int:
    with tempfile.TemporaryDirectory() as place:
        address, said, ended = f"ipc://{place}/control", [], threading.Event()
        command = [sys.executable, "-m", "zmqdev", "run", str(FARM), "--until", "requests"]
        began = time.monotonic()
        with subprocess.Popen(
            [*command, "--control", address, "--stats", "off"], stdout=subprocess.PIPE, text=True
        ) as program:
            killer = threading.Thread(target=kill_some, args=(address, kills, ended, said))
            killer.start()
            assert program.stdout is not None
            replies = []
            for line in program.stdout:
                print(line, end="", flush=True)
                name, _, text = line.rstrip("\n").partition(" | ")
                if name.strip() == "requests":
                    replies.append(text)
            ended.set()
            killer.join()
        took = time.monotonic() - began
    print(
        f"{REQUESTS} requests, {len(set(replies))} answered, {len(said)} workers killed, "
        f"{took:.1f} s, exit status {program.returncode}"
    )
    return 0 if len(set(replies)) == REQUESTS and program.returncode == 0 else 1


if __name__ == "__main__":
    # A background job of a script starts with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
