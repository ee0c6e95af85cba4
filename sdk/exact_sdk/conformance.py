"""Tests that every plugin inherits: ``class TestMine(PluginConformance): plugin = "mine"``.

A test that does not hold for a plugin is marked ``xfail`` with a reason; it cannot be dropped or replaced in silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import pytest

from exact_sdk.checks import assets, contributed, living, loading, routes, tables
from exact_sdk.clean_load import CleanLoad
from exact_sdk.problems import CannotCheck, Problem
from exact_sdk.subject import Subject
from exact_sdk.world import World


class PluginConformance:
    """What EXACT asks of a plugin, as tests. One running instance is shared by the tests of a class.

    Attributes:
        plugin: Name of the plugin, as its entry point has it.
    """

    plugin: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        lost = _lost(cls)
        if lost:
            raise TypeError(f"{cls.__name__} is no conformance suite any more: {'; '.join(lost)}")

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls) -> Subject:
        """The plugin, loaded without a database."""
        assert cls.plugin, 'say which plugin is tested: plugin = "my_plugin"'
        return Subject(cls.plugin)

    @pytest.fixture(scope="class")
    @classmethod
    def clean_load(cls, subject: Subject) -> CleanLoad:
        """What importing it costs and brings along, in a process of its own."""
        return loading.measure(subject)

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
        """A running instance with the plugin on in one image set."""
        if subject.record.state != "loaded":
            pytest.fail(f"the plugin is {subject.record.state}: {subject.record.reason}")
        with World(subject, tmp_path_factory.mktemp("conformance")) as world:
            yield world

    def test_no_test_was_taken_out(self) -> None:
        assert not _lost(type(self))

    def test_it_loads(self, subject: Subject) -> None:
        _hold(loading.it_loads(subject))

    def test_it_loads_without_warnings(self, subject: Subject) -> None:
        _hold(loading.it_loads_without_warnings(subject))

    def test_it_loads_quickly(self, subject: Subject, clean_load: CleanLoad) -> None:
        _hold(loading.it_loads_quickly(subject, clean_load))

    def test_it_imports_no_heavy_library(self, subject: Subject, clean_load: CleanLoad) -> None:
        _hold(loading.it_imports_no_heavy_library(subject, clean_load))

    def test_it_names_the_core_it_was_made_for(self, subject: Subject) -> None:
        _hold(loading.it_names_the_core_it_was_made_for(subject))

    def test_it_imports_only_the_contract(self, subject: Subject) -> None:
        _hold(loading.it_imports_only_the_contract(subject))

    def test_its_ids_start_with_its_name(self, subject: Subject) -> None:
        _hold(contributed.its_ids_start_with_its_name(subject))

    def test_its_dotted_texts_lead_to_functions(self, subject: Subject) -> None:
        _hold(contributed.its_dotted_texts_lead_to_functions(subject))

    def test_its_settings_have_defaults(self, subject: Subject) -> None:
        _hold(contributed.its_settings_have_defaults(subject))

    def test_its_settings_survive_being_stored(self, subject: Subject) -> None:
        _hold(contributed.its_settings_survive_being_stored(subject))

    def test_its_settings_can_be_drawn_as_a_form(self, subject: Subject) -> None:
        _hold(contributed.its_settings_can_be_drawn_as_a_form(subject))

    def test_its_rights_are_asked_for(self, subject: Subject) -> None:
        _hold(contributed.its_rights_are_asked_for(subject))

    def test_its_jobs_say_what_they_take(self, subject: Subject) -> None:
        _hold(contributed.its_jobs_say_what_they_take(subject))

    def test_its_search_fields_give_sql(self, subject: Subject) -> None:
        _hold(contributed.its_search_fields_give_sql(subject))

    def test_its_keys_are_free(self, subject: Subject) -> None:
        _hold(contributed.its_keys_are_free(subject))

    def test_its_tables_start_with_its_name(self, subject: Subject) -> None:
        _hold(tables.its_tables_start_with_its_name(subject))

    def test_its_foreign_keys_never_hold_the_core_back(self, subject: Subject) -> None:
        _hold(tables.its_foreign_keys_never_hold_the_core_back(subject))

    def test_its_migrations_go_up_and_down(self, subject: Subject) -> None:
        _hold(tables.its_migrations_go_up_and_down(subject))

    def test_its_migrations_stand_alone(self, subject: Subject) -> None:
        _hold(tables.its_migrations_stand_alone(subject))

    def test_its_routes_are_described(self, subject: Subject) -> None:
        _hold(routes.its_routes_are_described(subject))

    def test_its_routes_can_be_described_alone(self, subject: Subject) -> None:
        _hold(routes.its_routes_can_be_described_alone(subject))

    def test_its_routes_never_block(self, subject: Subject) -> None:
        _hold(routes.its_routes_never_block(subject))

    def test_its_assets_are_there(self, subject: Subject) -> None:
        _hold(assets.its_assets_are_there(subject))

    def test_its_assets_can_be_served(self, subject: Subject) -> None:
        _hold(assets.its_assets_can_be_served(subject))

    def test_its_files_are_in_its_wheel(self, subject: Subject) -> None:
        _hold(assets.its_files_are_in_its_wheel(subject))

    def test_its_browser_modules_parse(self, subject: Subject) -> None:
        _hold(assets.its_browser_modules_parse(subject))

    def test_its_entry_exports_activate(self, subject: Subject) -> None:
        _hold(assets.its_entry_exports_activate(subject))

    def test_its_imports_can_be_found(self, subject: Subject) -> None:
        _hold(assets.its_imports_can_be_found(subject))

    def test_its_styles_stay_in_its_panels(self, subject: Subject) -> None:
        _hold(assets.its_styles_stay_in_its_panels(subject))

    def test_its_routes_need_a_login(self, world: World) -> None:
        _hold(living.its_routes_need_a_login(world))

    def test_its_routes_are_hidden_from_strangers(self, world: World) -> None:
        _hold(living.its_routes_are_hidden_from_strangers(world))

    def test_its_routes_change_nothing_for_readers(self, world: World) -> None:
        _hold(living.its_routes_change_nothing_for_readers(world))

    def test_its_rights_are_enforced(self, world: World) -> None:
        _hold(living.its_rights_are_enforced(world))

    def test_its_routes_are_gone_where_it_is_off(self, world: World) -> None:
        _hold(living.its_routes_are_gone_where_it_is_off(world))

    def test_its_routes_answer_an_empty_image(self, world: World) -> None:
        _hold(living.its_routes_answer_an_empty_image(world))

    def test_switching_it_keeps_its_settings(self, world: World) -> None:
        _hold(living.switching_it_keeps_its_settings(world))

    def test_its_browser_files_are_served(self, world: World) -> None:
        _hold(living.its_browser_files_are_served(world))

    def test_its_answers_are_named_after_it(self, world: World) -> None:
        _hold(living.its_answers_are_named_after_it(world))

    def test_drawing_goes_on_beside_it(self, world: World) -> None:
        _hold(living.drawing_goes_on_beside_it(world))

    def test_taking_it_away_leaves_the_core_whole(self, world: World) -> None:
        _hold(living.taking_it_away_leaves_the_core_whole(world))

    def test_nothing_it_did_failed(self, world: World) -> None:
        _hold(living.nothing_it_did_failed(world))


def _hold(problems: Iterable[Problem]) -> None:
    try:
        found = list(problems)
    except CannotCheck as reason:
        pytest.skip(str(reason))
    assert not found, "\n" + "\n".join(map(str, found))


def _lost(suite: type[PluginConformance]) -> list[str]:
    """What a suite does not have as it was inherited, unless it is marked as failing with a reason."""
    lost = []
    for name, inherited in vars(PluginConformance).items():
        if not name.startswith("test_"):
            continue
        own = getattr(suite, name, None)
        if own is inherited or _fails_for_a_reason(own):
            continue
        how = "is gone" if own is None else "is another one"
        lost.append(f"{name} {how} (mark it @pytest.mark.xfail(reason=...) when it cannot hold)")
    if vars(suite).get("__test__", True) is False:
        lost.append("__test__ = False keeps pytest from running it")
    marks = getattr(suite, "pytestmark", [])
    for mark in marks if isinstance(marks, list) else [marks]:
        if mark.name in ("skip", "skipif"):
            lost.append(f"pytest.mark.{mark.name} leaves out all of it")
    return lost


def _fails_for_a_reason(test: Any) -> bool:
    marks = getattr(test, "pytestmark", [])
    return callable(test) and any(mark.name == "xfail" and mark.kwargs.get("reason") for mark in marks)
