"""The conformance suite cannot be thinned out in silence, and it fails for a plugin that does not conform."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import pytest
from exact_sdk import conformance
from exact_sdk.clean_load import CleanLoad
from exact_sdk.conformance import PluginConformance
from exact_sdk.examination import examine
from exact_sdk.fakedist import FakeDistributions
from exact_sdk.rules import LIVING, STILL
from exact_sdk.sample import sample
from pydantic import BaseModel, Field

INHERITED = [name for name in vars(PluginConformance) if name.startswith("test_")]


def test_there_is_one_test_for_each_check() -> None:
    named = {name.removeprefix("test_") for name in INHERITED}
    assert named == {*STILL, *LIVING, "no_test_was_taken_out"}
    assert len(INHERITED) >= 25


def replaced(self: Any) -> None:
    """Another test under an inherited name."""


def of_its_own() -> Any:
    """A test that can be marked without marking those of others."""

    def test(self: Any) -> None: ...

    return test


class Mixin:
    test_it_loads = replaced


@pytest.mark.parametrize(
    ("bases", "body", "said"),
    [
        ((), {"test_it_loads": None}, "test_it_loads is gone"),
        ((), {"test_it_loads": replaced}, "test_it_loads is another one"),
        ((), {"test_no_test_was_taken_out": replaced}, "test_no_test_was_taken_out is another one"),
        ((Mixin,), {}, "test_it_loads is another one"),
        ((), {"test_it_loads": pytest.mark.skip(reason="late")(of_its_own())}, "test_it_loads is another one"),
        ((), {"test_it_loads": pytest.mark.xfail(of_its_own())}, "test_it_loads is another one"),
        ((), {"__test__": False}, "keeps pytest from running it"),
        ((), {"pytestmark": pytest.mark.skip(reason="late")}, "leaves out all of it"),
    ],
    ids=["dropped", "replaced", "guard replaced", "shadowed", "skipped", "no reason", "not collected", "class skipped"],
)
def test_a_suite_that_lost_a_test_is_no_class(bases: tuple[type, ...], body: dict[str, Any], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        type("Thinned", (*bases, PluginConformance), body)


def test_what_is_taken_out_later_fails_in_the_suite() -> None:
    suite = type("Whole", (PluginConformance,), {})
    suite().test_no_test_was_taken_out()
    suite.test_it_loads = None  # type: ignore[attr-defined]
    with pytest.raises(AssertionError):
        suite().test_no_test_was_taken_out()


def test_a_test_may_be_marked_as_failing_for_a_reason() -> None:
    marked = pytest.mark.xfail(reason="waits for issue 12")(of_its_own())
    suite = type("Marked", (PluginConformance,), {"test_its_keys_are_free": marked})
    suite().test_no_test_was_taken_out()


MISBEHAVING = '''"""A plugin that loads and does everything else wrong."""
from typing import Any
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from exact_core.api import *
from exact_core.api.deps import ImageSetAccess

router, open_to_all = APIRouter(), APIRouter()

class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    when: Any = None

class Body(BaseModel):
    count: int

@router.get("/crash", summary="Fails")
def crash() -> dict[str, int]:
    return {"share": 1 // 0}

@router.post("/reset", summary="Looks away")
def reset(access: ImageSetAccess, body: Body) -> dict[str, int]:
    try:
        access.require("manners.reset")
    except Forbidden:
        pass
    return {}

@router.post("/keep", summary="Keeps to its right")
def keep(access: ImageSetAccess, body: Body) -> dict[str, int]:
    access.require("annotate")
    return {}

@hookimpl
def exact_plugin_info():
    return PluginInfo("Bad manners", settings=Settings)

@hookimpl
def exact_routers():
    return [PluginRouter(router)]

@hookimpl
def exact_permissions():
    return [Permission("manners.reset", "Reset"), Permission("manners.nothing", "For nothing")]

@hookimpl
def exact_statistics(region):
    return [Statistic("other.count", "Count", 1)]

@hookimpl
def exact_activation_changing(enabled):
    if not enabled:
        raise Refused("never")
'''
WRONG = {
    "it_names_the_core_it_was_made_for",
    "its_settings_can_be_drawn_as_a_form",
    "its_rights_are_asked_for",
    "its_rights_are_enforced",
    "its_routes_are_gone_where_it_is_off",
    "its_routes_answer_an_empty_image",
    "its_answers_are_named_after_it",
    "nothing_it_did_failed",
}


def test_a_plugin_with_bad_manners_fails_where_it_has_them_and_only_there(
    fake_distributions: FakeDistributions,
) -> None:
    fake_distributions.add("manners", MISBEHAVING, requires=("exact-core",))
    report = examine("manners", full=True, measured=CleanLoad(seconds=0.01))
    assert {each.rule for each in report.problems} == WRONG
    crash = next(each for each in report.problems if each.rule == "its_routes_answer_an_empty_image")
    assert crash.place.endswith("plugin.py:18")
    (looked_away,) = (each for each in report.problems if each.rule == "its_rights_are_enforced")
    assert "POST /reset answers 200 to a reviewer, who lacks the right 'manners.reset'" in looked_away.message
    (unasked,) = (each for each in report.problems if each.rule == "its_rights_are_asked_for")
    assert "'manners.nothing'" in unasked.message
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        conformance._hold(report.problems)


NEEDED = """from exact_core.api import *

@hookimpl
def exact_plugin_info():
    return PluginInfo("Needed")
"""
NEEDING = NEEDED.replace('"Needed"', '"Needing", requires=("needed",)')


def test_a_plugin_is_looked_at_together_with_those_that_it_requires(fake_distributions: FakeDistributions) -> None:
    fake_distributions.add("needed", NEEDED)
    fake_distributions.add("needing", NEEDING)
    report = examine("needing", full=True, measured=CleanLoad(seconds=0.01))
    assert (report.problems, report.not_checked) == ([], [])


class Inner(BaseModel):
    kind: Literal["box", "point"]
    size: float = Field(gt=2)


class Outer(BaseModel):
    inner: Inner
    many: list[Inner] = Field(min_length=2)
    name: str = Field(min_length=3)
    number: int = Field(ge=7, le=9)
    maybe: UUID | None
    when: datetime
    left_out: int = 3


def test_a_sample_of_a_model_is_one_that_the_model_accepts() -> None:
    schema = Outer.model_json_schema()
    made = sample(schema, schema["$defs"])
    assert "left_out" not in made
    assert len(Outer.model_validate(made).many) == 2
