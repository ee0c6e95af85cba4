"""Reading all annotations of an image, and the past: as it was at a revision, whatever came after."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy.orm import Session

from exact_core.annotations.access import rights_in
from exact_core.annotations.counts import Area, by_type_and_author, in_region
from exact_core.annotations.geometry import Box
from exact_core.annotations.scope import EVERYTHING, ReadScope, read_scope
from exact_core.annotations.streaming import stream
from exact_core.annotations.views import ViewRequest, view
from tests.core.annotations import wire_reader
from tests.core.annotations.conftest import Lab

WHOLE = Area(0, 0, 20_000, 10_000)


def _scope(lab: Lab, session: Session, who: str = "ann") -> ReadScope:
    return read_scope(session, lab.people[who], lab.image_id, rights_in(session))


def _read(lab: Lab, at: int | None = None) -> list[tuple[int, int, Box, str, dict[str, object]]]:
    with lab.database.read() as session:
        scope = _scope(lab, session)
        scope = scope if at is None else scope.as_of(at)
        return [(each.id, each.type_id, each.box, each.text, each.attributes) for each in stream(session, scope)]


def test_the_past_stays_as_it_was_after_edits_and_deletions(lab: Lab) -> None:
    first, second = lab.draw("ann", 10, 10, 30, 30, text="first"), lab.draw("ben", 5000, 4000, 5050, 4040)
    then = second["revision"]
    before = _read(lab)
    assert [each[3] for each in before] == ["first", ""]
    moved = {"shape": "box", "points": [[9000, 9000], [9100, 9100]]}
    lab.change("ann", {"op": "update", "id": first["id"], "geometry": moved, "type_id": lab.types["Nucleus"]})
    lab.change("ben", {"op": "delete", "id": second["id"]})
    lab.draw("ben", 70, 70, 90, 90)
    assert _read(lab, then) == before
    assert len(_read(lab)) == 2
    assert _read(lab) != before


def test_counts_and_views_of_the_past_agree_with_its_rows(lab: Lab) -> None:
    for number in range(12):
        last = lab.draw("ann" if number % 3 else "ben", 700 * number, 10, 700 * number + 30, 40)
    lab.change("lead", {"op": "create", "uuid": "00000000-0000-4000-8000-000000000001",
                        "type_id": lab.types["Slide"], "geometry": {"shape": "image"}})  # fmt: skip
    then = last["revision"] + 1
    with lab.database.read() as session:
        live = _scope(lab, session)
        expected = by_type_and_author(session, live, EVERYTHING)
        grid = sorted(in_region(session, live, WHOLE, EVERYTHING, 2048))
        whole_view = view(session, live, ViewRequest(Box(0, 0, 19_999, 9_999)))
    lab.change("lead", {"op": "delete", "id": last["id"]})
    lab.draw("ben", 9000, 9000, 9100, 9100)
    with lab.database.read() as session:
        past = _scope(lab, session).as_of(then)
        assert by_type_and_author(session, past, EVERYTHING) == expected
        assert _summed(in_region(session, past, WHOLE, EVERYTHING, 2048)) == _summed(iter(grid))
        shown = view(session, past, ViewRequest(Box(0, 0, 19_999, 9_999)))
        assert wire_reader.read(shown).ids() == wire_reader.read(whole_view).ids()
        assert wire_reader.read(shown).header["revision"] == then


def test_the_order_is_the_same_every_time(lab: Lab) -> None:
    for number in range(30):
        lab.draw("ann", 19_000 - 600 * number, 300 * number, 19_030 - 600 * number, 300 * number + 30)
    once, again = _read(lab), _read(lab)
    assert once == again
    assert len({each[0] for each in once}) == 30


def _summed(counts: Iterator[tuple[int, int, int, int]]) -> dict[tuple[int, int, int], int]:
    found: dict[tuple[int, int, int], int] = {}
    for type_id, column, row, n in counts:
        found[type_id, column, row] = found.get((type_id, column, row), 0) + n
    return found
