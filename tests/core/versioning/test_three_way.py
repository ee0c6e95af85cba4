"""Laws of the merge of one object, for any contents."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from exact_core.versioning.branches.three_way import WHOLE, Content, Take, merge

VALUES = st.one_of(st.integers(0, 2), st.sampled_from(["", "a"]), st.none(), st.lists(st.integers(0, 1), max_size=1))
PLACES = ("attribute:size", "geometry", "text", "type")
CONTENTS = st.none() | st.dictionaries(st.sampled_from(PLACES), VALUES, max_size=4)
TAKES = st.sampled_from(list(Take))
OTHER = {Take.OURS: Take.THEIRS, Take.THEIRS: Take.OURS}
_LACKING = object()


def field(content: Content | None, name: str) -> Any:
    return _LACKING if content is None else content.get(name, _LACKING)


@given(CONTENTS, CONTENTS, TAKES)
def test_a_change_of_one_side_only_is_taken_and_the_same_change_is_no_conflict(
    base: Content | None, changed: Content | None, take: Take
) -> None:
    for merged in (merge(base, base, changed, take), merge(base, changed, base, take)):
        assert (merged.content, merged.conflicts) == (changed, ())
    same = merge(base, changed, changed, take)
    assert (same.content, same.conflicts) == (changed, ())


@given(CONTENTS, CONTENTS, CONTENTS, TAKES)
def test_swapping_the_sides_swaps_nothing_but_their_names(
    base: Content | None, ours: Content | None, theirs: Content | None, take: Take
) -> None:
    assert merge(base, ours, theirs, take) == merge(base, theirs, ours, OTHER[take])


@given(CONTENTS, CONTENTS, CONTENTS, TAKES)
def test_every_value_comes_from_a_side_and_is_not_the_one_that_was_given_up(
    base: Content | None, ours: Content | None, theirs: Content | None, take: Take
) -> None:
    content = merge(base, ours, theirs, take).content
    if content is None:
        assert ours is None or theirs is None
        return
    for name in PLACES:
        was, own, other, result = (field(each, name) for each in (base, ours, theirs, content))
        assert result in (own, other)
        if ours is not None and theirs is not None and own != other:
            assert result != was or (was is _LACKING and base is None)


@given(CONTENTS, CONTENTS, CONTENTS, TAKES)
def test_a_conflict_is_exactly_what_both_changed_differently(
    base: Content | None, ours: Content | None, theirs: Content | None, take: Take
) -> None:
    found = merge(base, ours, theirs, take)
    if base is None or ours is None or theirs is None:
        differ = ours != base and theirs != base and ours != theirs
        assert found.conflicts == ((WHOLE,) if differ else ())
        return
    expected = [
        name
        for name in PLACES
        if len([1 for each in (ours, theirs) if field(each, name) != field(base, name)]) == 2
        and field(ours, name) != field(theirs, name)
    ]
    assert list(found.conflicts) == expected
    winner = ours if take is Take.OURS else theirs
    assert found.content is not None
    assert all(field(found.content, name) == field(winner, name) for name in expected)


@given(CONTENTS, CONTENTS, CONTENTS, TAKES)
def test_merging_again_changes_nothing(
    base: Content | None, ours: Content | None, theirs: Content | None, take: Take
) -> None:
    once = merge(base, ours, theirs, take).content
    # As Git does: what was merged is the base of the next merge.
    again = merge(theirs, once, theirs, take)
    assert (again.content, again.conflicts) == (once, ())
    # The result knows every change of both sides: it also goes back where the changes came from without a question.
    back = merge(theirs, theirs, once, take)
    assert (back.content, back.conflicts) == (once, ())


def test_the_kinds_of_conflict_one_by_one() -> None:
    base = {"geometry": 1, "type": 1, "attribute:size": 3}
    moved, relabelled = {**base, "geometry": 2}, {**base, "type": 2}
    assert merge(base, moved, relabelled).content == {"geometry": 2, "type": 2, "attribute:size": 3}
    assert merge(base, moved, {**base, "geometry": 3}).conflicts == ("geometry",)
    for take, wins in ((Take.OURS, 2), (Take.THEIRS, 3)):
        both = merge(base, {**moved, "type": 7}, {**base, "geometry": 3}, take)
        assert both.content == {"geometry": wins, "type": 7, "attribute:size": 3}
    bare = {"geometry": 1, "type": 1}
    assert merge(base, bare, relabelled).content == {"geometry": 1, "type": 2}
    assert merge(base, bare, {**base, "attribute:size": 4}).conflicts == ("attribute:size",)
    assert merge(base, None, moved).conflicts == merge(base, moved, None).conflicts == (WHOLE,)
    assert merge(base, None, moved, Take.THEIRS).content == moved
    assert merge(base, None, moved).content is None
    assert merge(None, moved, relabelled).conflicts == (WHOLE,)
