"""Checks of the settings of sub and pull: printing, checking stamps, a command, or a report."""

from __future__ import annotations

from zmqdev.errors import UsageError
from zmqdev.options.endpoint import ClientSpec, Dialogue, Pull, Receiving, Sub
from zmqdev.options.endpoint_groups import Endpoint
from zmqdev.options.executing import Executing
from zmqdev.options.layer import Written
from zmqdev.options.output import Choosing
from zmqdev.options.security_check import mechanism


def checks(spec: Endpoint) -> bool:
    """Whether stamped messages are checked."""
    return isinstance(spec, (Sub, Pull)) and (
        spec.check
        or any(
            value is not None
            for value in (spec.expect, spec.max_loss, spec.min_rate, spec.max_latency)
        )
    )


def check(spec: Endpoint, written: Written) -> None:
    """Raise UsageError for contradictions."""
    if isinstance(spec, (Sub, Pull, ClientSpec, Dialogue)):
        _check_output_format(spec, written)
    if isinstance(spec, (Sub, Pull)):
        for one in (_check_proof, _check_command, _check_choice):
            one(spec, written)
    if isinstance(spec, Sub) and spec.report_topics:
        _check_report(spec, written)


def _check_output_format(spec: Receiving | ClientSpec | Dialogue, written: Written) -> None:
    if spec.output_format is not None and spec.format != "text":
        raise UsageError(
            "output-format and format both say how a message is printed; leave one out",
            written.place("output-format", "format"),
        )


def _check_proof(spec: Receiving, written: Written) -> None:
    if checks(spec) and spec.expect is not None and spec.count is not None:
        raise UsageError(
            "expect and count both say when it ends; leave one out", written.place("expect")
        )


def _with_exec(spec: Receiving) -> dict[str, bool]:
    """Return {key: whether an option that needs a command differs from its default}.

    It does not ask whether it was written: a file from --print-config has every key.
    """
    return {
        "exec-timeout": spec.exec_timeout != Executing.exec_timeout,
        "jobs": spec.jobs != Executing.jobs,
        "exec-output": spec.exec_output,
        "push": bool(spec.push),
        "pub": bool(spec.pub),
    }


def _check_command(spec: Receiving, written: Written) -> None:
    if spec.exec is None:
        for key, differs in _with_exec(spec).items():
            if differs:
                raise UsageError(f"{key} needs --exec COMMAND", written.place((key,)) or None)
        return
    if checks(spec):
        raise UsageError(
            "exec and check cannot be given together; run two programs", written.place("exec")
        )
    if (spec.push or spec.pub) and mechanism(spec) != "null":
        raise UsageError(
            "push and pub have no encryption; pipe --exec-output into `zmqdev push`",
            written.place("push", "pub"),
        )


def _check_choice(spec: Receiving, written: Written) -> None:
    if spec.dump_name != Choosing.dump_name and spec.dump is None:
        raise UsageError("dump-name needs --dump DIR", written.place("dump-name"))
    if spec.dump is not None and spec.output_format is not None:
        raise UsageError(
            "dump and output-format cannot be given together", written.place("output-format")
        )
    others = {"match": spec.match, "until-match": spec.until_match, "dump": spec.dump}
    for key, value in others.items():
        if value is not None and (spec.exec is not None or spec.check or spec.expect is not None):
            raise UsageError(
                f"{key} cannot be given with --exec, --check or --expect", written.place(key)
            )


def _check_report(spec: Sub, written: Written) -> None:
    """Refuse other output options beside a report."""
    others = {
        "exec": spec.exec,
        "check": spec.check,
        "expect": spec.expect,
        "match": spec.match,
        "until-match": spec.until_match,
        "dump": spec.dump,
        "output-format": spec.output_format,
    }
    for key, value in others.items():
        if value:
            raise UsageError(
                f"report-topics counts messages and prints none; leave out {key}",
                written.place("report-topics"),
            )
    if spec.format not in ("text", "json"):
        raise UsageError(
            "report-topics writes a table; --format json gives a line of JSON a topic",
            written.place("format"),
        )
