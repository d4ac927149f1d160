from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from support.picture import photograph

KEPT = Path(__file__).parents[2] / "configs" / "live-view.svg"


def words(svg: str) -> str:
    """The text of a picture."""
    found = ElementTree.fromstring(svg).itertext()
    return " ".join(" ".join(found).replace("\xa0", " ").split())


def test_the_picture_shows_what_a_real_run_counted(tmp_path: Path) -> None:
    text = words(photograph(1.5, f"ipc://{tmp_path}/pub", "tcp://127.0.0.1:*"))
    assert "forwarder" in text
    assert re.search(r"running , up 0:0[1-9]|up 0:[1-5]\d", text)
    assert "1 peer" in text
    assert "3 peers" in text
    assert "forward 0" not in text


def test_the_kept_picture_is_of_the_same_view() -> None:
    svg = KEPT.read_text(encoding="utf-8")
    text = words(svg)
    for title in ("zmqdev forwarder", "msg/s", "bytes/s", "messages", "blocked", "last minute"):
        assert title in text
    assert "forward 0" not in text
    assert "@font-face" not in svg
