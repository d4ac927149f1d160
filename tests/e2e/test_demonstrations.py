"""Every file of configs/ that has receivers: each of them receives, and each client has replies."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.processes import Start, until

CONFIGS = Path(__file__).parents[2] / "configs"
RECEIVERS = ("sub", "pull", "client")
# It gets what no worker could answer: nothing, when all goes well.
IDLE = {"dead-letters"}


def receivers(path: Path) -> list[str]:
    """The names of the parts that print what they get."""
    parts: dict[str, Any] = yaml.safe_load(path.read_text()).get("parts", {})
    names = []
    for name, part in parts.items():
        if part.get("endpoint") in RECEIVERS and name not in IDLE and not part.get("quiet"):
            count = part.get("replicas")
            names += [f"{name}-{n}" for n in range(1, count + 1)] if count else [name]
    return names


DEMONSTRATIONS = [path for path in sorted(CONFIGS.glob("*.yaml")) if receivers(path)]


def moved(text: str, ports: Callable[[int], list[int]], place: Path) -> str:
    """The file with ports and paths that are this test's."""
    found = sorted(set(re.findall(r"127\.0\.0\.1:(\d+)", text)))
    there = dict(zip(found, ports(len(found)), strict=True))
    text = re.sub(r"127\.0\.0\.1:(\d+)", lambda match: f"127.0.0.1:{there[match[1]]}", text)
    return text.replace("ipc:///tmp/", f"ipc://{place}/")


@pytest.mark.parametrize("path", DEMONSTRATIONS, ids=lambda path: path.stem)
def test_every_receiver_receives(
    path: Path, start: Start, free_ports: Callable[[int], list[int]], tmp_path: Path
) -> None:
    copy = tmp_path / path.name
    copy.write_text(moved(path.read_text(), free_ports, tmp_path))
    run = start("run", str(copy), "--stats", "off")
    names = receivers(path)

    def silent() -> list[str]:
        heard = {line.split(" | ")[0].strip() for line in run.lines() if " | " in line}
        return [name for name in names if name not in heard]

    until(lambda: not silent() or run.process.poll() is not None, "a line of each receiver")
    assert silent() == [], run.err
    run.interrupt()


def test_subscriptions_of_the_demonstrations_are_of_symbols_there_are() -> None:
    from zmqdev.endpoints.ticks import SYMBOLS

    for path in CONFIGS.glob("*ticks*.yaml"):
        for part in yaml.safe_load(path.read_text())["parts"].values():
            wanted = part.get("subscribe", []) if part.get("endpoint") == "sub" else []
            assert set([wanted] if isinstance(wanted, str) else wanted) <= set(SYMBOLS)
