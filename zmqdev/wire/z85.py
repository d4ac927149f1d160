"""Z85 (ZeroMQ RFC 32): four bytes as five printable characters, a CURVE key as forty.

libzmq's decoder is not used: it accepts groups above 2^32 and characters outside the
alphabet, and a mistyped key must be refused.
"""

from __future__ import annotations

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
KEY_BYTES = 32
KEY_CHARACTERS = 40

_VALUE = {character: value for value, character in enumerate(ALPHABET)}
_GROUP_LIMIT = 1 << 32


def encode(data: bytes) -> str:
    """Encode bytes, a multiple of four; raises ValueError for any other length."""
    if len(data) % 4:
        raise ValueError(f"{len(data)} bytes are not a multiple of 4")
    return "".join(_group(data[at : at + 4]) for at in range(0, len(data), 4))


def _group(four: bytes) -> str:
    number = int.from_bytes(four, "big")
    digits = []
    for _ in range(5):
        number, digit = divmod(number, 85)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def decode(text: str) -> bytes:
    """Decode text, a multiple of five characters; raises ValueError that says what is wrong.

    The message never contains the text, which may be a secret key.
    """
    if len(text) % 5:
        raise ValueError(f"{len(text)} characters are not a multiple of 5")
    return b"".join(_number(text, at).to_bytes(4, "big") for at in range(0, len(text), 5))


def _number(text: str, at: int) -> int:
    number = 0
    for place, character in enumerate(text[at : at + 5], at + 1):
        value = _VALUE.get(character)
        if value is None:
            raise ValueError(f"character {place} is not in the Z85 alphabet")
        number = number * 85 + value
    if number >= _GROUP_LIMIT:
        raise ValueError(f"characters {at + 1} to {at + 5} are no Z85 group")
    return number


def key(text: str) -> bytes:
    """Decode a CURVE key to 32 bytes; raises ValueError for anything but forty Z85 characters."""
    if len(text) != KEY_CHARACTERS:
        raise ValueError(f"a key has {KEY_CHARACTERS} characters, this has {len(text)}")
    return decode(text)
