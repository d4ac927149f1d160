"""How many messages a publisher may have in flight: the pace at which nothing is lost."""

from __future__ import annotations

LEAST = 16


class Window:
    """Half as large after each loss, as TCP does; what was on its way already counts once."""

    def __init__(self, most: int) -> None:
        self.size = most
        self._settled = 0

    def lost(self, at: int) -> bool:
        """Something before message number `at` did not come. Whether that makes it smaller."""
        if at < self._settled or self.size <= LEAST:
            return False
        self._settled = at + self.size
        self.size = max(LEAST, self.size // 2)
        return True
