"""Rules and findings of a check, and the formats of findings."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from zmqdev.options.part import Part

ERROR, WARNING = "error", "warning"
FORMATS = ("text", "json", "github")
_PLACE = re.compile(r"(?P<file>.*?):(?P<line>\d+):(?P<column>\d+)", re.DOTALL)


@dataclass(frozen=True)
class Finding:
    """A finding. `place` is file:line:column, or the file alone."""

    rule: str
    severity: str
    place: str
    message: str
    fix: str

    @property
    def position(self) -> tuple[str, int, int]:
        """Return (file, line, column); line and column are 0 when unknown."""
        match = _PLACE.match(self.place)
        if match is None:
            return self.place, 0, 0
        return match["file"], int(match["line"]), int(match["column"])


@dataclass(frozen=True)
class Rule:
    """A rule: its name, severity, description and fix, and how it is found.

    `look` yields the part, place and message of each finding. A rule that the reader of
    files enforces has no `look`: its findings are the messages that match `says`.
    """

    name: str
    severity: str
    help: str
    fix: str
    look: Callable[[Any], Iterable[tuple[Part, str, str]]] | None = None
    says: str | None = None

    def find(self, subject: Any) -> Iterable[Finding]:
        """Yield the findings that their parts do not ignore."""
        for part, place, message in self.look(subject) if self.look else ():
            if self.name not in part.life.ignore:
                yield Finding(self.name, self.severity, place, message, self.fix)


def as_text(finding: Finding) -> str:
    """Return a finding as two lines: what is wrong, and the fix."""
    return (
        f"{finding.place}: {finding.severity}: {finding.message} [{finding.rule}]\n"
        f"    fix: {finding.fix}"
    )


def as_object(finding: Finding) -> dict[str, Any]:
    """Return a finding as plain values for JSON."""
    file, line, column = finding.position
    return {
        "file": file,
        "line": line,
        "column": column,
        "severity": finding.severity,
        "rule": finding.rule,
        "message": finding.message,
        "fix": finding.fix,
    }


def as_github(finding: Finding) -> str:
    """Return a workflow command of GitHub Actions, which annotates the line."""
    file, line, column = finding.position
    keys = {"file": file, "line": line, "col": column, "title": finding.rule}
    said = ",".join(f"{key}={_property(str(value))}" for key, value in keys.items() if value)
    return f"::{finding.severity} {said}::{_data(f'{finding.message}. Fix: {finding.fix}')}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def written(findings: Iterable[Finding], form: str) -> str:
    """Return all findings in one of FORMATS; without findings, empty except in JSON."""
    if form == "json":
        return json.dumps([as_object(one) for one in findings], indent=2) + "\n"
    one_line = as_text if form == "text" else as_github
    return "".join(one_line(finding) + "\n" for finding in findings)
