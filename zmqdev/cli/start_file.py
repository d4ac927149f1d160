"""Run a file: read and check it, start its parts and watch them."""

from __future__ import annotations

import logging
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from zmqdev.cli import child
from zmqdev.cli.start_device import engine_for, metrics_extra
from zmqdev.device.device import make_context
from zmqdev.errors import UsageError
from zmqdev.options.control_keys import door_of
from zmqdev.options.device import DeviceSpec
from zmqdev.options.fleet import FleetSpec
from zmqdev.options.layer import Layer
from zmqdev.report.log import logging_to_stderr
from zmqdev.report.parts import Screen
from zmqdev.supervisor import dry_run
from zmqdev.supervisor.beside import FleetControl, FleetReady, FleetSystemd
from zmqdev.supervisor.children import Children
from zmqdev.supervisor.runner import Surroundings
from zmqdev.supervisor.supervisor import Beside, Fleet
from zmqdev.supervisor.watch import FileWatch
from zmqdev.system import atomic_file
from zmqdev.system.loop import Loop
from zmqdev.system.signals import STOPPING, Signals, terminals
from zmqdev.topology.check import check
from zmqdev.topology.finding import ERROR, Finding
from zmqdev.topology.links import Plan, plan
from zmqdev.topology.picture import picture
from zmqdev.topology.placement import in_threads
from zmqdev.topology.read import Topology, survey
from zmqdev.topology.selection import chosen

log = logging.getLogger("zmqdev")
# SIGCHLD reports at once that a part has ended.
NUMBERS = (*STOPPING, signal.SIGHUP, signal.SIGCHLD)


@dataclass(frozen=True)
class Invocation:
    """The command line of `run`; `over` has the settings from flags and the environment."""

    file: str
    names: tuple[str, ...]
    only: bool
    over: Layer


def read(asked: Invocation) -> tuple[Plan, list[Finding]]:
    """Return the selected parts and the warnings; raises UsageError for the first error."""
    topology = survey(asked.file, over=asked.over)
    findings = check(topology)
    errors = [finding for finding in findings if finding.severity == ERROR]
    if errors:
        raise UsageError(_with_more(errors), errors[0].place)
    return chosen(plan(topology), asked.names, only=asked.only), findings


def _with_more(errors: Sequence[Finding]) -> str:
    first = errors[0].message
    more = len(errors) - 1
    return f"{first} ({more} more: `zmqdev check` has them all)" if more else first


def rehearse(asked: Invocation) -> bool:
    """Open and close every socket; return True when all could be opened."""
    made, _ = read(asked)
    well = True
    for line, right in dry_run.rehearse(made, engine_for):
        click.echo(line, err=not right)
        well = well and right
    return well


def run(asked: Invocation) -> int:
    """Run a file and return the exit status."""
    loop = Loop()
    # The fork server starts before there is a ZeroMQ context, and loads its modules
    # meanwhile.
    children = Children(loop, child.by_fork, child.by_exec)
    try:
        return _run(asked, loop, children)
    finally:
        children.close()


def _run(asked: Invocation, loop: Loop, children: Children) -> int:
    made, findings = read(asked)
    fleet_spec = made.topology.fleet
    _check_until(made.topology, fleet_spec)
    with (
        Signals(NUMBERS) as signals,
        logging_to_stderr(fleet_spec),
        atomic_file.scratch("zmqdev-run-") as directory,
    ):
        for finding in findings:
            log.warning("%s: %s [%s]", finding.place, finding.message, finding.rule)
        context = make_context(_io_threads(made), *_devices(made))
        screen = Screen(fleet_spec.stats, counts=fleet_spec.metrics is not None)
        around = Surroundings(
            loop, Path(directory), context, screen.heard, engine_for, children, screen.interval
        )
        fleet = Fleet(
            made,
            around,
            beside=_beside(made, screen),
            reread=partial(_reread, asked),
            until=fleet_spec.until,
        )
        fleet.loop.watch(signals, partial(_signalled, signals, fleet, terminals()))
        status = fleet.run(fleet_spec.duration)
        context.term()
    return status


def _io_threads(made: Plan) -> int:
    """Return the I/O threads of the context that devices in threads share: the most of any."""
    return max((spec.io_threads for spec in _devices(made)), default=1)


def _devices(made: Plan) -> list[DeviceSpec]:
    """Return the devices that run in threads of this process."""
    own = in_threads(made)
    devices = (part.device for part in made.topology.parts if part.name in own)
    return [spec for spec in devices if spec is not None]


def _beside(made: Plan, screen: Screen) -> list[Beside]:
    spec = made.topology.fleet
    found: list[Beside] = [screen]
    if spec.control != "off":
        found.append(FleetControl(made.topology.control_name, spec.control, door_of(spec)))
    if spec.metrics:
        found.append(_metrics(spec.metrics, made, screen))
    if spec.ready_file:
        found.append(FleetReady(spec.ready_file))
    found.append(FleetSystemd())
    if spec.watch:
        found.append(FileWatch())
    return found


def _metrics(place: str, made: Plan, screen: Screen) -> Beside:
    with metrics_extra():
        from zmqdev.report.run_metrics import RunMetrics
    from zmqdev.report.graph_svg import svg

    return RunMetrics(place, screen.subjects, svg(picture(made)))


def _check_until(topology: Topology, spec: FleetSpec) -> None:
    if spec.until is not None and not topology.named(spec.until):
        raise UsageError(f"until: no part {spec.until!r}", topology.files[0])


def _signalled(signals: Signals, fleet: Fleet, before: list[int]) -> None:
    for number in signals.take():
        if number == signal.SIGHUP and signals.window_closed(before):
            fleet.stop()  # the terminal was closed
        elif number == signal.SIGHUP:
            fleet.reload()
        elif number != signal.SIGCHLD:
            fleet.stop()
    fleet.look()


def _reread(asked: Invocation) -> Plan:
    made, findings = read(asked)
    for finding in findings:
        log.warning("%s: %s [%s]", finding.place, finding.message, finding.rule)
    return made
