"""Jobs and workers as the API shows them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

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
    owner: str | None = Field(description="The owner's name; none for the system's own work.")
    image_set_id: int | None
    image_set: str | None = Field(description="The image set's name.")
    image_id: int | None
    priority: int
    gpu: bool
    attempts: int
    cancel_requested: bool
    worker: str = Field(description="Machine and process that took it last; empty while it waits.")
    created_at: datetime
    wait_until: datetime | None = Field(description="Not to be tried again before, after a failure that may pass.")
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None = Field(description="How long it ran, or has been running.")


class JobDetail(JobOut):
    """A background job with what it returned and wrote."""

    result: dict[str, Any]
    log: str


class JobPage(BaseModel):
    """Some jobs, newest first, and where the next page begins."""

    items: list[JobOut]
    next_cursor: str | None


class WorkerJob(BaseModel):
    """What a worker is doing."""

    id: int
    title: str
    progress: float


class WorkerOut(BaseModel):
    """A process that takes jobs."""

    name: str
    machine: str
    process: int | None
    engine: str
    slots: int
    gpu: bool
    started_at: datetime
    seen_at: datetime
    is_alive: bool = Field(description="Whether it gave a sign of life within the time of a lease.")
    jobs: list[WorkerJob]
