"""The scores of all images of an image set: one row per image, and the same as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.api import AnnotationReader
from exact_core.api.tables import core
from exact_eiph_score.score import Score, doucet_score
from exact_eiph_score.service import counts_by_grade
from exact_eiph_score.settings import EiphSettings

_HEADS = ("image_id", "image", "score", "cells", "grade_0", "grade_1", "grade_2", "grade_3", "grade_4", "is_certain")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class ImageScore:
    """One image with the score of all its cells that the reader may see."""

    image_id: int
    name: str
    score: Score


def scores_of(session: Session, reader: AnnotationReader, image_set: int, settings: EiphSettings) -> list[ImageScore]:
    """Score every image of a set, in the set's order; images without a graded cell have a score without a value."""
    image = core.Image
    named = session.execute(select(image.id, image.name).where(image.image_set_id == image_set))
    names = {row.id: row.name for row in named}
    return [
        ImageScore(image_id, names[image_id], doucet_score(counts_by_grade(types, settings), settings.minimum_cells))
        for image_id, types in reader.image_counts(image_set).items()
    ]


def as_csv(scores: Sequence[ImageScore]) -> Iterator[str]:
    """The table with a line of heads; a spreadsheet takes no name of an image for a formula."""
    for row in (_HEADS, *map(_row, scores)):
        line = io.StringIO()
        csv.writer(line).writerow(row)
        yield line.getvalue()


def _row(found: ImageScore) -> tuple[object, ...]:
    score = found.score
    name = f"'{found.name}" if found.name.startswith(_FORMULA_STARTS) else found.name
    value = "" if score.value is None else round(score.value, 2)
    return (found.image_id, name, value, score.total, *score.counts, int(score.is_certain))
