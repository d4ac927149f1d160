"""A finding of the reader says the fix, in words that can be followed."""

import pytest

from zmqdev.topology.check import RULES, check_file

BACK = "backend: {bind: 'tcp://*:5556'}\n"


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        (
            f"device: queue\nfrontend: tcp://*:5555\n{BACK}",
            "write frontend: {bind: tcp://*:5555} or {connect: tcp://*:5555}",
        ),
        (
            f"frontend: {{bind: 'tcp://*:5555'}}\n{BACK}",
            "write `device: KIND` or `endpoint: KIND`",
        ),
        ("parts:\n  - device: queue\n", "write each as `NAME: {device: KIND}`"),
        (
            f"device: queue\nfrontend: {{bind: 'tcp://:5555'}}\n{BACK}",
            "write tcp://*:5555 (every interface) or tcp://127.0.0.1:5555",
        ),
        (
            f"device: queue\nfrontend: {{connect: 'tcp://:5555'}}\n{BACK}",
            "write tcp://127.0.0.1:5555",
        ),
        ("a: [\n", RULES["invalid"].fix),
    ],
)
def test_the_fix_is_said(tmp_path, text, fix):
    file = tmp_path / "f.yaml"
    file.write_text(text)
    assert [one.fix for one in check_file(str(file), {})] == [fix]


def test_no_rule_sends_back_to_the_message():
    assert not [name for name, rule in RULES.items() if "message says" in rule.fix]
