"""An endpoint as a program: its log, its signals, its display."""

from __future__ import annotations

import gc
import logging
from typing import Any

from zmqdev.endpoints.run import Display, run
from zmqdev.options.common import EndpointStats
from zmqdev.options.endpoint import EndpointKind
from zmqdev.options.endpoint_check import printed, warnings
from zmqdev.report.log import logging_to_stderr, tell_settings
from zmqdev.system.signals import Signals

log = logging.getLogger("zmqdev")
# A burst is 4096 new lists, gone again a moment later. At Python's own threshold of 700 the
# collector would look at them five times a burst, a sixth of all the time.
YOUNG = 50_000


def run_endpoint(kind: EndpointKind, spec: Any) -> int:
    gc.freeze()
    gc.set_threshold(YOUNG)
    with Signals() as signals, logging_to_stderr(spec):
        for line in warnings(spec):
            log.warning("%s", line)
        tell_settings(lambda: printed(kind, spec))
        run(kind, spec, signals, _display(spec.stats))
    return 0


def _display(stats: EndpointStats) -> Display | None:
    """Who shows nothing need not load what would show it."""
    if stats.mode in (None, "off"):
        return None
    from zmqdev.report.display import endpoint_display

    return endpoint_display(stats)
