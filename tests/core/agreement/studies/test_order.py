"""The random orders of studies: complete, balanced, and the same again for the same seed."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exact_core.agreement.studies.order import balanced_square, plan

designs = st.tuples(
    st.integers(1, 40), st.integers(1, 12), st.integers(1, 5), st.sampled_from(["within", "between"]),
    st.sampled_from(["latin", "block"]), st.integers(0, 2**31 - 1),
)  # fmt: skip


@given(designs)
def test_everybody_reads_every_image_once_and_the_seed_decides(design):
    images, people, arms, assignment, order, seed = design

    def make(seed):
        return plan(images, people, arms, assignment=assignment, order=order, seed=seed)

    turns = make(seed)
    assert len(turns) == people
    for own in turns:
        assert sorted(turn.image for turn in own) == list(range(images))
        assert all(0 <= turn.arm < arms for turn in own)
    assert make(seed) == turns


@pytest.mark.parametrize("order", ["latin", "block"])
@pytest.mark.parametrize("arms", [2, 3, 4])
def test_within_participants_every_image_meets_every_arm_equally_often(arms, order):
    people = len(balanced_square(arms)) * arms
    turns = plan(arms * 5, people, arms, assignment="within", order=order, seed=3)
    met = Counter((turn.image, turn.arm) for own in turns for turn in own)
    assert set(met.values()) == {people // arms}
    for own in turns:
        assert set(Counter(turn.arm for turn in own).values()) == {5}


@pytest.mark.parametrize("arms", [2, 3, 4, 5, 6])
def test_the_square_is_balanced_for_place_and_for_what_came_before(arms):
    rows = balanced_square(arms)
    assert len(rows) == (arms if arms % 2 == 0 else 2 * arms)
    for place in range(arms):
        assert set(Counter(row[place] for row in rows).values()) == {len(rows) // arms}
    after = Counter(pair for row in rows for pair in pairwise(row))
    assert len(set(after.values())) == 1
    assert len(after) == arms * (arms - 1)


def test_latin_orders_read_one_arm_after_the_other():
    (first, second) = plan(10, 2, 2, assignment="within", order="latin", seed=1)
    assert [turn.arm for turn in first] == [0] * 5 + [1] * 5
    assert [turn.arm for turn in second] == [1] * 5 + [0] * 5


def test_blocks_hold_each_arm_once():
    for own in plan(12, 4, 3, assignment="within", order="block", seed=1):
        for block in range(4):
            assert {turn.arm for turn in own[3 * block : 3 * block + 3]} == {0, 1, 2}


@pytest.mark.parametrize("people", [1, 7, 20])
def test_between_participants_the_groups_are_about_equal(people):
    turns = plan(5, people, 3, assignment="between", order="block", seed=9)
    arms = [{turn.arm for turn in own} for own in turns]
    assert all(len(each) == 1 for each in arms)
    sizes = Counter(each.pop() for each in arms)
    assert max(sizes.values()) - min(sizes.get(arm, 0) for arm in range(3)) <= 1


def test_another_seed_gives_another_order_and_each_participant_has_their_own():
    first = plan(30, 3, 2, assignment="within", order="block", seed=1)
    other = plan(30, 3, 2, assignment="within", order="block", seed=2)
    assert first != other
    assert len({tuple(turn.image for turn in own) for own in first}) == 3
