from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.errors import UsageError
from zmqdev.options import document
from zmqdev.options.document import read


def test_every_value_knows_where_it_was_written() -> None:
    root = read(b"device: queue\nbackend:\n  bind: [a, b]\n", "q.yaml")
    assert root.plain() == {"device": "queue", "backend": {"bind": ["a", "b"]}}
    backend = root.value["backend"]
    assert str(backend.keys["bind"]) == "q.yaml:3:3"
    assert str(backend.value["bind"].value[1].place) == "q.yaml:3:13"


def test_json_is_read_too() -> None:
    assert read(b'{"device": "queue", "n": 3}', "q.json").plain() == {"device": "queue", "n": 3}


BOMB = b"a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + b"".join(
    b"%c: &%c [%s]\n" % (c, c, b", ".join([b"*%c" % (c - 1)] * 10)) for c in range(98, 107)
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "q.yaml: the file is empty"),
        (b"# nothing\n", "q.yaml: the file is empty"),
        (b"a: 1\nb: 2\na: 3\n", "q.yaml:3:1: duplicate key 'a'; first in line 1"),
        (b"a: [1, 2\n", "q.yaml:2:1: not YAML: "),
        (b"a: b: c\n", "q.yaml:1:5: not YAML: "),
        (b"ok: 1\n\x00\x01\xff", "q.yaml: not a text file"),
        (b"\xff\xfe\x00\xd8", "q.yaml: not a text file"),
        (BOMB, "too many values"),
        (b"? [1, 2]\n: 3\n", "q.yaml:1:3: a key must be a word"),
        (b"a: !!python/object:os.system x\n", "q.yaml:1:4: not a plain value"),
        (b"a: &b {x: 1}\nc: {<<: *b}\n", "merge keys"),
        (b"[" * 5000, "nested too deeply"),
    ],
)
def test_a_broken_file_is_one_error_with_its_place(content: bytes, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(content, "q.yaml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_words_that_yaml_would_turn_into_something_else_stay_words() -> None:
    assert read(b"a: 2015-01-01\non: 1\n", "q").plain() == {"a": "2015-01-01", "on": 1}


WORDS = [
    *("a: ", "b", "- ", "[", "]", "{", "}", ", ", "? ", "|\n", ">\n", "\n", "\n  ", " ", "\t", "#"),
    *("&x ", "*x", "!!str ", "!y ", "'", '"', "\\", "%YAML 1.1\n", "---\n", "...\n", "<<: ", "~"),
    *("1", "0x1f", "on", "2015-01-01", "${A:?b}", "\ufeff", "\u00e4", "\u2028", "\x85", "\x07"),
]


PYTHON = document._loaders()[1]


def answer(content: bytes) -> object:
    try:
        return read(content, "f").plain()
    except UsageError as error:
        return str(error)


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML was built without libyaml")
@given(st.lists(st.sampled_from(WORDS), max_size=14).map("".join))
def test_libyaml_and_python_give_the_same_answer(text: str) -> None:
    with_libyaml = answer(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document, "_loaders", lambda: (None, PYTHON))
        assert with_libyaml == answer(text.encode())


@pytest.mark.parametrize(("opened", "closed"), [(b"[", b"]"), (b"- ", b""), (b'{"a":', b"}")])
@pytest.mark.parametrize("depth", [40, 90, 200, 5000])
def test_no_depth_is_too_much_for_the_parser(opened: bytes, closed: bytes, depth: int) -> None:
    assert "nested too deeply" in str(answer(opened * depth + b"x" + closed * depth))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_with_a_place(content: bytes) -> None:
    try:
        read(content, "x.yaml").plain()
    except UsageError as error:
        assert str(error).startswith("x.yaml")


@given(st.text(alphabet="abc:-[]{}&*!,'\"#|>%@ \n\t?<=~0123456789", max_size=120))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        read(text.encode(), "x.yaml").plain()
    except UsageError as error:
        assert str(error).startswith("x.yaml")
