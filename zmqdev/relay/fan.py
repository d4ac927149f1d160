"""The relay with routes, in the half that is used; apart from the package's head, since a device
without routes loads none of it."""

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
