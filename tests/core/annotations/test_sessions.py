"""Sessions: the pure rule, and that reading only a part of the log finds the same ones."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert

from exact_core.annotations import sessions
from exact_core.annotations.sessions import PAUSE, Act, sessions_between, split
from exact_core.storage.models import ChangeSet
from tests.core.annotations.conftest import Lab

START = datetime(2026, 3, 1, 9, tzinfo=UTC)


def acts(*minutes: float) -> list[Act]:
    return [Act(number, START + timedelta(minutes=each)) for number, each in enumerate(minutes, 1)]


def test_half_an_hour_without_a_change_ends_a_session() -> None:
    found = split(acts(0, 29.9, 59.8, 89.8, 100))
    assert [(one.first_revision, one.last_revision, one.n_change_sets) for one in found] == [(1, 3, 3), (4, 5, 2)]
    assert (found[0].began_at, found[0].ended_at) == (START, START + timedelta(minutes=59.8))
    assert split([]) == []


@given(st.lists(st.integers(0, 60), max_size=60))
def test_every_change_is_in_exactly_one_session_and_pauses_are_between_them(pauses: list[int]) -> None:
    minutes = [float(sum(pauses[: number + 1])) for number in range(len(pauses))]
    given_acts = acts(*minutes)
    found = split(given_acts)
    assert sum(one.n_change_sets for one in found) == len(given_acts)
    at = {act.revision: act.at for act in given_acts}
    for one in found:
        inside = [at[revision] for revision in range(one.first_revision, one.last_revision + 1)]
        assert all(later - earlier < PAUSE for earlier, later in itertools.pairwise(inside))
    for one, following in itertools.pairwise(found):
        assert following.began_at - one.ended_at >= PAUSE
        assert following.first_revision == one.last_revision + 1


def test_sessions_are_whole_whatever_part_of_the_log_is_asked_for(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_BATCH", 3)  # so that the log is read in many parts
    ann, ben = lab.people["ann"].user_id, lab.people["ben"].user_id
    own = [act for act in acts(*(10 * n + 40 * (n // 7) for n in range(40))) if act.revision % 3]
    with lab.database.write() as session:
        rows = [
            {"revision": revision, "at": at, "actor_id": ann if (revision, at) in own else ben, "run": ""}
            for revision, at in acts(*(10 * n + 40 * (n // 7) for n in range(40)))
        ]
        rows += [{"revision": 41, "at": START + timedelta(minutes=1), "actor_id": ann, "run": "a model"}]
        log = {"image_set_id": lab.image_set_id, "image_id": lab.image_id, "kind": "edit", "reason": "", "n_changes": 1}
        session.execute(insert(ChangeSet), [log | row for row in rows])
    whole = split(own)
    assert len(whole) > 3
    with lab.database.read() as session:
        for low, high in ((1, 40), (5, 5), (11, 20), (40, 40), (3, 3)):
            found = sessions_between(session, lab.image_set_id, ann, low, high)
            touched = [one for one in whole if one.first_revision <= high and one.last_revision >= low]
            inside = [act for act in own if low <= act.revision <= high]
            assert found == (touched if inside else [])
