"""A password in the URL of a database is for the database alone."""

from __future__ import annotations

import pytest

from zmqdev.options.store_url import has_password, is_url, secret_of, without_password


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("queue.db", "queue.db"),
        ("postgresql://db/zmqdev", "postgresql://db/zmqdev"),
        ("postgresql://zmq@db1,db2/zmqdev", "postgresql://zmq@db1,db2/zmqdev"),
        ("postgres://zmq:secret@db/zmqdev", "postgres://zmq@db/zmqdev"),
        ("postgresql://zmq:sec:r@e/t@db/zmqdev", "postgresql://zmq@db/zmqdev"),
        ("postgresql://db/q?password=secret", "postgresql://db/q"),
        ("postgresql://db/q?sslmode=require&password=secret", "postgresql://db/q?sslmode=require"),
        ("postgresql://db/q?PASSWORD=secret&a=b", "postgresql://db/q?a=b"),
    ],
)
def test_people_see_it_without_its_password(given: str, shown: str) -> None:
    assert without_password(given) == shown
    assert has_password(given) == (given != shown)
    assert is_url(given) == given.startswith("postgres")


@pytest.mark.parametrize(
    ("given", "secret"),
    [
        ("queue.db", ""),
        ("postgresql://zmq@db/zmqdev", ""),
        ("postgres://zmq:secret@db/zmqdev", "zmq:secret"),
        ("postgresql://db/q?sslmode=require&password=secret", "password=secret"),
    ],
)
def test_the_part_with_the_password_is_known(given: str, secret: str) -> None:
    assert secret_of(given) == secret
