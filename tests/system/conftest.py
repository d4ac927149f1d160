"""A pipe whose ends are closed, a stream with no descriptor."""

from __future__ import annotations

from endpoints.conftest import context, pair, pipe, until  # noqa: F401
from report.conftest import paper  # noqa: F401
