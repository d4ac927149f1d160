"""Sample stock ticks: `SYMBOL PRICE`, a random walk for each symbol.

The price is money, so it is kept in cents and never falls below one. The same seed gives the same
ticks.
"""

from __future__ import annotations

import random

# First prices, in cents. The names are made up.
SYMBOLS = {"ACME": 18_920, "BOLT": 4_210, "CRUX": 73_455, "DUNE": 1_205, "ECHO": 31_080}
# The largest step, as a part of the price.
STEP = 0.005
LEAST = 1


class Ticks:
    """A generator of ticks, each symbol in turn."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)
        self._prices = list(SYMBOLS.values())
        self._names = [name.encode() for name in SYMBOLS]
        self._next = 0

    def take(self, count: int) -> list[bytes]:
        """Return the next `count` ticks."""
        return [self._tick() for _ in range(count)]

    def _tick(self) -> bytes:
        at = self._next
        self._next = (at + 1) % len(self._names)
        price = max(LEAST, self._prices[at] + self._step(self._prices[at]))
        self._prices[at] = price
        return b"%b %d.%02d" % (self._names[at], price // 100, price % 100)

    def _step(self, price: int) -> int:
        """Return cents up or down; a cent either way is always possible."""
        widest = max(1, round(price * STEP))
        return round(self._random.uniform(-widest, widest))
