"""Parameters of PostgreSQL statements: a binary array for the values of each column."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from psycopg.adapt import Dumper
from psycopg.pq import Format

from zmqdev.broker import store_rows as rows
from zmqdev.broker.record import Kept


class PostgresArray:
    """The values of one parameter, in the binary format of PostgreSQL."""

    def __init__(self, element: int, parts: Iterable[bytes], length: int) -> None:
        # Number of dimensions, whether any is null, type of elements, length, first index.
        head = struct.pack(">iiIii", 1, 1, element, length, 1)
        self.data = b"".join(chain((head,), parts))


class Int8s(PostgresArray):
    """Integers of 64 bits."""

    def __init__(self, values: Sequence[int]) -> None:
        pack = struct.Struct(">iq").pack
        super().__init__(20, (pack(8, value) for value in values), len(values))


class Float8s(PostgresArray):
    """Floats of 64 bits."""

    def __init__(self, values: Sequence[float]) -> None:
        pack = struct.Struct(">id").pack
        super().__init__(701, (pack(8, value) for value in values), len(values))


class Byteas(PostgresArray):
    """Bytes, or None."""

    def __init__(self, values: Sequence[bytes | None]) -> None:
        pack = struct.Struct(">i").pack
        none = pack(-1)
        parts = (none if value is None else pack(len(value)) + value for value in values)
        super().__init__(17, parts, len(values))


class _ArrayDumper(Dumper):
    """A dumper with a fixed type, so that a statement is prepared once.

    The types of psycopg's dumpers depend on the values.
    """

    format = Format.BINARY

    def dump(self, obj: PostgresArray) -> bytes:
        return obj.data


class _Int8sDumper(_ArrayDumper):
    oid = 1016


class _Float8sDumper(_ArrayDumper):
    oid = 1022


class _ByteasDumper(_ArrayDumper):
    oid = 1001


DUMPERS: dict[type, type[Dumper]] = {
    Int8s: _Int8sDumper,
    Float8s: _Float8sDumper,
    Byteas: _ByteasDumper,
}
"""What `adapters.register_dumper` takes."""


def columns_of(found: Sequence[tuple[Any, ...]], width: int) -> list[Sequence[Any]]:
    """Turn rows of `width` values into columns; no rows make `width` empty columns."""
    return list(zip(*found, strict=True)) if found else [()] * width


def request_columns(found: Sequence[Kept]) -> dict[str, PostgresArray]:
    """Return requests as the parameters of a statement."""
    columns = columns_of([rows.request_row(kept) for kept in found], 7)
    return {
        "keys": Int8s(columns[0]),
        "calls": Byteas(columns[1]),
        "services": Byteas(columns[2]),
        "arrivals": Float8s(columns[3]),
        "attempts": Int8s(columns[4]),
        "bodies": Byteas(columns[5]),
        "crcs": Int8s(columns[6]),
    }
