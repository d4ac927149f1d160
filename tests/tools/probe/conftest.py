"""Sockets that talk to each other."""

from __future__ import annotations

from endpoints.conftest import context, pair, pipe, until  # noqa: F401
