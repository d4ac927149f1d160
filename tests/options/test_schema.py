"""The JSON Schema: shipped files pass, what the reader refuses does not, and it is current."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from zmqdev.options.option import leaves
from zmqdev.options.part_options import kinds, own_spec
from zmqdev.options.schema import schema

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted(CONFIGS.glob("*.yaml"))
COMMENT = "# yaml-language-server: $schema=zmqdev.schema.json\n"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    made = schema()
    Draft202012Validator.check_schema(made)
    return Draft202012Validator(made)


def test_the_schema_beside_the_files_is_current() -> None:
    """`zmqdev schema > configs/zmqdev.schema.json` makes it so."""
    assert json.loads((CONFIGS / "zmqdev.schema.json").read_text()) == schema()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_shipped_file_names_it_and_passes(
    path: Path, validator: Draft202012Validator
) -> None:
    text = path.read_text()
    assert text.startswith(COMMENT)
    validator.validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text",
    [
        "device: queue",
        "{endpoint: pub, stats: off}",
        "{endpoint: pub, stats: {mode: off, interval: 1s}}",
        "{device: queue, restart: no}",
        "{device: queue, reliable: true}",
        "{device: queue, frontend: {sndhwm: '${HWM:-5}', bind: ['tcp://*:1', '${A}']}}",
        "{include: x.yaml}",
        "{parts: {a: {device: queue, replicas: '${N}'}}, defaults: {drain: 1, queue: {drain: 2}}}",
        "{parts: {a: {device: queue}}, defaults: {devices: {control: off}, stats: json}}",
    ],
)
def test_what_the_reader_takes_passes(text: str, validator: Draft202012Validator) -> None:
    validator.validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "device: qeue",
        "{device: queue, endpoint: pub}",
        "{device: queue, drian: 1s}",
        "{device: queue, drain: soon}",
        "{device: queue, frontend: {sndhvm: 1}}",
        "{device: queue, ticks: true}",
        "{endpoint: sub, count: many}",
        "{parts: {'a b': {device: queue}}}",
        "{parts: {a: {}}}",
        "{parts: {a: {device: queue, replicas: 0}}}",
        "{parts: {a: {device: queue}}, defaults: {drian: 1s}}",
        "{parts: {a: {device: queue}}, prats: 1}",
    ],
)
def test_what_the_reader_refuses_fails(text: str, validator: Draft202012Validator) -> None:
    assert not validator.is_valid(yaml.safe_load(text))


@pytest.mark.parametrize("kind", kinds())
def test_every_declared_option_is_in_it_with_its_help(kind: str) -> None:
    made = schema()
    for leaf in leaves(own_spec(kinds()[kind], kind)):
        found: Any = made["$defs"][kind]
        for key in leaf.path:
            found = _inner(made, found)["properties"][key]
        assert found["description"] == leaf.option.help


def _inner(made: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """The object behind a reference, or behind the first of several forms."""
    for form in node.get("anyOf", [node]):
        if "$ref" in form and "section-" in form["$ref"]:
            found: dict[str, Any] = made["$defs"][form["$ref"].rpartition("/")[2]]
            return found
    return node
