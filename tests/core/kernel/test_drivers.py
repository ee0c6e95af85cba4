"""Drivers by name: one answer or one clear message."""

from __future__ import annotations

import pytest
from exact_sdk.fakedist import FakeDistributions

from exact_core.api.errors import DriverError
from exact_core.kernel.drivers import driver_names, open_driver

SPACE = "exact.test_drivers"


@pytest.fixture(autouse=True)
def fresh_stevedore(monkeypatch: pytest.MonkeyPatch) -> None:
    """stevedore remembers entry points for the life of a process; a test is a life of its own."""
    from stevedore import _cache
    from stevedore.extension import ExtensionManager

    monkeypatch.setattr(_cache, "_c", _cache.Cache())
    monkeypatch.setattr(ExtensionManager, "ENTRY_POINT_CACHE", {})


def add(fakes: FakeDistributions, name: str, source: str, driver: str = "reader") -> None:
    fakes.add(name, files={"driver.py": source}, entry_points={SPACE: {driver: f"exact_{name}.driver:Driver"}})


def test_the_named_driver_is_imported_and_no_other(fakes: FakeDistributions) -> None:
    add(fakes, "one", "class Driver: kind = 'one'")
    add(fakes, "two", "raise SystemExit('must not be imported')", driver="other")
    assert open_driver(SPACE, "reader").kind == "one"
    assert driver_names(SPACE) == {"reader", "other"}


def test_a_missing_driver_is_said_with_what_is_there(fakes: FakeDistributions) -> None:
    add(fakes, "one", "class Driver: ...")
    with pytest.raises(DriverError, match=r"No driver 'writer' .* installed: reader"):
        open_driver(SPACE, "writer")


@pytest.mark.parametrize("source", ["import nothing_like_it", "assert False", "raise SystemExit(1)", "Other = 1"])
def test_a_driver_that_cannot_be_imported_is_said(fakes: FakeDistributions, source: str) -> None:
    add(fakes, "bad", source)
    with pytest.raises(DriverError, match="'reader'"):
        open_driver(SPACE, "reader")


def test_a_driver_that_two_distributions_bring_names_both(fakes: FakeDistributions) -> None:
    add(fakes, "one", "class Driver: ...")
    add(fakes, "two", "class Driver: ...")
    with pytest.raises(DriverError, match="exact-one, exact-two"):
        open_driver(SPACE, "reader")
