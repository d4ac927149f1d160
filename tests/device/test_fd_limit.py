"""Descriptors: the soft limit is raised, and the warning comes once each time they run short."""

from __future__ import annotations

import resource

import pytest

from zmqdev.device import fd_limit
from zmqdev.device.fd_limit import Descriptors


def test_the_soft_limit_becomes_the_hard_one() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    try:
        assert fd_limit.raise_limit() == hard
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_what_is_in_use_is_counted() -> None:
    before = fd_limit.in_use()
    assert before is not None
    with open("/dev/null", "rb"):
        assert fd_limit.in_use() == before + 1


def test_it_warns_once_each_time_use_climbs_over_the_mark(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Descriptors()
    monkeypatch.setattr(watch, "_limit", 100)
    for used, lines in ((79, 0), (80, 1), (95, 1), (10, 1), (80, 2), (None, 2)):
        monkeypatch.setattr(fd_limit, "in_use", lambda used=used: used)
        watch.look()
        assert len(caplog.records) == lines, f"{used} in use"
    assert "80 of 100 file descriptors are in use" in caplog.text
