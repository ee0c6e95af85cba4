"""What changed, in words."""

from __future__ import annotations

from dataclasses import replace

from exact_core.annotations.describing import Touched, of_change_set, of_many, of_shape, union
from exact_core.annotations.geometry import Box, parse
from exact_core.annotations.scope import Frame, ImageFacts
from exact_core.annotations.states import State

FACTS = ImageFacts(1, 1, "a", 1000, 1000, 5, 5, 5, "cooperative", is_locked=False, revision=1)
NAMES = {1: "Mitosis", 2: "Cell"}


def state(*points: tuple[int, int], shape: str = "polygon", **more: object) -> State:
    geometry = parse({"shape": shape, "points": list(points) or [(10, 10), (50, 10), (30, 60)]}, 1000, 1000)
    made = State.of(geometry, FACTS, 1, Frame(0, 0, -1), "", {})
    return replace(made, **more)


def said(before: State | None, after: State | None, *, is_new: bool = False) -> list[str]:
    return of_shape(before, after, NAMES, is_new=is_new)


def test_beginning_and_end_of_a_shape() -> None:
    assert said(None, state(), is_new=True) == ["Drew Mitosis"]
    assert said(None, state()) == ["Brought back Mitosis"]
    assert said(state(), None) == ["Deleted Mitosis"]
    assert said(state(type_id=9), None) == ["Deleted a shape"]


def test_a_shape_that_keeps_its_form_was_moved_and_any_other_was_reshaped() -> None:
    here = state((10, 10), (50, 10), (30, 60))
    assert said(here, state((22, 7), (62, 7), (42, 57))) == ["Moved by 12, −3 px"]
    assert said(here, state((10, 10), (50, 10), (30, 61))) == ["Reshaped"]
    assert said(here, state((10, 10), (50, 10), (40, 30), (30, 60))) == ["Reshaped"]
    assert said(here, state((10, 10), (60, 60), shape="box")) == ["Changed from polygon to box"]


def test_everything_that_changed_is_said() -> None:
    before = state(text="sure", attributes={"grade": 2, "old": True})
    after = replace(
        before, type_id=2, frame=Frame(1, -1, -1), text="not sure", attributes={"grade": 3, "new": "x " * 80}
    )
    relabelled, plane, point, remark, grade, new, old = said(before, after)
    assert relabelled == "Relabelled Mitosis → Cell"
    assert (plane, point) == ("Focus plane 0 → 1", "Time point 0 → all")
    assert remark == "Remark: “sure” → “not sure”"
    assert (grade, old) == ("grade: 2 → 3", "old: yes → nothing")
    assert new.startswith("new: x x")
    assert new.endswith("…")
    assert said(before, replace(before, text=""))[0] == "Removed the remark “sure”"
    assert said(before, before) == ["Nothing"]


def test_a_change_set_is_said_by_what_is_most_in_it() -> None:
    box, other = Box(0, 0, 5, 5), Box(3, 3, 8, 9)
    touched = [
        *(Touched(n, None, 1, None, box) for n in range(1200)),
        Touched(2000, 1, None, other, None),
        Touched(2001, 1, 2, box, box),
        Touched(2002, 1, 1, box, other),
        Touched(2003, 1, 1, box, box),
    ]
    first, *rest, last = of_change_set("edit", touched, NAMES)
    assert first == "Drew 1,200 × Mitosis"
    assert rest == ["Deleted Mitosis", "Relabelled Mitosis → Cell", "Moved or reshaped Mitosis"]
    assert last == "and 1 more"
    assert of_change_set("undo", touched[:2], NAMES) == ["Brought back 2 × Mitosis"]
    assert of_change_set("edit", [], NAMES) == ["Nothing"]
    assert of_many("model", 100_000) == ["A model added 100,000 shapes"]
    assert union(touched) == (0, 0, 8, 9)
    assert union([]) is None
