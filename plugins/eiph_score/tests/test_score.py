"""The score's arithmetic, against numbers worked out by hand."""

from __future__ import annotations

import pytest
from exact_eiph_score.score import doucet_score
from hypothesis import given
from hypothesis import strategies as st

COUNTS = st.lists(st.integers(0, 10_000), min_size=5, max_size=5)


def test_the_score_is_one_hundred_times_the_mean_grade():
    # 100 * (0*100 + 1*80 + 2*60 + 3*40 + 4*20) / 300 = 133.33
    score = doucet_score([100, 80, 60, 40, 20], minimum=300)
    assert score.value == pytest.approx(133.3333, abs=1e-3)
    assert score.total == 300
    assert score.is_certain
    assert score.warning == ""


@pytest.mark.parametrize(("grade", "value"), [(0, 0.0), (1, 100.0), (4, 400.0)])
def test_cells_of_one_grade_alone_score_that_grade(grade, value):
    counts = [0] * 5
    counts[grade] = 7
    assert doucet_score(counts, minimum=1).value == value


def test_without_a_graded_cell_there_is_no_score():
    score = doucet_score([0] * 5, minimum=300)
    assert score.value is None
    assert "No graded cells" in score.warning


def test_one_cell_less_than_the_protocol_asks_for_is_a_warning_that_says_so():
    assert "299 of 300" in doucet_score([299, 0, 0, 0, 0], minimum=300).warning


@pytest.mark.parametrize("counts", [[1, 2, 3, 4], [1, 2, 3, 4, 5, 6], [1, 2, 3, 4, -1]])
def test_anything_but_five_counts_is_refused(counts):
    with pytest.raises(ValueError, match="five counts"):
        doucet_score(counts, minimum=300)


@given(COUNTS)
def test_the_score_lies_between_0_and_400_and_scales_out(counts):
    score = doucet_score(counts, minimum=300)
    assert (score.value is None) == (sum(counts) == 0)
    if score.value is not None:
        assert 0 <= score.value <= 400
        assert doucet_score([3 * count for count in counts], minimum=300).value == pytest.approx(score.value)
