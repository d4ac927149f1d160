"""The JSON Schema (2020-12) of a file, generated from the declarations.

It covers keys, types, choices and shapes. `zmqdev check` covers what depends on more
than one place: which parts can talk to each other, and options that contradict.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from zmqdev.options.defaults import GROUPS
from zmqdev.options.fleet import FleetSpec
from zmqdev.options.layer import takes_sockopts
from zmqdev.options.option import Named, Option, Section, named_of, options_of, sections_of
from zmqdev.options.part_options import CATEGORIES, kinds, part_spec
from zmqdev.options.sockopt import SOCKET_OPTIONS

Schema = dict[str, Any]
# A value that contains a variable is text, whatever it becomes.
VARIABLE: Schema = {"type": "string", "pattern": r"\$\{"}
_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"
_SIDE_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"
_TEXT_OR_LIST: Schema = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
}


def schema() -> Schema:
    """Return the schema of the files of `zmqdev run` and of single commands, without ZDCF."""
    definitions: dict[str, Schema] = {
        "variable": VARIABLE,
        **{f"option-{name}": _socket_option(name) for name in SOCKET_OPTIONS},
        **_sections(
            [FleetSpec, *(part_spec(category, kind) for kind, category in kinds().items())]
        ),
        **{kind: _kind(category, kind) for kind, category in kinds().items()},
        "part": _part(),
        "defaults": _defaults(),
        "file": _file(),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "zmqdev",
        "description": "Devices and endpoints for `zmqdev run`, or one for its own command.",
        "type": "object",
        "if": {"anyOf": [{"required": [category]} for category in CATEGORIES]},
        "then": {"$ref": "#/$defs/part"},
        "else": {"$ref": "#/$defs/file"},
        "$defs": definitions,
    }


def _part() -> Schema:
    """Return the schema of a part.

    `device` or `endpoint` selects the kind, so that an editor's messages are about that
    kind.
    """
    choices = [
        {
            "if": {"properties": {category: {"const": kind}}, "required": [category]},
            "then": {"$ref": f"#/$defs/{kind}"},
        }
        for kind, category in kinds().items()
    ]
    return {
        "type": "object",
        "properties": {
            category: {"enum": list(rows), "description": f"The kind of {category}."}
            for category, rows in CATEGORIES.items()
        },
        "oneOf": [{"required": [category]} for category in CATEGORIES],
        "allOf": choices,
    }


def _kind(category: str, kind: str) -> Schema:
    made = _object(part_spec(category, kind))
    made["description"] = str(CATEGORIES[category][kind].help)
    made["properties"] = {category: {"const": kind}, **made["properties"]}
    return made


def _object(spec: type) -> Schema:
    """Return the schema of a spec class; other keys are not allowed."""
    properties: dict[str, Schema] = {}
    if takes_sockopts(spec):
        properties |= {name: {"$ref": f"#/$defs/option-{name}"} for name in SOCKET_OPTIONS}
    for key, (_, declared, default) in options_of(spec).items():
        properties[key] = _option(declared, default)
    for key, (_, nested) in sections_of(spec).items():
        properties[key] = _section(nested)
    for key, (_, by_name) in named_of(spec).items():
        properties[key] = _named(by_name)
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _option(declared: Option, default: Any) -> Schema:
    made: Schema = {"description": declared.help, **_or_variable(declared.type.schema())}
    if default not in (None, ()) and not declared.secret:
        made["default"] = declared.type.plain(default)
    return made


def _socket_option(name: str) -> Schema:
    row = SOCKET_OPTIONS[name]
    return {"description": f"{row.help}.", **_or_variable(row.type.schema())}


def _or_variable(own: Schema) -> Schema:
    if own == {"type": "string"}:
        return own
    several = own["anyOf"] if set(own) == {"anyOf"} else [own]
    forms = [_items_too(form) for form in several]
    return {"anyOf": [*forms, {"$ref": "#/$defs/variable"}]}


def _items_too(form: Schema) -> Schema:
    return {**form, "items": _or_variable(form["items"])} if "items" in form else form


def _section(nested: Section) -> Schema:
    own: Schema = {"$ref": f"#/$defs/section-{nested.spec.__name__}"}
    if nested.shorthand is None:
        return {"description": nested.help, **own}
    _, declared, _ = options_of(nested.spec)[nested.shorthand]
    return {"description": nested.help, "anyOf": [own, _or_variable(declared.type.schema())]}


def _named(by_name: Named) -> Schema:
    return {
        "description": by_name.help,
        "type": "object",
        "propertyNames": {"pattern": _SIDE_NAME, "not": {"enum": sorted(by_name.reserved)}},
        "additionalProperties": {"$ref": f"#/$defs/section-{by_name.spec.__name__}"},
    }


def _sections(specs: Iterable[type]) -> dict[str, Schema]:
    """Return the sections of all kinds, each once, because sides have many options."""
    found: dict[str, Schema] = {}
    for spec in specs:
        inner = [nested.spec for _, nested in sections_of(spec).values()]
        inner += [by_name.spec for _, by_name in named_of(spec).values()]
        found |= {f"section-{kind.__name__}": _object(kind) for kind in inner}
        found |= _sections(inner)
    return found


def _file() -> Schema:
    made = _object(FleetSpec)
    made["properties"] |= {
        "parts": {
            "description": "Devices and endpoints, by name.",
            "type": "object",
            "propertyNames": {"pattern": _NAME},
            "additionalProperties": {"$ref": "#/$defs/part"},
        },
        "defaults": {"$ref": "#/$defs/defaults"},
        "include": {"description": "Files whose parts belong here too.", **_TEXT_OR_LIST},
    }
    made["anyOf"] = [{"required": ["parts"]}, {"required": ["include"]}]
    return made


def _defaults() -> Schema:
    """Return the schema of `defaults`: for all parts, for a group or for one kind."""
    groups = {
        name: _together(kind for kind, own in kinds().items() if own == category)
        for name, category in GROUPS.items()
    }
    everything = _together(kinds())
    everything["properties"] |= groups
    everything["properties"] |= {kind: {"$ref": f"#/$defs/{kind}"} for kind in kinds()}
    everything["description"] = "What is under every part that has the option."
    return everything


def _together(names: Iterable[str]) -> Schema:
    """Return the keys of several kinds; one that is declared differently may have any
    of its forms."""
    found: dict[str, list[Schema]] = {}
    for kind in names:
        for key, own in _object(part_spec(kinds()[kind], kind))["properties"].items():
            if own not in found.setdefault(key, []):
                found[key].append(own)
    properties = {key: own[0] if len(own) == 1 else {"anyOf": own} for key, own in found.items()}
    return {"type": "object", "properties": properties, "additionalProperties": False}
