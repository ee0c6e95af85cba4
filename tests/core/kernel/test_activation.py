"""What is on in an image set, read at call time and fresh within a second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from exact_sdk.fakedist import FakeDistributions

from exact_core.api.errors import Invalid, Unavailable
from exact_core.kernel import Kernel
from exact_core.kernel.activation import Activation, ActivationRow, validate_settings

KernelOf = Callable[..., Kernel]

COUNTS = """
    from pydantic import BaseModel, ConfigDict
    from exact_core.api import PluginInfo, hookimpl

    class Settings(BaseModel):
        model_config = ConfigDict(extra="forbid", frozen=True)
        minimum: int = 3

    def migrate(data, version):
        return {"minimum": data["at_least"]}

    @hookimpl
    def exact_plugin_info():
        return PluginInfo("Counts", settings=Settings, settings_version=2, migrate_settings=migrate)

    @hookimpl
    def exact_tile_rendered(tile): ...
"""
PLAIN = """
    from exact_core.api import PluginInfo, hookimpl

    @hookimpl
    def exact_plugin_info():
        return PluginInfo("Plain", requires={requires}, default_enabled={default})
"""


class Switches:
    """An activation store whose rows are set by the test, and which counts how often it is asked."""

    def __init__(self) -> None:
        self.sets: dict[int, list[ActivationRow]] = {}
        self.number = 0
        self.reads = 0
        self.is_away = False

    def change(self, image_set_id: int, *rows: ActivationRow) -> None:
        self.sets[image_set_id] = list(rows)
        self.number += 1

    def epoch(self) -> int:
        if self.is_away:
            raise Unavailable("the database is away")
        return self.number

    def rows(self, image_set_id: int) -> tuple[int, list[ActivationRow]]:
        self.reads += 1
        return self.epoch(), self.sets.get(image_set_id, [])


@pytest.fixture
def switches() -> Switches:
    return Switches()


@pytest.fixture
def kernel(fakes: FakeDistributions, kernel_of: KernelOf, switches: Switches) -> Kernel:
    fakes.add("counts", COUNTS)
    fakes.add("needy", PLAIN.format(requires=("counts",), default=False))
    fakes.add("always", PLAIN.format(requires=(), default=True))
    fakes.add("broken", "import nothing_like_it")
    return kernel_of(activation_store=switches)


def row(plugin: str, enabled: bool = True, **more: Any) -> ActivationRow:
    return ActivationRow(plugin, enabled, **{"settings_version": 2, **more})


def test_without_a_row_a_plugin_is_what_it_is_by_default(kernel: Kernel, switches: Switches) -> None:
    assert kernel.activation.enabled(1) == {"always"}
    switches.change(1, row("always", False), row("counts"))
    kernel.activation.look()
    assert kernel.activation.enabled(1) == {"counts"}
    assert kernel.activation.enabled(2) == {"always"}


def test_a_plugin_that_does_not_run_is_a_problem_of_the_set_and_not_on(kernel: Kernel, switches: Switches) -> None:
    switches.change(1, row("broken", required=True), row("gone"), row("needy"))
    state = kernel.activation.of(1)
    assert state.enabled == {"always"}
    assert sorted(state.problems) == ["broken", "gone", "needy"]
    assert "not installed" in state.problems["gone"]
    assert "needs counts" in state.problems["needy"]
    assert list(state.absent) == ["broken"]


def test_invalid_stored_settings_stop_the_plugin_in_that_set_only(kernel: Kernel, switches: Switches) -> None:
    switches.change(1, row("counts", settings={"minimum": "many"}), row("needy"))
    switches.change(2, row("counts", settings={"minimum": 9}), row("needy"))
    assert kernel.activation.enabled(1) == {"always"}
    assert "minimum" in kernel.activation.of(1).problems["counts"]
    assert kernel.activation.enabled(2) == {"always", "counts", "needy"}
    assert kernel.activation.of(2).settings["counts"].minimum == 9


def test_settings_of_an_older_version_are_migrated(kernel: Kernel, switches: Switches) -> None:
    switches.change(1, row("counts", settings={"at_least": 5}, settings_version=1))
    switches.change(2, row("counts", settings={}, settings_version=1))
    assert kernel.activation.of(1).settings["counts"].minimum == 5
    assert "could not be migrated" in kernel.activation.of(2).problems["counts"]


def test_the_tile_key_is_empty_without_a_tile_plugin_and_changes_with_its_settings(
    kernel: Kernel, switches: Switches
) -> None:
    assert kernel.hooks.tile_key(1) == ""
    keys = set()
    for number, minimum in enumerate((1, 2, 1), start=2):
        switches.change(number, row("counts", settings={"minimum": minimum}))
        keys.add(kernel.hooks.tile_key(number))
    assert len(keys) == 2
    assert "" not in keys


def test_answers_come_from_memory_until_the_epoch_rises(kernel: Kernel, switches: Switches) -> None:
    clock = [0.0]
    activation = Activation(switches, lambda: kernel.records, lambda _name: False, lambda: clock[0])
    for _ in range(100):
        activation.enabled(1)
    assert switches.reads == 1
    switches.change(1, row("counts"))
    assert activation.enabled(1) == {"always"}  # not looked yet
    clock[0] = 0.6
    assert activation.enabled(1) == {"always", "counts"}
    clock[0] = 1.2
    assert activation.enabled(1) == {"always", "counts"}
    assert switches.reads == 2


def test_a_change_of_this_process_is_seen_at_once(kernel: Kernel, switches: Switches) -> None:
    kernel.activation.enabled(1)
    switches.change(1, row("counts"))
    kernel.activation.expire()
    assert "counts" in kernel.activation.enabled(1)


def test_a_change_while_somebody_looks_at_the_epoch_is_seen_at_once_too(kernel: Kernel, switches: Switches) -> None:
    assert kernel.activation.enabled(1) == {"always"}

    class Slow(Switches):
        def epoch(self) -> int:
            number = switches.epoch()
            switches.change(1, row("counts"))  # after the number was read, before it is taken
            kernel.activation.expire()
            return number

    kernel.activation._store = Slow()
    kernel.activation.look()
    kernel.activation._store = switches
    assert kernel.activation.enabled(1) == {"always", "counts"}


def test_while_the_store_is_away_memory_answers_for_two_seconds_only(kernel: Kernel, switches: Switches) -> None:
    clock = [0.0]
    activation = Activation(switches, lambda: kernel.records, lambda _name: False, lambda: clock[0])
    activation.enabled(1)
    switches.is_away = True
    clock[0] = 1.9
    assert activation.enabled(1) == {"always"}
    clock[0] = 2.1
    with pytest.raises(Unavailable, match="try again"):
        activation.enabled(1)
    switches.is_away = False
    assert activation.enabled(1) == {"always"}


def test_the_background_thread_sees_a_change_within_a_second(kernel: Kernel, switches: Switches) -> None:
    import time

    kernel.startup()
    try:
        kernel.activation.enabled(1)
        switches.change(1, row("counts"))
        deadline = time.monotonic() + 1.0
        while "counts" not in kernel.activation.enabled(1):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        kernel.shutdown()


def test_settings_that_are_not_valid_name_each_field(kernel: Kernel) -> None:
    with pytest.raises(Invalid, match=r"minimum: .*; colour: "):
        validate_settings(kernel.records["counts"], {"minimum": "many", "colour": "red"})
    with pytest.raises(Invalid, match="has no settings"):
        validate_settings(kernel.records["always"], {"x": 1})
