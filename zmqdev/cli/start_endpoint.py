"""Run an endpoint as a program: its log, its signals, its display."""

from __future__ import annotations

import gc
import logging
import sys
from dataclasses import replace

from zmqdev.cli.beginning import begin
from zmqdev.endpoints.defaults import source_of
from zmqdev.endpoints.run import EndpointView, run
from zmqdev.options.delivery import Stamping
from zmqdev.options.endpoint import AnyEndpoint, EndpointKind, Sub
from zmqdev.options.endpoint_check import printed, warnings
from zmqdev.options.endpoint_groups import Input, ReplayOptions
from zmqdev.options.receiving_check import checks
from zmqdev.report.log import logging_to_stderr
from zmqdev.system import crash
from zmqdev.system.signals import Signals

log = logging.getLogger("zmqdev")
# A burst makes 4096 lists that live for a moment. With Python's default threshold of
# 700 the collector would run five times in a burst and take a sixth of the time.
YOUNG = 50_000


# On a terminal these print their address and their peers, as with -v.
TALKATIVE = frozenset({"pub", "pair"})


def _on_a_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def run_endpoint(kind: EndpointKind, spec: AnyEndpoint) -> int:
    """Run an endpoint and return its exit status."""
    if kind.name in TALKATIVE and _on_a_terminal() and not spec.quiet:
        spec = replace(spec, verbose=max(1, spec.verbose))
    gc.freeze()
    gc.set_threshold(YOUNG)
    with Signals() as signals, logging_to_stderr(spec):
        life = begin(spec.name, warnings(spec), lambda: printed(kind, spec))
        if goes_on(kind.name, spec):
            crash.arm()
        if not crash.rest(life, signals):
            return 0
        spec = replace(spec, duration=life.remaining(spec.duration))
        try:
            run(kind, spec, signals, _display(spec))
        finally:
            crash.disarm()
    return 0


def goes_on(kind: str, spec: AnyEndpoint) -> bool:
    """Whether an endpoint may restart after a crash: only if its input, counts and
    checks allow it."""
    if spec.count is not None or checks(spec):
        return False
    if not isinstance(spec, Input):
        return True
    source = source_of(kind, spec)
    endless = source == "ticks" or (source in ("data", "size") and bool(spec.interval or spec.rate))
    return endless and not (isinstance(spec, Stamping) and spec.stamp)


def _display(spec: AnyEndpoint) -> EndpointView | None:
    """Return the display; None, without importing any, when nothing is to be shown."""
    mode, shown = spec.stats.mode, _on_a_terminal() and not spec.quiet
    replays = isinstance(spec, ReplayOptions) and spec.replay is not None and shown
    topics = isinstance(spec, Sub) and spec.report_topics and shown
    if mode == "off" or (mode is None and not (replays or topics)):
        return None
    from zmqdev.report.display import endpoint_display, replay_display

    if mode is None and replays:
        return replay_display()
    return endpoint_display(replace(spec.stats, mode="live") if mode is None else spec.stats)
