"""Jobs as the API shows them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

State = Literal["queued", "running", "done", "failed", "cancelled"]


class JobOut(BaseModel):
    """A background job."""

    id: int
    type: str
    title: str
    plugin: str
    state: State
    progress: float
    message: str
    owner_id: int | None
    image_set_id: int | None
    image_id: int | None
    attempts: int
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobDetail(JobOut):
    """A background job with what it returned and wrote."""

    result: dict[str, Any]
    log: str


class JobPage(BaseModel):
    """Some jobs, newest first, and where the next page begins."""

    items: list[JobOut]
    next_cursor: str | None
