"""Everything that can be said of a plugin without starting it, or, when wanted, with an instance around it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from exact_core.kernel.dispatch import call_alone
from exact_sdk.checks import loading
from exact_sdk.clean_load import LIMIT_SECONDS, CleanLoad, finished_load, start_clean_load
from exact_sdk.problems import CannotCheck, Problem
from exact_sdk.rules import LIVING, STILL
from exact_sdk.subject import Subject

_MEASURED = {
    "it_loads_quickly": loading.it_loads_quickly,
    "it_imports_no_heavy_library": loading.it_imports_no_heavy_library,
}


@dataclass(slots=True)
class Report:
    """What was found in a plugin.

    Attributes:
        name: The plugin.
        version: Of its distribution.
        distribution: That brings it.
        state: How far it got while loading.
        checks: How many checks were made.
        problems: What to mend.
        not_checked: Checks that could not be made, each with the reason.
        seconds: How long it took.
    """

    name: str
    version: str
    distribution: str
    state: str
    checks: int = 0
    problems: list[Problem] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """The report as plain values."""
        names = ("rule", "message", "place", "remedy")
        return {
            "name": self.name,
            "version": self.version,
            "distribution": self.distribution,
            "state": self.state,
            "is_good": not self.problems,
            "checks": self.checks,
            "problems": [{name: getattr(each, name) for name in names} for each in self.problems],
            "not_checked": self.not_checked,
            "seconds": round(self.seconds, 2),
        }


def examine(name: str, *, full: bool = False, measured: CleanLoad | None = None) -> Report:
    """Make every check of a plugin.

    Args:
        name: The plugin.
        full: Also start an instance with it and look how it behaves.
        measured: What importing it costs, when that is known already.

    Raises:
        LookupError: It is not installed.
    """
    started = time.monotonic()
    subject = Subject(name)
    record = subject.record
    # What cannot be loaded here cannot be loaded there either.
    importing = start_clean_load(subject.module) if measured is None and record.state.is_running else None
    report = Report(name, record.version, record.distribution, record.state.value)
    for rule, check in STILL.items():
        if rule not in _MEASURED:
            _make(report, rule, check, subject)
    load = measured or (finished_load(importing) if importing else CleanLoad())
    if load.seconds > LIMIT_SECONDS and not load.heavy and measured is None:
        load = loading.measure(subject)  # the machine may have been busy with the other checks
    if record.state.is_running:
        for rule, measured_check in _MEASURED.items():
            _make(report, rule, partial(measured_check, measured=load), subject)
    if full and record.state.is_running:
        _look_at_it_alive(report, subject)
    report.seconds = time.monotonic() - started
    return report


def _look_at_it_alive(report: Report, subject: Subject) -> None:
    from exact_sdk.world import World

    with TemporaryDirectory(prefix="exact-check-") as folder, World(subject, Path(folder)) as world:
        checks: Mapping[str, Callable[[Any], Iterable[Problem]]] = LIVING
        for rule, check in checks.items():
            _make(report, rule, check, world)


def _make(report: Report, rule: str, check: Callable[[Any], Iterable[Problem]], subject: Any) -> None:
    report.checks += 1
    found, error = call_alone(lambda: list(check(subject)))
    if isinstance(error, CannotCheck):
        report.not_checked.append(f"{rule}: {error}")
    elif error is not None:
        report.problems.append(Problem(f"{type(error).__name__}: {error}", rule=rule))
    else:
        report.problems += [replace(each, rule=rule) for each in found]
