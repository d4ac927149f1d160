"""The routes of a device, with `--drop` and `--keep`, compiled into the relay's table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from zmqdev.errors import UsageError
from zmqdev.options import socktype
from zmqdev.options.device import DeviceSpec
from zmqdev.options.layer import Written
from zmqdev.options.route import RouteSpec
from zmqdev.options.routes import DROP, REST, Rules, read_rules
from zmqdev.options.rows import MisplacedError, within
from zmqdev.options.side import Backend, Frontend
from zmqdev.options.suggest import near
from zmqdev.routing.condition import FrameMatch, Not
from zmqdev.routing.pattern import Pattern
from zmqdev.routing.table import Route, Table


class Targets(Protocol):
    """What routes are checked against: a resolved device, or only the names of its backends."""

    @property
    def targets(self) -> Mapping[str, Backend]: ...

    @property
    def frontend(self) -> Frontend: ...

    @property
    def on_full(self) -> str | None: ...

    @property
    def drop(self) -> tuple[Pattern, ...]: ...

    @property
    def keep(self) -> tuple[Pattern, ...]: ...


def rules_of(spec: DeviceSpec, written: Written) -> Rules:
    """Return the routes of a device, with its file read; UsageError names what is wrong."""
    if not isinstance(spec.routes, str):
        return Rules(spec.routes or (), spec.tests, spec.backends, written)
    read_ones = read_rules(spec.routes, written.place("routes"))
    return Rules(
        read_ones.routes,
        (*spec.tests, *read_ones.tests),
        {**read_ones.backends, **spec.backends},
        read_ones.written,
        read_ones.backends,
        read_ones.hook,
    )


def is_routed(spec: DeviceSpec) -> bool:
    """Whether the content of messages decides where they go. For resolved settings."""
    return bool(spec.routes or spec.drop or spec.keep or spec.backend.type is None)


def table_of(spec: Targets, rules: Rules) -> Table:
    """Return the table of a resolved device; UsageError names the route that is wrong."""
    if rules.hook is not None and (spec.drop or spec.keep):
        raise UsageError(f"{rules.hook.path}: drop and keep go with routes, not with a function")
    names = tuple(spec.targets)
    routes = [*_short(spec.drop, spec.keep)]
    make = _Compiler(spec, names, _waits_of_rest(spec))
    for number, row in enumerate(rules.routes):
        try:
            routes.append(make.route(row, number))
        except ValueError as error:
            found = within(error, number)
            place = rules.written.inside("routes", found.inside, of_key=found.of_key)
            raise UsageError(f"routes.{found}", place) from None
    rest = names.index(REST) if REST in names else None
    on_full = "drop" if spec.on_full == "drop" else "block"
    return Table(tuple(routes), names, rest, "drop" if on_full == "drop" else "block")


def _short(drop: Sequence[Pattern], keep: Sequence[Pattern]) -> Iterator[Route]:
    """Yield the routes of `--drop` and `--keep`, which precede all others."""
    if drop:
        yield Route("drop", (FrameMatch(0, tuple(drop)),))
    if keep:
        yield Route("keep", (Not((FrameMatch(0, tuple(keep)),)),))


def _waits_of_rest(spec: Targets) -> dict[str, tuple[str, bool]]:
    if REST not in spec.targets or spec.targets[REST].type not in socktype.PUBLISHERS:
        return {}
    return {REST: ("what no route takes", spec.on_full == "block")}


@dataclass(frozen=True)
class _Compiler:
    """`waits`: of each publisher the first that names it, and whether that waits for it."""

    spec: Targets
    names: tuple[str, ...]
    waits: dict[str, tuple[str, bool]]

    def route(self, row: RouteSpec, number: int) -> Route:
        targets = self._targets(row)
        for check in _CHECKS:
            check(self.spec, row)
        by = row.by
        if by is None and row.pick == "hash":
            by = 0
        name = row.name or str(number + 1)
        self._check_waits(row, name)
        return Route(
            name=name,
            conditions=row.match.conditions if row.match else (),
            targets=targets,
            pick=row.pick,  # type: ignore[arg-type]  # one of the choices
            copy=row.copy,
            on_full=self._on_full(row),
            share=row.share,
            rate=row.rate,
            by=by,
            rename=row.rename,
        )

    def _targets(self, row: RouteSpec) -> tuple[int, ...]:
        if row.to == (DROP,):
            return ()
        for place, name in enumerate(row.to):
            if name == DROP:
                raise MisplacedError("to: drop cannot be in a list", "to", place)
            if name not in self.names:
                hint = near(name, self.names) or f"; known are {', '.join((*self.names, DROP))}"
                raise MisplacedError(f"to: no backend {name!r}{hint}", "to", place)
            if name in row.to[:place]:
                raise MisplacedError(f"to: {name!r} is listed twice", "to", place)
        if not row.to:
            raise MisplacedError("to: name a backend, or drop", "to")
        return tuple(map(self.names.index, row.to))

    def _check_waits(self, row: RouteSpec, name: str) -> None:
        """A publisher that has dropped for a subscriber does not wait for it."""
        waits = self._on_full(row) == "block"
        for to in row.to:
            if to == DROP or self.spec.targets[to].type not in socktype.PUBLISHERS:
                continue
            other, does = self.waits.setdefault(to, (f"route {name}", waits))
            if does is waits:
                continue
            type_ = self.spec.targets[to].type
            raise MisplacedError(
                f"on-full: {other} {'waits' if does else 'does not wait'} for {to} and this route "
                f"{'waits' if waits else 'does not'}; {_one(type_)} does one or the other, write "
                "the same for both",
                "on-full",
            )

    def _on_full(self, row: RouteSpec) -> Any:
        device = "drop" if self.spec.on_full == "drop" else "block"
        return row.on_full or ("drop" if row.copy else device)


def _one(type_: str | None) -> str:
    return f"{'an' if type_ == 'XPUB' else 'a'} {type_}"


def _check_pick(spec: Targets, row: RouteSpec) -> None:
    if row.pick != "first":
        return
    for name in row.to:
        type_ = spec.targets[name].type
        if type_ in socktype.PUBLISHERS:
            raise MisplacedError(
                f"pick: {name} is {_one(type_)}, which always has room, so no other would get any",
                "pick",
            )


def _check_rename(spec: Targets, row: RouteSpec) -> None:
    if row.rename is None:
        return
    if spec.frontend.type == "XSUB":
        raise MisplacedError(
            "rename: subscriptions travel upstream and would have to be translated back; "
            "use --frontend-type SUB",
            "rename",
        )
    if row.rename.captured and not _has_star(row):
        raise MisplacedError("rename: {1} needs a `match: {topic: ...}` with a * in it", "rename")


def _has_star(row: RouteSpec) -> bool:
    """Whether each pattern for the topic has a star."""
    topics = [
        pattern
        for condition in (row.match.conditions if row.match else ())
        if isinstance(condition, FrameMatch) and condition.number == 0
        for pattern in condition.patterns
    ]
    return bool(topics) and all(len(pattern.segments) > 1 for pattern in topics)


def _check_by(spec: Targets, row: RouteSpec) -> None:
    counts = row.share != RouteSpec().share or row.rate or row.pick == "hash"
    if row.by is not None and not counts:
        raise MisplacedError("by: the key of share, rate or pick: hash; none of them is here", "by")


def _check_drop(spec: Targets, row: RouteSpec) -> None:
    given = {"copy": row.copy, "rename": row.rename, "on-full": row.on_full}
    for word, value in given.items():
        if row.to == (DROP,) and value:
            raise MisplacedError(f"{word}: not with `to: drop`; remove it", word)


_CHECKS: tuple[Callable[[Targets, RouteSpec], None], ...] = (
    _check_drop,
    _check_pick,
    _check_rename,
    _check_by,
)
