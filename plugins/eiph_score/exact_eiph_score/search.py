"""Searching for cells by grade: the grade that a cell's type stands for, as SQL."""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel
from sqlalchemy import ColumnElement, case, func, null, select

from exact_core.api import SearchRow
from exact_core.api.tables import core
from exact_eiph_score.settings import GRADES, EiphSettings


def grade_of_row(row: SearchRow, settings: BaseModel | None) -> ColumnElement[int]:
    """The grade 0 to 4 of an annotation's type under the settings of the image set; null for other types."""
    chosen = cast("EiphSettings", settings)
    kind = core.AnnotationType
    name = func.lower(func.trim(kind.name))
    graded = case(*((name.in_(chosen.names_of(grade)), grade) for grade in GRADES), else_=null())
    return select(graded).where(kind.id == row.type_id).scalar_subquery()
