"""Drivers: the one named implementation, loaded now and only in this process. stevedore does the loading."""

from __future__ import annotations

import importlib.metadata
from typing import Any

from stevedore import DriverManager
from stevedore.exception import MultipleMatches, NoMatches

from exact_core.api.errors import DriverError
from exact_core.kernel.dispatch import call_alone

IMAGE_SOURCES = "exact.image_sources"
"""Namespace of drivers that read pictures."""


def driver_names(namespace: str) -> frozenset[str]:
    """Names of the drivers that are installed; imports none of them."""
    return frozenset(entry.name for entry in importlib.metadata.entry_points(group=namespace))


def open_driver(namespace: str, name: str) -> Any:
    """Import the driver of that name.

    Args:
        namespace: The stevedore namespace, such as ``exact.image_sources``.
        name: The driver, as a row or a setting names it.

    Raises:
        DriverError: It is missing, installed twice, or fails to import.
    """
    failures: list[tuple[Any, BaseException]] = []
    manager, error = call_alone(
        lambda: DriverManager(
            namespace,
            name,
            invoke_on_load=False,
            on_missing_entrypoints_callback=lambda _missing: None,
            on_load_failure_callback=lambda _manager, entry, reason: failures.append((entry, reason)),
        )
    )
    if failures:
        entry, reason = failures[0]
        raise DriverError(f"The driver {name!r} ({entry.value}) cannot be imported: {reason!r}") from reason
    if isinstance(error, MultipleMatches):
        raise DriverError(f"The driver {name!r} is brought by several distributions: {_bringers(namespace, name)}.")
    if isinstance(error, NoMatches):
        known = ", ".join(sorted(driver_names(namespace))) or "none"
        raise DriverError(
            f"No driver {name!r} in {namespace}; installed: {known}. Install the distribution that brings it."
        )
    if error is not None:
        raise DriverError(f"The driver {name!r} of {namespace} cannot be loaded: {error!r}") from error
    return manager.driver


def _bringers(namespace: str, name: str) -> str:
    found = importlib.metadata.entry_points(group=namespace, name=name)
    return ", ".join(sorted({entry.dist.name if entry.dist else entry.value for entry in found}))
