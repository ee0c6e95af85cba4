"""Policies and scopes: what the answers of hooks become, and what one that fails does to the others."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, func, insert, select
from sqlalchemy.orm import Session

from exact_core.api.errors import PluginError, Refused, Unavailable
from exact_core.api.markers import hookimpl
from exact_core.kernel.activation import SetActivation
from exact_core.kernel.dispatch import Dispatcher, Personal, blamed_on
from exact_core.kernel.faults import FaultLog
from exact_core.kernel.signatures import new_plugin_manager
from exact_core.storage.database import Database

_notes = Table("note", MetaData(), Column("id", Integer, primary_key=True), Column("text", String, unique=True))


class Stage:
    """A dispatcher whose plugins are given as functions."""

    def __init__(self) -> None:
        self.manager = new_plugin_manager()
        self.faults = FaultLog()
        self.dispatcher = Dispatcher(self.manager, self.faults)

    def add(self, plugin: str, **hooks: Callable[..., Any]) -> None:
        """Register a plugin; later ones are called first, as in pluggy."""
        module = ModuleType(plugin)
        for name, function in hooks.items():
            setattr(module, name, hookimpl(function))
        self.manager.register(module, plugin)
        self.dispatcher.plugins_changed()

    def failures(self) -> list[tuple[str, str]]:
        """Plugin and message of each recorded fault, oldest first."""
        return [(fault.plugin, fault.message) for fault in reversed(self.faults.recent())]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def on(*plugins: str, image_set_id: int = 7, **more: Any) -> SetActivation:
    return SetActivation(image_set_id, frozenset(plugins), **more)


def fails(error: BaseException) -> Callable[[], Any]:
    def function() -> Any:
        raise error

    return function


def test_collect_gathers_answers_in_order_and_leaves_out_failures_and_none(stage: Stage) -> None:
    stage.add("d", exact_routers=lambda: ["d"])
    stage.add("c", exact_routers=fails(SystemExit(2)))
    stage.add("b", exact_routers=lambda: None)
    stage.add("a", exact_routers=lambda: ["a"])
    assert stage.dispatcher.collect("exact_routers", {}) == [("a", ["a"]), ("d", ["d"])]
    assert stage.failures() == [("c", "SystemExit: 2")]


def test_a_keyboard_interrupt_goes_through(stage: Stage) -> None:
    stage.add("a", exact_routers=fails(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        stage.dispatcher.collect("exact_routers", {})


def test_an_implementation_gets_only_the_arguments_it_asks_for(stage: Stage) -> None:
    stage.add("a", exact_image_sources=lambda head: head)
    stage.add("b", exact_image_sources=lambda head, path: (path, head))
    answers = stage.dispatcher.collect("exact_image_sources", {"path": "p", "head": b"h"})
    assert answers == [("b", ("p", b"h")), ("a", b"h")]


def test_chain_hands_each_answer_on_and_skips_failures_none_and_wrong_types(stage: Stage) -> None:
    stage.add("last", exact_tile_rendered=lambda tile: tile + "3")
    stage.add("wrong", exact_tile_rendered=lambda tile: 5)
    stage.add("silent", exact_tile_rendered=lambda tile: None)
    stage.add("broken", exact_tile_rendered=lambda tile: tile.no_such_thing)
    stage.add("first", exact_tile_rendered=lambda tile: tile + "1")
    everybody = on("first", "broken", "silent", "wrong", "last")
    assert stage.dispatcher.chain("exact_tile_rendered", "tile", {"tile": "0", "request": None}, everybody) == "013"
    assert [plugin for plugin, _ in stage.failures()] == ["broken", "wrong"]


def test_notify_tells_everybody_although_one_fails(stage: Stage) -> None:
    told: list[str] = []
    stage.add("b", exact_job_finished=lambda result: told.append("b"))
    stage.add("a", exact_job_finished=lambda result: 1 / 0)
    stage.dispatcher.notify("exact_job_finished", {"result": None}, on("a", "b"))
    assert told == ["b"]
    assert stage.faults.recent()[0].image_set_id == 7
    assert "1 / 0" in stage.faults.recent()[0].traceback


def test_each_plugin_gets_its_own_value_of_a_personal_argument(stage: Stage) -> None:
    got: dict[str, str] = {}
    for name in ("a", "b"):
        stage.add(name, exact_startup=lambda context, name=name: got.update({name: context}))
    # a default value would be refused by the loader; here it only binds the name
    stage.dispatcher.notify("exact_startup", {}, personal=Personal("context", {"a": "for a", "b": "for b"}))
    assert got == {"a": "for a", "b": "for b"}


def test_settings_are_those_of_the_plugin_in_the_image_set(stage: Stage) -> None:
    stage.add("a", exact_overlays=lambda settings: settings)
    stage.add("b", exact_overlays=lambda settings: settings)
    answers = stage.dispatcher.collect("exact_overlays", {"image": None}, on("a", "b", settings={"a": 1, "b": 2}))
    assert answers == [("b", 2), ("a", 1)]


def test_an_image_set_hook_reaches_only_plugins_that_are_on_there(stage: Stage) -> None:
    for name in ("a", "b", "core.part"):
        stage.add(name, exact_overlays=lambda: 1)
    calls = {which: stage.dispatcher.collect("exact_overlays", {"image": None}, on(*which)) for which in ("a", "b")}
    assert {which: [plugin for plugin, _ in answers] for which, answers in calls.items()} == {
        "a": ["core.part", "a"],
        "b": ["core.part", "b"],
    }


def test_an_image_set_hook_without_an_image_set_is_a_programming_error(stage: Stage) -> None:
    with pytest.raises(TypeError, match="say for which"):
        stage.dispatcher.collect("exact_overlays", {"image": None})


def test_a_hook_is_called_by_its_own_policy_only(stage: Stage) -> None:
    with pytest.raises(TypeError, match="is a collect hook, not a notify hook"):
        stage.dispatcher.notify("exact_overlays", {"image": None}, on())


def test_first_takes_the_first_answer_and_asks_the_next_when_one_fails(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from exact_core.api.markers import HookFacts, Policy, Scope
    from exact_core.kernel import dispatch
    from exact_core.kernel.signatures import Hook, all_hooks

    spec = all_hooks()["exact_routers"].spec
    one = Hook("exact_routers", HookFacts(Policy.FIRST, Scope.INSTANCE, "1.0"), (), spec)
    monkeypatch.setattr(dispatch, "all_hooks", lambda: {"exact_routers": one})
    stage.add("d", exact_routers=lambda: "never reached")
    stage.add("c", exact_routers=lambda: "answer")
    stage.add("b", exact_routers=fails(ValueError("no")))
    stage.add("a", exact_routers=lambda: None)
    assert stage.dispatcher.first("exact_routers", {}) == ("c", "answer")
    assert stage.failures() == [("b", "ValueError: no")]


def test_a_slow_hook_is_warned_about_once(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    slow = Dispatcher(stage.manager, stage.faults, slow_seconds=-1)
    stage.add("snail", exact_routers=lambda: [])
    with caplog.at_level(logging.WARNING, logger="exact.plugins"):
        slow.collect("exact_routers", {})
        slow.collect("exact_routers", {})
    assert [record.message.split(":")[0] for record in caplog.records] == ["Plugin snail is slow"]


# --- guards, on a real database --------------------------------------------------------------------------------


@pytest.fixture
def notes(database: Database) -> Database:
    """A table that guard hooks write to."""
    with database.migrating() as connection:
        _notes.metadata.create_all(connection)
    return database


def write(text: str) -> Callable[[Session], None]:
    def function(session: Session) -> None:
        session.execute(insert(_notes).values(text=text))

    return function


def texts(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(_notes.c.text).order_by(_notes.c.id)))


GUARD = "exact_annotations_changing"


def change(stage: Stage, database: Database, activation: SetActivation) -> None:
    """A change of the core's, with the guards asked before its commit."""
    with database.write() as session:
        write("core")(session)
        stage.dispatcher.guard(GUARD, session, {"changes": (), "actor": None}, activation)


def test_a_guard_that_fails_loses_only_its_own_writes(stage: Stage, notes: Database) -> None:
    def write_then_fail(session: Session) -> None:
        write("bug")(session)
        raise RuntimeError("bug")

    def fail_in_the_database(session: Session) -> None:
        write("twice")(session)
        write("twice")(session)

    stage.add("d", exact_annotations_changing=write("last"))
    stage.add("c", exact_annotations_changing=fail_in_the_database)
    stage.add("b", exact_annotations_changing=write_then_fail)
    stage.add("a", exact_annotations_changing=write("good"))
    change(stage, notes, on("a", "b", "c", "d"))
    assert texts(notes) == ["core", "good", "last"]
    assert [plugin for plugin, _ in stage.failures()] == ["b", "c"]


def test_a_refusal_undoes_everything_and_names_the_plugin(stage: Stage, notes: Database) -> None:
    def refuse(session: Session) -> None:
        raise Refused("the region is locked")

    stage.add("b", exact_annotations_changing=refuse)
    stage.add("a", exact_annotations_changing=write("good"))
    with pytest.raises(Refused) as refusal:
        change(stage, notes, on("a", "b"))
    assert (refusal.value.plugin, refusal.value.reason) == ("b", "the region is locked")
    assert texts(notes) == []
    assert stage.failures() == []


def test_a_required_plugin_that_fails_refuses_the_change(stage: Stage, notes: Database) -> None:
    stage.add("a", exact_annotations_changing=lambda session: 1 / 0)
    with pytest.raises(Unavailable, match="'a' is required"):
        change(stage, notes, on("a", required=frozenset({"a"})))
    assert texts(notes) == []
    assert [plugin for plugin, _ in stage.failures()] == ["a"]


def test_a_required_plugin_that_does_not_run_refuses_the_change(stage: Stage, notes: Database) -> None:
    with pytest.raises(Unavailable, match=r"'gone' is required .* not installed"):
        change(stage, notes, on(absent={"gone": "it is not installed"}))


@pytest.mark.parametrize("ending", ["commit", "rollback", "close", "reset", "invalidate"])
def test_a_guard_cannot_end_the_transaction(stage: Stage, notes: Database, ending: str) -> None:
    stage.add("a", exact_annotations_changing=lambda session: getattr(session, ending)())
    with notes.write() as session:
        write("core")(session)
        stage.dispatcher.guard(GUARD, session, {"changes": (), "actor": None}, on("a"))
        write("after")(session)
    assert texts(notes) == ["core", "after"]
    assert "must not end it" in stage.failures()[0][1]


def test_a_guard_that_ends_the_transaction_by_a_back_door_stops_the_change(stage: Stage, notes: Database) -> None:
    stage.add("a", exact_annotations_changing=lambda session: session.get_transaction().rollback())
    with pytest.raises(PluginError, match="'a' ended the transaction"):
        change(stage, notes, on("a"))
    assert texts(notes) == []


def test_a_guard_that_leaves_a_savepoint_open_and_fails_is_undone(stage: Stage, notes: Database) -> None:
    def nested(session: Session) -> None:
        session.begin_nested()
        write("inner")(session)
        raise RuntimeError

    stage.add("a", exact_annotations_changing=nested)
    change(stage, notes, on("a"))
    assert texts(notes) == ["core"]


def test_an_error_of_the_core_itself_is_not_blamed_on_a_plugin(stage: Stage, database: Database) -> None:
    from sqlalchemy.exc import IntegrityError

    from exact_core.storage.models import Team

    stage.add("a", exact_annotations_changing=lambda session: None)

    def two_teams_of_one_name() -> None:
        with database.write() as session:
            session.add_all([Team(name="x", folded_name="x"), Team(name="X", folded_name="x")])
            stage.dispatcher.guard(GUARD, session, {"changes": (), "actor": None}, on("a"))

    with pytest.raises(IntegrityError):
        two_teams_of_one_name()
    assert stage.failures() == []
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Team)) == 0


def test_only_the_named_plugin_is_asked_when_one_is_named(stage: Stage, notes: Database) -> None:
    for name in ("a", "b"):
        stage.add(name, exact_activation_changing=write(name))
    arguments = {"image_set_id": 1, "enabled": True, "settings": None, "actor": None}
    with notes.write() as session:
        stage.dispatcher.guard("exact_activation_changing", session, arguments, only="b")
    assert texts(notes) == ["b"]


def test_code_of_a_plugin_outside_of_hooks_is_blamed_on_it(stage: Stage) -> None:
    with pytest.raises(PluginError, match="'a' failed"), blamed_on(stage.faults, "a", "GET /x", 3, passes=(Refused,)):
        raise ZeroDivisionError
    with pytest.raises(Refused), blamed_on(stage.faults, "a", "GET /x", 3, passes=(Refused,)):
        raise Refused("no")
    assert [(fault.place, fault.image_set_id) for fault in stage.faults.recent("a")] == [("GET /x", 3)]
