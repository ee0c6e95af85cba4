"""Which annotation types mean which grade."""

from __future__ import annotations

import pytest
from exact_eiph_score.settings import EiphSettings
from pydantic import ValidationError


@pytest.mark.parametrize(("name", "grade"), [("0", 0), ("Grade 3", 3), ("  grade 4 ", 4)])
def test_types_are_recognised_whatever_their_capitals(name, grade):
    assert EiphSettings().grade_of(name) == grade


@pytest.mark.parametrize("name", ["Neutrophil", "", "grade", "10", "Grade 44"])
def test_other_types_have_no_grade(name):
    assert EiphSettings().grade_of(name) is None


def test_a_lab_can_name_its_own_types():
    settings = EiphSettings(grade_2="Siderophage mässig, S2")
    assert settings.grade_of("siderophage MÄSSIG") == 2
    assert settings.grade_of("Grade 2") is None


def test_an_unknown_setting_is_refused():
    with pytest.raises(ValidationError):
        EiphSettings.model_validate({"minimum": 300})
