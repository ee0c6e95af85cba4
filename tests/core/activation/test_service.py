"""Switching plugins in image sets: who may, what is checked, who is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from exact_sdk.fakedist import FakeDistributions
from sqlalchemy import select

from exact_core.activation import service
from exact_core.activation.service import Switch, change_switch
from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from exact_core.kernel import Kernel
from exact_core.storage.database import Database
from exact_core.storage.models import ImageSetPlugin

Make = Callable[..., Any]


@pytest.fixture
def admin(make_user: Make) -> Actor:
    return make_user("root", is_admin=True)


@pytest.fixture
def manager(make_user: Make) -> Actor:
    return make_user("mary")


@pytest.fixture
def image_set(make_image_set: Make, manager: Actor) -> int:
    return make_image_set(roles={manager: "manager"})


@pytest.fixture
def switch(database: Database, kernel: Kernel, image_set: int, manager: Actor) -> Callable[..., Switch]:
    """``switch("counts", enabled=True)`` as the set's manager, or ``actor=``, ``image_set_id=``."""

    def change(plugin: str, *, actor: Actor | None = None, image_set_id: int | None = None, **changes: Any) -> Switch:
        where = image_set if image_set_id is None else image_set_id
        return change_switch(database, kernel, actor or manager, where, plugin, **changes)

    return change


def listed(database: Database, kernel: Kernel, image_set_id: int) -> dict[str, Switch]:
    with database.read() as session:
        return {each.name: each for each in service.list_switches(session, kernel, image_set_id)}


def heard(kernel: Kernel) -> list[Any]:
    return kernel.records["counts"].module.heard  # type: ignore[attr-defined]


def refuse(kernel: Kernel, reason: str) -> None:
    kernel.records["counts"].module.refuse = reason  # type: ignore[attr-defined]


def test_switching_on_takes_effect_at_once_and_only_there(
    switch: Make, kernel: Kernel, image_set: int, make_image_set: Make
) -> None:
    other = make_image_set()
    assert kernel.activation.enabled(image_set) == kernel.activation.enabled(other) == frozenset()
    answer = switch("counts", enabled=True, settings={"minimum": 7})
    assert (answer.enabled, answer.is_running, answer.settings, answer.problem) == (True, True, {"minimum": 7}, "")
    assert kernel.activation.enabled(image_set) == {"counts"}
    assert kernel.activation.of(image_set).settings["counts"].minimum == 7
    assert kernel.activation.enabled(other) == frozenset()
    switch("counts", enabled=False)
    assert kernel.activation.enabled(image_set) == frozenset()


def test_another_process_sees_the_switch_when_it_looks(
    switch: Make, kernel_of: Callable[[], Kernel], image_set: int
) -> None:
    other = kernel_of()
    assert other.activation.enabled(image_set) == frozenset()
    switch("counts", enabled=True)
    other.activation.look()
    assert other.activation.enabled(image_set) == {"counts"}


def test_settings_stay_while_a_plugin_is_off_and_defaults_are_not_frozen(
    switch: Make, database: Database, image_set: int
) -> None:
    switch("counts", enabled=True)
    with database.read() as session:
        assert session.scalars(select(ImageSetPlugin.settings)).all() == [{}]
    switch("counts", settings={"minimum": 9})
    switch("counts", enabled=False)
    assert switch("counts", enabled=True).settings == {"minimum": 9}


@pytest.mark.parametrize("values", [{"minimum": -1}, {"minimum": "many"}, {"colour": "red"}])
def test_settings_that_are_not_valid_are_refused_and_nothing_changes(
    switch: Make, kernel: Kernel, image_set: int, values: dict[str, Any]
) -> None:
    with pytest.raises(Invalid, match=next(iter(values))):
        switch("counts", enabled=True, settings=values)
    with pytest.raises(Invalid, match=next(iter(values))):
        switch("counts", settings=values)
    assert kernel.activation.enabled(image_set) == frozenset()


def test_a_plugin_is_switched_on_after_what_it_needs_and_off_before_it(switch: Make) -> None:
    with pytest.raises(Conflict, match="'needy' needs counts"):
        switch("needy", enabled=True)
    switch("counts", enabled=True)
    switch("needy", enabled=True)
    with pytest.raises(Conflict, match="'counts' is needed by needy"):
        switch("counts", enabled=False)
    switch("needy", enabled=False)
    switch("counts", enabled=False)


def test_neighbours_are_listed(switch: Make, database: Database, kernel: Kernel, image_set: int) -> None:
    switch("counts", enabled=True)
    switch("needy", enabled=True)
    found = listed(database, kernel, image_set)
    assert found["counts"].required_by == ["needy"]
    assert found["needy"].requires == ["counts"]
    assert found["counts"].settings_schema["properties"]["minimum"]["title"] == "Smallest count"
    assert (found["counts"].updated_by, found["needy"].settings_schema) == ("Mary", None)


def test_the_plugin_is_asked_inside_the_transaction_and_can_refuse(
    switch: Make, kernel: Kernel, image_set: int
) -> None:
    switch("counts", enabled=True, settings={"minimum": 4})
    assert heard(kernel) == [(image_set, True, 4, "mary")]
    refuse(kernel, "a job is running")
    with pytest.raises(Refused, match="a job is running") as refusal:
        switch("counts", enabled=False)
    assert refusal.value.plugin == "counts"
    assert kernel.activation.enabled(image_set) == {"counts"}


def test_a_plugin_that_fails_when_asked_does_not_stop_the_switch(switch: Make, kernel: Kernel, image_set: int) -> None:
    switch("counts", enabled=True)
    refuse(kernel, "bug")
    switch("counts", enabled=False)
    assert kernel.activation.enabled(image_set) == frozenset()
    assert [fault.message for fault in kernel.faults.recent("counts")] == ["RuntimeError: bug"]


def test_only_who_manages_the_set_can_switch(switch: Make, make_user: Make, make_image_set: Make) -> None:
    annotator = make_user("anna")
    shared = make_image_set(roles={annotator: "annotator"})
    with pytest.raises(Forbidden):
        switch("counts", enabled=True, actor=annotator, image_set_id=shared)
    with pytest.raises(NotFound):
        switch("counts", enabled=True, actor=annotator)


def test_only_an_administrator_marks_a_plugin_as_required(
    switch: Make, kernel: Kernel, image_set: int, admin: Actor
) -> None:
    switch("counts", enabled=True)
    with pytest.raises(Forbidden, match="administrator"):
        switch("counts", required=True)
    assert switch("counts", required=True, actor=admin).required
    assert kernel.activation.of(image_set).required == {"counts"}
    with pytest.raises(Invalid, match="switch it on"):
        switch("needy", required=True, actor=admin)
    switch("counts", settings={"minimum": 1})
    assert kernel.activation.of(image_set).required == {"counts"}
    assert not switch("counts", enabled=False).required


def test_an_unknown_plugin_is_not_found_and_an_unloadable_one_cannot_be_switched_on(
    switch: Make,
    fakes: FakeDistributions,
    kernel_of: Callable[[], Kernel],
    database: Database,
    image_set: int,
    admin: Actor,
) -> None:
    with pytest.raises(NotFound, match="'nonsense'"):
        switch("nonsense", enabled=True)
    fakes.add("broken", "import nothing_like_it")
    with pytest.raises(Invalid, match="not loaded"):
        change_switch(database, kernel_of(), admin, image_set, "broken", enabled=True)


def test_an_uninstalled_plugin_keeps_its_row_and_can_be_switched_off(
    switch: Make,
    fakes: FakeDistributions,
    kernel_of: Callable[[], Kernel],
    database: Database,
    image_set: int,
    admin: Actor,
) -> None:
    switch("counts", enabled=True, settings={"minimum": 8})
    switch("counts", required=True, actor=admin)
    for folder in fakes.folder.glob("exact_counts-*"):
        (folder / "entry_points.txt").unlink()
    kernel = kernel_of()
    found = listed(database, kernel, image_set)["counts"]
    assert (found.state, found.enabled, found.is_running, found.required) == ("missing", True, False, True)
    assert list(kernel.activation.of(image_set).absent) == ["counts"]
    with pytest.raises(Invalid, match="not installed"):
        change_switch(database, kernel, admin, image_set, "counts", settings={"minimum": 1})
    change_switch(database, kernel, admin, image_set, "counts", enabled=False)
    assert kernel.activation.of(image_set).absent == {}
    assert switch("counts", enabled=True).settings == {"minimum": 8}  # installed again: nothing was lost


def test_settings_that_an_older_version_stored_and_that_are_no_longer_valid_are_said(
    switch: Make, kernel: Kernel, database: Database, image_set: int
) -> None:
    switch("counts", enabled=True)
    switch("needy", enabled=True)
    with database.write() as session:
        session.get(ImageSetPlugin, (image_set, "counts")).settings = {"minimum": -5}
    found = listed(database, kernel, image_set)
    assert (found["counts"].state, found["counts"].enabled, found["counts"].is_running) == (
        "misconfigured",
        True,
        False,
    )
    assert "minimum" in found["counts"].problem
    assert (found["needy"].is_running, "needs counts" in found["needy"].problem) == (False, True)
    assert switch("counts", settings={"minimum": 5}).state == "loaded"
    assert kernel.activation.enabled(image_set) == {"counts", "needy"}


def test_a_product_suggests_plugins_and_switches_none_on(
    database: Database, kernel: Kernel, make_team: Make, make_image_set: Make, make_product: Make
) -> None:
    team = make_team()
    suited, plain = make_image_set(team), make_image_set(team)
    make_product(team, "eiph", image_sets=[suited])
    with database.read() as session:
        assert [each.name for each in service.suggestions(session, kernel, suited)] == ["counts"]
        assert service.suggestions(session, kernel, plain) == []
    assert kernel.activation.enabled(suited) == frozenset()
