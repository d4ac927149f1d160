"""The capture socket, for copies of all messages: a PUB, which drops and never waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import zmq

from zmqdev.device.socket import OpenSocket, make
from zmqdev.options.capturing import Capturing
from zmqdev.stats.snapshot import AddressState


def open_capture(
    context: zmq.Context[Any], spec: Capturing, options: Mapping[str, Any]
) -> OpenSocket | None:
    """Open the capture socket and bind or connect it; return None without a capture."""
    if not spec.captures:
        return None
    capture = make(context, "capture", "PUB", options)
    try:
        if spec.capture:
            capture.bind(spec.capture)
        if spec.capture_connect:
            capture.connect(spec.capture_connect)
    except BaseException:
        capture.close(0)
        raise
    return capture


def places(capture: OpenSocket | None) -> dict[str, AddressState]:
    """Return the addresses of the capture, by the option that names them."""
    states = capture.addresses if capture is not None else ()
    return {"capture" if s.verb == "bind" else "capture_connect": s for s in states}
