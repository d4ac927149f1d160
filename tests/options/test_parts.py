"""A file as parts: names, defaults, includes, replicas; every fault with its place."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from zmqdev.errors import UsageError
from zmqdev.options.option import leaves
from zmqdev.options.part import examine, resolve
from zmqdev.options.part_options import LifeOptions, kinds, own_spec
from zmqdev.options.parts import Sheet

Make = Callable[..., Sheet]


def problems(sheet: Sheet) -> list[str]:
    found = list(sheet.problems)
    for one in sheet.drafts:
        found += examine(one)[1]
    return [str(error) for error in found]


def test_parts_have_the_names_of_the_file(sheet: Make) -> None:
    made = sheet("parts: {in: {device: queue}, out: {endpoint: worker}}")
    assert [(d.name, d.category, d.kind) for d in made.drafts] == [
        ("in", "device", "queue"),
        ("out", "endpoint", "worker"),
    ]
    assert [resolve(d).spec.name for d in made.drafts] == ["in", "out"]


def test_a_single_device_is_a_file_with_one_part(sheet: Make) -> None:
    assert [d.name for d in sheet("device: queue").drafts] == ["queue"]
    assert [d.name for d in sheet("{endpoint: pub, name: prices}").drafts] == ["prices"]


def test_the_narrower_default_goes_before_the_wider_one(sheet: Make) -> None:
    made = sheet(
        """
        defaults:
          drain: 1s
          devices: {drain: 2s, frontend: {sndhwm: 7}}
          queue: {drain: 3s}
        parts:
          a: {device: queue, drain: 4s}
          b: {device: queue}
          c: {device: streamer}
          d: {endpoint: sub}
        """
    )
    assert not problems(made)
    assert [resolve(d).spec.drain for d in made.drafts] == [4.0, 3.0, 2.0, 1.0]
    assert resolve(made.drafts[2]).spec.frontend.sockopts["sndhwm"] == 7


def test_a_default_is_for_the_parts_that_have_the_option(sheet: Make) -> None:
    made = sheet("defaults: {on-full: block}\nparts: {a: {endpoint: sub}, b: {endpoint: pub}}")
    assert not problems(made)
    assert resolve(made.drafts[1]).spec.on_full == "block"


def test_an_including_file_has_the_weaker_defaults(sheet: Make) -> None:
    made = sheet(
        {
            "main.yaml": "include: [other.yaml]\ndefaults: {drain: 1s, count: 3}\n"
            "parts: {a: {endpoint: sub}}",
            "other.yaml": "defaults: {drain: 2s}\nparts: {b: {endpoint: sub}}",
        }
    )
    assert not problems(made)
    specs = {d.name: resolve(d).spec for d in made.drafts}
    assert (specs["a"].drain, specs["b"].drain, specs["b"].count) == (1.0, 2.0, 3)
    assert made.files == ["main.yaml", "other.yaml"]


def test_replicas_are_numbered_and_know_their_number(sheet: Make) -> None:
    made = sheet(
        "parts: {w: {endpoint: worker, replicas: 3, connect: 'tcp://10.0.0.1:555${REPLICA}'}}"
    )
    assert [d.name for d in made.drafts] == ["w-1", "w-2", "w-3"]
    assert [resolve(d).spec.connect for d in made.drafts] == [
        (f"tcp://10.0.0.1:555{number}",) for number in (1, 2, 3)
    ]


def test_a_variable_may_be_a_number(sheet: Make) -> None:
    text = "parts: {w: {endpoint: sub, count: '${N}', replicas: '${R:-2}', quiet: '${Q}'}}"
    made = sheet(text, N="5", Q="true")
    part = resolve(made.drafts[0])
    assert (len(made.drafts), part.spec.count, part.spec.quiet) == (2, 5, True)
    assert part.asked["count"] == 5
    assert "replicas" not in part.asked


def test_what_a_part_asks_has_its_secrets_and_no_defaults(sheet: Make) -> None:
    part = resolve(
        sheet("parts: {c: {endpoint: client, plain-username: u, plain-password: s}}").drafts[0]
    )
    assert part.asked == {
        "endpoint": "client",
        "name": "c",
        "plain-username": "u",
        "plain-password": "s",
    }


def test_keys_of_a_part_are_no_keys_of_a_kind() -> None:
    own = {leaf.path[0] for leaf in leaves(LifeOptions)}
    for kind, category in kinds().items():
        assert not own & {leaf.path[0] for leaf in leaves(own_spec(category, kind))}, kind


def test_restart_takes_the_word_no(sheet: Make) -> None:
    policies = [
        resolve(d).life.restart.policy
        for d in sheet(
            "parts: {a: {device: queue, restart: no}, b: {device: queue, "
            "restart: {policy: always}}, c: {device: queue}}"
        ).drafts
    ]
    assert policies == ["no", "always", "on-failure"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "f.yaml:1:1: expected keys and values"),
        ("parts: []", "f.yaml:1:8: parts: expected names and parts"),
        ("parts: {}", "f.yaml:1:1: the file has no parts"),
        ("prats: {}", "f.yaml:1:1: unknown key 'prats'; did you mean 'parts'?"),
        ("parts: {a: 5}", "f.yaml:1:12: a: expected keys and values"),
        ("parts: {a: {}}", "a: the part has no kind"),
        ("parts: {a: {device: queue, endpoint: pub}}", "is both a device and an endpoint"),
        ("parts: {a: {device: qeue}}", "f.yaml:1:21: a: no device 'qeue'; did you mean 'queue'?"),
        ("parts: {a: {device: pub}}", "no device 'pub'; write `endpoint: pub`"),
        ("parts: {'a b': {device: queue}}", "f.yaml:1:9: 'a b' is not a valid name"),
        (
            "parts: {a: {device: queue, replica: 2}}",
            "unknown key 'replica'; did you mean 'replicas'?",
        ),
        ("parts: {a: {device: queue, replicas: 0}}", "a: replicas: 0 is too small"),
        ("parts: {a: {device: queue, replicas: true}}", "a: replicas: expected a whole number"),
        ("parts: {a-1: {device: queue}, a: {device: queue, replicas: 1}}", "a second part 'a-1'"),
        ("parts: {a: {device: queue, drain: '${D}'}}", "the variable D is not set"),
        ("{defaults: 5, parts: {a: {device: queue}}}", "defaults: expected keys and values"),
        (
            "{defaults: {drian: 5}, parts: {a: {device: queue}}}",
            "no part has 'drian'; did you mean",
        ),
        ("{defaults: {queue: 5}, parts: {a: {device: queue}}}", "defaults.queue: expected keys"),
        (
            "{defaults: {devices: {ticks: true}}, parts: {a: {device: queue}}}",
            "unknown key 'ticks'",
        ),
        ("{defaults: {queue: {ticks: true}}, parts: {a: {device: queue}}}", "key 'ticks'"),
        ("{include: 5, parts: {a: {device: queue}}}", "include: expected the name of a file"),
        (
            "{include: no.yaml, parts: {a: {device: queue}}}",
            "f.yaml:1:11: include: no.yaml: cannot read it",
        ),
        ("{include: f.yaml, parts: {a: {device: queue}}}", "f.yaml includes itself"),
    ],
)
def test_a_fault_is_named_with_its_place(sheet: Make, text: str, message: str) -> None:
    found = problems(sheet(text))
    assert any(message in line for line in found), found
    assert all(line.startswith("f.yaml:") for line in found)


def test_every_fault_of_a_part_is_found(sheet: Make) -> None:
    made = sheet("parts: {a: {device: queue, drian: 5, frontend: {bind: nowhere, sndhwm: x}}}")
    found = problems(made)
    assert [line.split(" ")[0] for line in found] == [
        "f.yaml:1:28:",
        "f.yaml:1:55:",
        "f.yaml:1:72:",
    ]


def test_a_file_included_twice_is_refused(sheet: Make) -> None:
    files = {"m.yaml": "include: [o.yaml, o.yaml]", "o.yaml": "device: queue"}
    assert problems(sheet(files)) == ["m.yaml:1:19: include: o.yaml is included twice"]


def test_resolving_raises_the_first_fault(sheet: Make) -> None:
    with pytest.raises(UsageError, match="f.yaml:1:38: frontend"):
        resolve(sheet("parts: {a: {device: queue, frontend: 5}}").drafts[0])
