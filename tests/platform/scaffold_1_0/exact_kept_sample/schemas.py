"""What routes and jobs take and answer."""

from __future__ import annotations

from pydantic import BaseModel, Field


class CountAnswer(BaseModel):
    """Shapes of a region."""

    total: int
    note: str


class NoteText(BaseModel):
    """What somebody wrote about an image."""

    text: str = Field(max_length=2000)


class CountParams(BaseModel):
    """Parameters of the counting job."""

    limit: int = Field(default=10_000, ge=1, title="Images to count at most")


class PredictParams(BaseModel):
    """Parameters of a prediction."""

    values: list[float] = Field(default_factory=list, max_length=10_000, title="Values to score")


class JobStarted(BaseModel):
    """A job that was put into the queue."""

    job_id: int
