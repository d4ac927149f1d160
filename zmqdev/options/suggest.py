"""Suggestions for unknown words."""

from __future__ import annotations

from collections.abc import Iterable


def near(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'hwm'?`, or "" when no known word is similar."""
    import difflib  # imported only for a mistake

    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""
