"""A key pair in the forms that other programs and files need."""

from __future__ import annotations

from collections.abc import Callable

from zmqdev.security.certificate import Certificate
from zmqdev.wire import z85


def _as_z85(certificate: Certificate) -> list[str]:
    return [f"public {certificate.public}", f"secret {certificate.secret}"]


def _as_hex(certificate: Certificate) -> list[str]:
    return [f"public {_hex(certificate.public)}", f"secret {_hex(certificate.secret or '')}"]


def _hex(text: str) -> str:
    return z85.decode(text).hex()


def _as_env(certificate: Certificate) -> list[str]:
    """Return shell assignments.

    Z85 contains `$` and `!` but no quote, so single quotes are safe.
    """
    return [
        f"CURVE_PUBLICKEY='{certificate.public}'",
        f"CURVE_SECRETKEY='{certificate.secret}'",
    ]


def _as_yaml(certificate: Certificate) -> list[str]:
    """Return YAML in single quotes, where YAML interprets no escapes."""
    return [
        f"curve-publickey: '{certificate.public}'",
        f"curve-secretkey: '{certificate.secret}'",
    ]


FORMS: dict[str, Callable[[Certificate], list[str]]] = {
    "z85": _as_z85,
    "hex": _as_hex,
    "env": _as_env,
    "yaml": _as_yaml,
}


def show(certificate: Certificate, form: str) -> str:
    """Return the pair as lines of text, the secret key included."""
    if certificate.secret is None:
        raise ValueError("this certificate has no secret key to show")
    return "\n".join(FORMS[form](certificate)) + "\n"
