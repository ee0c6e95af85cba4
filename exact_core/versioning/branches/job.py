"""The background job that fills a branch, and what becomes of the branch when it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.errors import NotFound
from exact_core.exchange.import_jobs import Telling, actor_of
from exact_core.storage.models import Branch
from exact_core.versioning.branches.making import fill, folder_of, remove_unmade

if TYPE_CHECKING:
    from exact_core.jobs.running import JobContext
    from exact_core.services import Services
    from exact_core.storage.models import Job


def run_branch(context: JobContext) -> dict[str, Any]:
    """Fill a branch for the one who asked for it, with their present rights."""
    services, branch_id = context.services, int(context.params["branch_id"])
    with context.read() as session:
        if session.get(Branch, branch_id) is None:
            raise NotFound("Nothing is left of this branch; make it again.")
        actor = _actor(session, context.owner_id)
    chosen, folder = context.params.get("images"), folder_of(branch_id)
    services.blobs.folder(folder)
    telling = Telling(context, folder, writes_alone=services.database.dialect == "sqlite")
    made = fill(services, actor, branch_id, telling.part(0.0, 1.0, "Copying images and annotations"), images=chosen)
    services.blobs.remove(folder)
    return made


def give_up(services: Services, job: Job) -> None:
    """Leave nothing of it."""
    remove_unmade(services, int(job.params["branch_id"]))


def _actor(session: Session, owner_id: int | None) -> Actor:
    return actor_of(session, owner_id) if owner_id else Actor.system()
