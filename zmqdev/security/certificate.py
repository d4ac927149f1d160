"""The CURVE certificate file of czmq's `zcert` and pyzmq's `zmq.auth`, as text.

    #   comments and empty lines anywhere
    metadata
        name = "alice"
    curve
        public-key = "forty characters of Z85"
        secret-key = "only in the secret file"

The format is ZPL (RFC 4): a section at the margin, properties indented under it, a value
in quotes or bare. Errors name line and column, but never the value, which may be the
secret key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from zmqdev.errors import UsageError
from zmqdev.wire import z85

LONGEST_FILE = 64 * 1024

_PUBLIC_BANNER = """\
#   ****  Generated on {when} by zmqdev  ****
#   ZeroMQ CURVE Public Certificate
#   Exchange securely, or use a secure mechanism to verify the contents
#   of this file after exchange.

"""
_SECRET_BANNER = """\
#   ****  Generated on {when} by zmqdev  ****
#   ZeroMQ CURVE **Secret** Certificate
#   DO NOT PROVIDE THIS FILE TO OTHER USERS nor change its permissions.

"""


@dataclass(frozen=True)
class Certificate:
    """A key pair or its public half, as Z85 text; `repr` never shows the secret key."""

    public: str
    secret: str | None = field(default=None, repr=False)
    metadata: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str | None:
        """Return the `name` property, which names the peer in refusals and rights."""
        return dict(self.metadata).get("name")


@dataclass(frozen=True)
class _Line:
    number: int
    indent: int
    text: str


def render(certificate: Certificate, when: datetime, *, secret: bool) -> str:
    """Return the text of the file; the secret file contains both keys, the public one only one."""
    if secret and certificate.secret is None:
        raise ValueError("this certificate has no secret key to write")
    banner = _SECRET_BANNER if secret else _PUBLIC_BANNER
    lines = [banner.format(when=f"{when:%Y-%m-%d %H:%M:%S}"), "metadata\n"]
    lines += [f"    {key} = {_quoted(value)}\n" for key, value in certificate.metadata]
    lines += ["curve\n", f'    public-key = "{certificate.public}"\n']
    if secret:
        lines.append(f'    secret-key = "{certificate.secret}"\n')
    return "".join(lines)


def _quoted(value: str) -> str:
    """Quote a value; ZPL has no escapes, so it may contain only one kind of quote."""
    quote = "'" if '"' in value else '"'
    if quote in value or not value.isprintable():
        raise ValueError("a metadata value holds a control character or both kinds of quote")
    return f"{quote}{value}{quote}"


def parse(data: bytes, name: str) -> Certificate:
    """Parse a certificate file; raises UsageError with `name:line:column`."""
    if len(data) > LONGEST_FILE:
        raise UsageError(f"not a certificate: larger than {LONGEST_FILE} bytes", name)
    metadata: list[tuple[str, str]] = []
    keys: dict[str, str] = {}
    section = ""
    for line in _lines(data, name):
        if line.indent == 0:
            section = _section(line, name)
        elif section == "metadata":
            metadata.append(_property(line, name))
        elif section == "curve":
            _add_key(keys, line, name)
        elif not section:
            raise UsageError("a property before any section", _place(line, name))
    if "public-key" not in keys:
        raise UsageError("no public-key in a section 'curve'", name)
    return Certificate(keys["public-key"], keys.get("secret-key"), tuple(metadata))


def _lines(data: bytes, name: str) -> list[_Line]:
    found = []
    for number, raw in enumerate(data.splitlines(), 1):
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            place = f"{name}:{number}:{error.start + 1}"
            raise UsageError("not a certificate: bytes that are not UTF-8", place) from None
        stripped = text.strip()
        if stripped and not stripped.startswith("#"):
            found.append(_Line(number, len(text) - len(text.lstrip()), stripped))
    return found


def _place(line: _Line, name: str, offset: int = 0) -> str:
    return f"{name}:{line.number}:{line.indent + offset + 1}"


def _section(line: _Line, name: str) -> str:
    if "=" in line.text:
        raise UsageError("a property must be indented under its section", _place(line, name))
    if not line.text.replace("-", "").replace("_", "").isalnum():
        raise UsageError("not a certificate: expected a section name", _place(line, name))
    return line.text


def _property(line: _Line, name: str) -> tuple[str, str]:
    key, equals, value = line.text.partition("=")
    if not equals:
        raise UsageError("expected 'name = value'", _place(line, name))
    if not key.strip():
        raise UsageError("a value without a name", _place(line, name))
    return key.strip(), _unquoted(line, value, name)


def _unquoted(line: _Line, value: str, name: str) -> str:
    value = value.strip()
    if value[:1] not in ("'", '"'):
        return value.split("#", 1)[0].rstrip()
    start = line.text.index(value)
    inner, closing, rest = value[1:].partition(value[0])
    if not closing:
        raise UsageError("the quote is not closed", _place(line, name, start))
    if rest.strip() and not rest.strip().startswith("#"):
        place = _place(line, name, start + len(value) - len(rest.lstrip()))
        raise UsageError("something follows the closing quote", place)
    return inner


def _add_key(keys: dict[str, str], line: _Line, name: str) -> None:
    key, value = _property(line, name)
    if key not in ("public-key", "secret-key"):
        return
    if key in keys:
        raise UsageError(f"duplicate {key}", _place(line, name))
    try:
        z85.key(value)
    except ValueError as error:
        raise UsageError(f"{key}: {error}", _place(line, name)) from None
    keys[key] = value
