"""The envelope of a request."""

from __future__ import annotations

import pytest

from zmqdev.wire.envelope import body_at, split


@pytest.mark.parametrize(
    ("frames", "envelope"),
    [
        ([b"address", b"", b"body"], [b"address", b""]),
        ([b"address", b"\x01\x02\x03\x04", b"", b"body"], [b"address", b"\x01\x02\x03\x04", b""]),
        ([b"address", b"body"], [b"address"]),
        ([b"address"], [b"address"]),
        ([b"address", b"", b"", b""], [b"address", b""]),
        ([b"", b"body"], [b""]),
    ],
    ids=["REQ", "REQ_CORRELATE", "no delimiter", "nothing", "empty frames", "empty address"],
)
def test_an_envelope_ends_with_the_first_empty_frame(
    frames: list[bytes], envelope: list[bytes]
) -> None:
    assert split(frames) == (envelope, frames[len(envelope) :])


def test_a_dealer_has_no_address_frame() -> None:
    assert body_at([b"id", b"", b"body"], start=0) == 2
    assert body_at([b"", b"body"], start=0) == 1
