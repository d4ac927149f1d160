"""One field of a JSON text by its path, read no further than needed and not validated.

- Of equal names the first counts.
- A list or a map is not a value and matches nothing.
- A string is unescaped to UTF-8; a number, true, false and null are as written.
- Text that is not JSON has no fields.
"""

from __future__ import annotations

_SPACE = b" \t\n\r"
_ESCAPES = {
    **{ord(key): value for key, value in zip('"\\/', ('"', "\\", "/"), strict=True)},
    **{ord(key): value for key, value in zip("bfnrt", "\b\f\n\r\t", strict=True)},
}
_END = b",]} \t\n\r"
DEEPEST = 64
"""Greatest depth of nested maps and lists; deeper text has no fields."""


def field(text: bytes, path: tuple[bytes, ...]) -> bytes | None:
    """Return the value at the path, or None."""
    at = 0
    try:
        for name in path:
            at = _member(text, _space(text, at), name)
        return _scalar(text, _space(text, at))
    except (IndexError, ValueError):
        return None


def _space(text: bytes, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at


def _member(text: bytes, at: int, name: bytes) -> int:
    """Return where the value of `name` begins; ValueError if there is no such member."""
    if text[at] != ord("{"):
        raise ValueError
    at = _space(text, at + 1)
    while text[at] == ord('"'):
        key, at = _string(text, at)
        at = _space(text, at)
        if text[at] != ord(":"):
            raise ValueError
        if key == name:
            return at + 1
        at = _space(text, _skip(text, _space(text, at + 1)))
        if text[at] != ord(","):
            break
        at = _space(text, at + 1)
    raise ValueError


def _skip(text: bytes, at: int) -> int:
    """Return the index after the value that begins at `at`."""
    deep = 0
    while True:
        byte = text[at]
        if byte == ord('"'):
            at = _behind_string(text, at)
        elif byte in b"{[":
            deep, at = deep + 1, at + 1
            if deep > DEEPEST:
                raise ValueError
        elif byte in b"]}":
            deep, at = deep - 1, at + 1
        elif byte in b",:" or byte in _SPACE:
            at += 1
        else:
            at = _behind_word(text, at)
        if deep <= 0:
            return at


def _behind_string(text: bytes, at: int) -> int:
    at += 1
    while text[at] != ord('"'):
        at += 2 if text[at] == ord("\\") else 1
    return at + 1


def _behind_word(text: bytes, at: int) -> int:
    while at < len(text) and text[at] not in _END:
        at += 1
    return at


def _scalar(text: bytes, at: int) -> bytes:
    if text[at] == ord('"'):
        return _string(text, at)[0]
    if text[at] in b"{[,]}:":
        raise ValueError
    return text[at : _behind_word(text, at)]


def _string(text: bytes, at: int) -> tuple[bytes, int]:
    """Return the string that begins at `at`, unescaped, and the index after it."""
    end = _behind_string(text, at)
    inner = text[at + 1 : end - 1]
    return (_unescaped(inner) if b"\\" in inner else inner), end


def _unescaped(inner: bytes) -> bytes:
    made, at = bytearray(), 0
    while at < len(inner):
        if inner[at] != ord("\\"):
            made.append(inner[at])
            at += 1
        elif inner[at + 1] == ord("u"):
            code, at = _code_point(inner, at)
            made += chr(code).encode(errors="surrogatepass")
        else:
            made += _ESCAPES[inner[at + 1]].encode() if inner[at + 1] in _ESCAPES else _wrong()
            at += 2
    return bytes(made)


def _wrong() -> bytes:
    raise ValueError


def _code_point(inner: bytes, at: int) -> tuple[int, int]:
    r"""Return the character of `\uXXXX`, or of a surrogate pair, and the index after it."""
    code = _hex(inner, at)
    if 0xD800 <= code < 0xDC00 and inner[at + 6 : at + 8] == b"\\u":
        low = _hex(inner, at + 6)
        if 0xDC00 <= low < 0xE000:
            return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00), at + 12
    return code, at + 6


def _hex(inner: bytes, at: int) -> int:
    digits = inner[at + 2 : at + 6]
    if len(digits) != 4 or any(digit not in b"0123456789abcdefABCDEF" for digit in digits):
        raise ValueError
    return int(digits, 16)
