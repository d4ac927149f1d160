"""What the options of a side become."""

from __future__ import annotations

from pathlib import Path

import pytest

from zmqdev.errors import UsageError
from zmqdev.options.layer import Written
from zmqdev.options.security import Security
from zmqdev.options.security_check import check
from zmqdev.security.keyfile import derive, generate
from zmqdev.security.material import _own_key
from zmqdev.wire.z85 import ALPHABET


def test_a_secret_key_that_begins_with_an_at_sign_is_no_file() -> None:
    pair = generate()
    while not (pair.secret or "").startswith("@"):
        pair = generate()
    assert pair.secret is not None
    public, own_secret = _own_key(Security(curve_secret=pair.secret))
    assert (public.decode(), own_secret.decode()) == (derive(pair.secret), pair.secret)


def test_a_file_whose_name_could_be_a_key_is_read_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = generate().secret
    assert secret is not None
    monkeypatch.chdir(tmp_path)
    name = "k" * 39
    Path(name).write_text(f"{secret}\n")
    Path(name).chmod(0o600)
    assert _own_key(Security(curve_secret=f"@{name}"))[1].decode() == secret


def by_flag(secret: str) -> None:
    check(
        Security(curve_secret=secret, server_key="k"),
        Written({("curve-secret",): "--curve-secret"}),
    )


def test_a_secret_key_given_by_flag_is_refused_whatever_it_begins_with() -> None:
    """It would stand in the list of processes."""
    for secret in ("x" * 40, *(f"@{sign * 39}" for sign in ALPHABET)):
        with pytest.raises(UsageError, match="every user of this machine can read it") as told:
            by_flag(secret)
        assert secret not in str(told.value)
    for path in ("@key", "@" + "k" * 38, "@" + "k" * 40, "@" + "_" * 39, "@./" + "k" * 39):
        by_flag(path)
