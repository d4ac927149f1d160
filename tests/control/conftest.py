"""What the tests of devices share."""

from __future__ import annotations

from device.conftest import context, runtime, steered  # noqa: F401
