"""A copy of the messages that pass through a device, while someone watches.

A PUB is made when the first viewer asks and closed when the last lease has ended.
Meanwhile the engine copies each message to it with a leading frame, `>` forward or `<`
backward. A PUB drops messages for a slow viewer and never waits, so neither does the
device. Viewers renew their leases; one that was killed is forgotten when its lease
ends.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import zmq

from zmqdev.device.device import Device
from zmqdev.device.socket import OpenSocket, make
from zmqdev.errors import RunError
from zmqdev.options.runtime_place import IPC_LONGEST
from zmqdev.options.security import Security
from zmqdev.options.security_check import mechanism
from zmqdev.system.loop import Loop, Repeat

# Messages that wait for a viewer before more are dropped.
HWM = 1000
# Bytes; viewers send only subscriptions to `>` or `<`.
LONGEST_SUBSCRIPTION = 64
SUFFIX = ".tap"


def address_for(control: str) -> str:
    """Return where the tap is bound, given the control address; RunError when it cannot be."""
    transport, _, rest = control.partition("://")
    if transport == "ipc":
        path = rest.removesuffix(".sock") + SUFFIX
        if len(path.encode(errors="surrogateescape")) > IPC_LONGEST:
            raise RunError(f"no room for the tap beside {control}: the path would be too long")
        return f"ipc://{path}"
    if transport == "tcp":
        return f"tcp://{rest.rpartition(':')[0]}:*"
    raise RunError(f"a tap needs the control at an ipc or tcp address, not {control}")


class Tap:
    """The tap of one device; used in the main thread only."""

    def __init__(
        self,
        context: zmq.Context[Any],
        device: Device,
        loop: Loop,
        control: str,
        security: Security | None = None,
    ) -> None:
        self._keyed = security is not None and mechanism(security) != "null"
        self._context, self._device, self._loop = context, device, loop
        self._control = control
        self._leases: dict[str, float] = {}
        self._open: OpenSocket | None = None
        self._expiry: Repeat | None = None

    @property
    def on(self) -> bool:
        """Whether messages are copied now."""
        return self._open is not None

    def lease(self, viewer: str, seconds: float) -> str:
        """Turn the tap on for `seconds`, or keep it on; return its address.

        0 ends the lease. Raises RunError when the tap cannot be bound or the device has
        stopped.
        """
        if seconds == 0:
            self._leases.pop(viewer, None)
            self.expire()
            return ""
        if self._open is None:
            self._switch_on()
        self._leases[viewer] = time.monotonic() + seconds
        assert self._open is not None
        return self._open.addresses[0].actual

    def expire(self) -> None:
        """End leases that were not renewed; without any lease, turn the tap off."""
        now = time.monotonic()
        self._leases = {who: until for who, until in self._leases.items() if until > now}
        if not self._leases:
            self.close()

    def close(self) -> None:
        """Turn the tap off. A device that is ending no longer uses the socket."""
        if self._open is None:
            return
        with suppress(RunError):
            self._device.call(lambda: self._device.engine.tap(None))
        self._open.close(0)
        self._open = None
        self._leases.clear()
        if self._expiry is not None:
            self._expiry.cancel()

    def _refuse_without_keys(self, address: str) -> None:
        """Refuse a tap at an open port if a side is restricted: anyone could read its messages."""
        if address.startswith("ipc://"):
            return  # only this user can reach it
        if self._keyed:
            raise RunError(
                f"the tap would be open to all at {address} while the control asks who comes; "
                "look at it on its own machine, from a device with --control ipc://PATH"
            )
        for name, side in self._device.engine.spec.sides.items():
            if mechanism(side) != "null" or side.allow or side.deny:
                raise RunError(
                    f"the tap would be open to all at {address} while {name} asks who comes; "
                    f"start the device with --control ipc://PATH, whose tap is for its user alone"
                )

    def _switch_on(self) -> None:
        options = {"sndhwm": HWM, "linger": 0, "maxmsgsize": LONGEST_SUBSCRIPTION}
        address = address_for(self._control)
        self._refuse_without_keys(address)
        opened = make(self._context, "tap", "PUB", options)
        try:
            opened.bind(address)
            # Now the socket belongs to the device's thread, until `tap(None)` returns
            # it.
            self._device.call(lambda: self._device.engine.tap(opened.socket))
        except BaseException:
            opened.close(0)
            raise
        self._open = opened
        self._expiry = self._loop.every(1.0, self.expire)
