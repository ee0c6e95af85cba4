"""Searching for cells by their grade, as SQL, and for those of images by the score of the image."""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel
from sqlalchemy import ColumnElement, case, func, null, select

from exact_core.api import AnnotationReader, ImageInfo, Region, SearchRow
from exact_core.api.tables import core
from exact_eiph_score.service import score_region
from exact_eiph_score.settings import GRADES, EiphSettings


def grade_of_row(row: SearchRow, settings: BaseModel | None) -> ColumnElement[int]:
    """The grade 0 to 4 of an annotation's type under the settings of the image set; null for other types."""
    chosen = cast("EiphSettings", settings)
    kind = core.AnnotationType
    name = func.lower(func.trim(kind.name))
    graded = case(*((name.in_(chosen.names_of(grade)), grade) for grade in GRADES), else_=null())
    return select(graded).where(kind.id == row.type_id).scalar_subquery()


def score_of_image(reader: AnnotationReader, image: ImageInfo, settings: BaseModel | None) -> float | None:
    """The score of all cells of an image that the person who searches may see."""
    everywhere = Region.whole(image, z=-1, t=-1)
    return score_region(reader, everywhere, cast("EiphSettings", settings)).value
