"""Files of parts."""

from __future__ import annotations

from topology.conftest import read, write  # noqa: F401
