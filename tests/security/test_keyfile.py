"""Key files: made once, private, refused when others can read them."""

from __future__ import annotations

import os
import stat
from datetime import datetime
from pathlib import Path

import pytest

from zmqdev.errors import RunError, UsageError
from zmqdev.security.certificate import Certificate
from zmqdev.security.keyfile import generate, load, load_directory, load_secret, write_pair
from zmqdev.tools.keygen.forms import FORMS, show
from zmqdev.wire import z85

WHEN = datetime(2024, 2, 29, 12, 0, 0)


def test_a_pair_is_written_and_read_back(keys: Path, alice: Certificate) -> None:
    assert load_secret(keys / "alice.key_secret") == alice
    assert load(keys / "alice.key").public == alice.public


def test_the_secret_file_is_for_its_owner_alone(tmp_path: Path, alice: Certificate) -> None:
    old = os.umask(0)
    try:
        public, secret = write_pair(alice, tmp_path / "a", WHEN)
    finally:
        os.umask(old)
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(public.stat().st_mode) == 0o644


@pytest.mark.parametrize("taken", ["alice.key", "alice.key_secret"])
def test_nothing_is_overwritten_and_nothing_half_made(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_text("precious")
    with pytest.raises(UsageError, match="already exists"):
        write_pair(generate(), tmp_path / "alice", WHEN)
    assert [path.name for path in tmp_path.iterdir()] == [taken]
    assert (tmp_path / taken).read_text() == "precious"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "alice.key_secret").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="already exists"):
        write_pair(generate(), tmp_path / "alice", WHEN)
    assert not (tmp_path / "elsewhere").exists()


def test_a_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such file"):
        write_pair(generate(), tmp_path / "gone" / "alice", WHEN)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match="no space left"):
        write_pair(generate(), tmp_path / "alice", WHEN)
    assert list(tmp_path.iterdir()) == []


def test_a_secret_that_others_can_read_is_refused(keys: Path) -> None:
    (keys / "alice.key_secret").chmod(0o640)
    with pytest.raises(UsageError, match="chmod 600"):
        load_secret(keys / "alice.key_secret")


def test_a_public_file_is_no_secret_file(keys: Path) -> None:
    with pytest.raises(UsageError, match=r"alice\.key_secret meant"):
        load_secret(keys / "alice.key")


def test_two_halves_of_different_pairs_are_refused(tmp_path: Path) -> None:
    mixed = Certificate(generate().public, generate().secret)
    write_pair(mixed, tmp_path / "mixed", WHEN)
    with pytest.raises(UsageError, match="does not belong"):
        load_secret(tmp_path / "mixed.key_secret")


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        load(tmp_path / "gone.key")
    with pytest.raises(UsageError, match="directory"):
        load(tmp_path)


def test_a_directory_gives_keys_by_name(keys: Path, alice: Certificate) -> None:
    bob = generate()
    write_pair(bob, keys / "bob", WHEN)
    assert load_directory(keys) == {z85.key(alice.public): "alice", z85.key(bob.public): "bob"}


def test_the_same_key_in_two_files_is_one_peer(keys: Path, alice: Certificate) -> None:
    (keys / "again.key").write_bytes((keys / "alice.key").read_bytes())
    assert load_directory(keys) == {z85.key(alice.public): "alice"}


def test_one_name_for_two_keys_is_refused(keys: Path) -> None:
    write_pair(generate([("name", "alice")]), keys / "other", WHEN)
    with pytest.raises(UsageError, match="has the name 'alice'"):
        load_directory(keys)


def test_a_broken_certificate_in_a_directory_is_refused(keys: Path) -> None:
    (keys / "broken.key").write_text("curve\n    public-key = x\n")
    with pytest.raises(UsageError, match=r"broken\.key:2:5"):
        load_directory(keys)


def test_a_file_is_no_directory(keys: Path) -> None:
    with pytest.raises(UsageError, match=r"alice\.key: cannot be read: not a directory"):
        load_directory(keys / "alice.key")


def test_a_directory_that_cannot_be_read_is_refused(keys: Path) -> None:
    """It was taken for one without keys, and nobody came in."""
    with pytest.raises(UsageError, match="cannot be read: no such file"):
        load_directory(keys / "nosuch")


def test_a_certificate_under_another_name_is_said(
    keys: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (keys / "carol.pub").write_bytes((keys / "alice.key").read_bytes())
    (keys / ".hidden").write_text("")
    load_directory(keys)
    assert [record.getMessage() for record in caplog.records] == [
        f"{keys}/carol.pub: ignored; the name of a certificate ends in .key"
    ]


@pytest.mark.parametrize("form", sorted(FORMS))
def test_every_form_shows_both_keys(form: str, alice: Certificate) -> None:
    text = show(alice, form)
    if form == "hex":
        assert z85.decode(alice.secret or "").hex() in text
    else:
        assert alice.public in text
        assert (alice.secret or "") in text


def test_a_public_certificate_has_nothing_to_show() -> None:
    with pytest.raises(ValueError, match="no secret key"):
        show(Certificate(generate().public), "z85")


def test_keys_that_systemd_has_put_behind_the_name_of_their_directory(
    tmp_path: Path, alice: Certificate
) -> None:
    for name, pair in (("frontend-authorized-keys_alice", alice), ("backend_bob", generate())):
        write_pair(pair, tmp_path / name, WHEN)
    found = load_directory(tmp_path / "frontend-authorized-keys_*")
    assert found == {z85.key(alice.public): "alice"}


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, whose files credentials are")
def test_a_credential_of_systemd_may_have_the_mask_of_its_access_list(
    tmp_path: Path, alice: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, secret = write_pair(alice, tmp_path / "a", WHEN)
    secret.chmod(0o440)
    with pytest.raises(UsageError, match="others can read it"):
        load_secret(secret)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert load_secret(secret).public == alice.public
    secret.chmod(0o444)
    with pytest.raises(UsageError, match="others can read it"):
        load_secret(secret)
