"""Snapshots that were made up."""

from __future__ import annotations

from report.conftest import device, endpoint, paper  # noqa: F401
