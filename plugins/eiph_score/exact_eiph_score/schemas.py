"""What the score's routes answer."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, Field

from exact_eiph_score.score import MAXIMUM, Score
from exact_eiph_score.settings import EiphSettings
from exact_eiph_score.study import ImageScore


class ScoreAnswer(BaseModel):
    """The score of a region."""

    value: float | None = Field(description="0 to 400; null without graded cells.")
    maximum: float = MAXIMUM
    counts: list[int] = Field(description="Cells of grade 0 to 4.")
    total: int = Field(description="Graded cells.")
    minimum: int = Field(description="Cells that a certain score needs.")
    is_certain: bool
    warning: str

    @classmethod
    def of(cls, score: Score) -> ScoreAnswer:
        """The answer for a score."""
        return cls(
            value=score.value,
            counts=list(score.counts),
            total=score.total,
            minimum=score.minimum,
            is_certain=score.is_certain,
            warning=score.warning,
        )


class ImageScoreAnswer(BaseModel):
    """The score of one image."""

    image_id: int
    name: str
    value: float | None = Field(description="0 to 400; null without graded cells.")
    counts: list[int] = Field(description="Cells of grade 0 to 4.")
    total: int = Field(description="Graded cells.")
    is_certain: bool


class StudyAnswer(BaseModel):
    """The scores of all images of a set."""

    items: list[ImageScoreAnswer]
    maximum: float = MAXIMUM
    minimum: int = Field(description="Cells that a certain score needs.")

    @classmethod
    def of(cls, scores: Sequence[ImageScore], settings: EiphSettings) -> StudyAnswer:
        """The answer for scored images."""
        items = [
            ImageScoreAnswer(
                image_id=each.image_id,
                name=each.name,
                value=each.score.value,
                counts=list(each.score.counts),
                total=each.score.total,
                is_certain=each.score.is_certain,
            )
            for each in scores
        ]
        return cls(items=items, minimum=settings.minimum_cells)
