"""Warnings that output cannot be written; the work goes on."""

from __future__ import annotations

import logging

from zmqdev.system.stdio import TextSink

log = logging.getLogger("zmqdev")


class Complaint:
    """Warns once that a sink accepts nothing, and reports the lost lines when it does again."""

    def __init__(self, sink: TextSink, what: str) -> None:
        self._sink, self._what = sink, what
        self._told = False

    def tell(self) -> None:
        """Look at the sink, and log a line when its state has changed."""
        sink = self._sink
        if sink.error is not None and not self._told:
            self._told = True
            after = "continuing without it" if sink.closed else "trying again"
            log.warning("cannot write the %s: %s; %s", self._what, sink.error, after)
        elif sink.error is None and sink.left_out and sink.flush():
            log.warning("%s: %d lines could not be written", self._what, sink.left_out)
            sink.left_out, self._told = 0, False
