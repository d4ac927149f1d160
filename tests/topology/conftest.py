"""Files for the commands that work on whole files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from zmqdev.topology.read import Topology, survey

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """`write("parts: ...", "name.yaml")` -> its path."""

    def make(text: str, name: str = "f.yaml") -> Path:
        path = tmp_path / name
        path.write_text(dedent(text))
        return path

    return make


@pytest.fixture
def read(write: Write) -> Callable[..., Topology]:
    """The topology of a text; its problems are in it."""

    def make(text: str, **values: str) -> Topology:
        return survey(str(write(text)), values)

    return make
