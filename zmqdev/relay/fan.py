"""The relay with routes, of the half in use.

It is a separate module so that a device without routes does not load it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmqdev.relay import NATIVE
from zmqdev.relay.target import Target

if TYPE_CHECKING or not NATIVE:
    from zmqdev.relay.pump import pump
    from zmqdev.relay.routed import RoutedRelay
else:
    from zmqdev.relay.native import _native
    from zmqdev.relay.native_routed import RoutedRelay

    pump = _native.pump

__all__ = ["RoutedRelay", "Target", "pump"]
