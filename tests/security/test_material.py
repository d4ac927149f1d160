"""What the options of a side become."""

from __future__ import annotations

from zmqdev.security.keyfile import derive, generate
from zmqdev.security.material import _own_key
from zmqdev.spec.security import Security


def test_a_secret_key_that_begins_with_an_at_sign_is_no_file() -> None:
    pair = generate()
    while not (pair.secret or "").startswith("@"):
        pair = generate()
    assert pair.secret is not None
    public, own_secret = _own_key(Security(curve_secret=pair.secret))
    assert (public.decode(), own_secret.decode()) == (derive(pair.secret), pair.secret)
