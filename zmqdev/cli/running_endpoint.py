"""An endpoint as a program: its log, its signals, its display."""

from __future__ import annotations

import logging
from typing import Any

from zmqdev.device.signals import Signals
from zmqdev.endpoints.run import run
from zmqdev.report.log import logging_to_stderr
from zmqdev.spec.endpoint import EndpointKind
from zmqdev.spec.endpoint_check import warnings

log = logging.getLogger("zmqdev")


def run_endpoint(kind: EndpointKind, spec: Any) -> int:
    with Signals() as signals, logging_to_stderr(spec):
        for line in warnings(spec):
            log.warning("%s", line)
        run(kind, spec, signals)
    return 0
