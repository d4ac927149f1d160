"""What the tests of security share: key pairs and files of keys."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from zmqdev.security.certificate import Certificate
from zmqdev.security.keyfile import generate, write_pair

WHEN = datetime(2024, 2, 29, 12, 0, 0)


@pytest.fixture
def alice() -> Certificate:
    return generate([("name", "alice")])


@pytest.fixture
def keys(tmp_path: Path, alice: Certificate) -> Path:
    """A directory that holds both files of alice."""
    write_pair(alice, tmp_path / "alice", WHEN)
    return tmp_path
