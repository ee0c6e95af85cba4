"""What can be done with runs: each function is one transaction."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.annotations.access import rights_in
from exact_core.annotations.scope import Can
from exact_core.annotations.writing import Writer
from exact_core.api.context import Actor
from exact_core.api.errors import Forbidden, NotFound
from exact_core.predictions.deciding import Asked, decide
from exact_core.predictions.describing import described
from exact_core.predictions.removing import empty, folder_of
from exact_core.predictions.scope import RunScope, find_run, scope_of, scope_of_image
from exact_core.review import audit
from exact_core.storage.idempotency import Repeat
from exact_core.storage.models import PredictionDecision, PredictionMap, PredictionRun
from exact_core.storage.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from exact_core.services import Services

MAX_LISTED = 500


def list_runs(session: Session, actor: Actor, image_id: int, can: Can) -> list[dict[str, Any]]:
    """The runs of an image that the actor may see, the newest first."""
    _, scope = scope_of_image(session, actor, image_id, can)
    query = select(PredictionRun).where(*scope.runs(), PredictionRun.image_id == image_id)
    runs = session.scalars(query.order_by(PredictionRun.id.desc()).limit(MAX_LISTED)).all()
    return described(session, scope, runs)


def seen_run(session: Session, actor: Actor, image_id: int, uuid: str, can: Can) -> tuple[PredictionRun, RunScope]:
    """A run that the actor may see, and their scope."""
    _, scope = scope_of_image(session, actor, image_id, can)
    return find_run(session, scope, image_id, uuid), scope


def decisions(session: Session, scope: RunScope, run: PredictionRun) -> dict[str, list[int]]:
    """Numbers of the shapes that are decided, by verdict, as far as the actor may know."""
    row = PredictionDecision
    query = select(row.number, row.verdict).where(row.run_id == run.id, *scope.decisions()).order_by(row.number)
    found: dict[str, list[int]] = {"accepted": [], "edited": [], "rejected": []}
    for number, verdict in session.execute(query):
        found[verdict].append(number)
    return found


def decide_on(services: Services, actor: Actor, image_id: int, uuid: str, asked: Asked, repeat: Repeat) -> bytes:
    """Decide about shapes of a run; the answer as JSON, the same again for a repeated request."""
    hooks = services.kernel.hooks
    with UnitOfWork(services.database, hooks, actor) as uow:
        can = rights_in(uow.session)
        seen = repeat.claim(uow.session)
        run, scope = seen_run(uow.session, actor, image_id, uuid, can)
        if seen is not None:
            return seen.body
        writer = Writer(uow.session, actor, image_id, can, uow.record)
        if not hooks.hears_annotations(writer.facts.image_set_id):
            writer.record = None
        done = decide(writer, run, scope, asked)
        answer = {
            "revision": done.revision,
            "decided": done.decided,
            "already": done.already,
            "annotation_ids": list(done.annotation_ids),
            "skipped": [{"number": number, "reason": reason} for number, reason in done.skipped],
        }
        body = json.dumps(answer, separators=(",", ":")).encode()
        repeat.keep(uow.session, 200, body)
        return body


def delete_run(services: Services, actor: Actor, image_id: int, uuid: str) -> None:
    """Delete what a run found; for who asked for it and for who manages the set. Decisions about it are kept."""
    with services.database.write() as session:
        can = rights_in(session)
        run, scope = seen_run(session, actor, image_id, uuid, can)
        is_own = run.asked_by_id == actor.user_id and can(actor, "annotate", scope.image_set_id)
        if not (is_own or can(actor, "manage", scope.image_set_id)):
            raise Forbidden("A run is deleted by who asked for it, or by those who manage the image set.")
        empty(session, run)
        audit.note(session, run.image_set_id, actor, "prediction_deleted", run=run.uuid, model=run.model_name)
    services.blobs.remove(folder_of(image_id, uuid.lower()))


def show_run(services: Services, actor: Actor, image_id: int, uuid: str, *, shown: bool) -> dict[str, Any]:
    """Show a run to readers who are blind to the work of others, or hide it again; written down."""
    with services.database.write() as session:
        can = rights_in(session)
        run, _ = seen_run(session, actor, image_id, uuid, can)
        if not can(actor, "manage", run.image_set_id):
            raise Forbidden("Only those who manage this image set show runs to readers.")
        if run.shown_to_readers != shown:
            run.shown_to_readers = shown
            action = "prediction_shown" if shown else "prediction_hidden"
            audit.note(session, run.image_set_id, actor, action, run=run.uuid, model=run.model_name, image=image_id)
            session.flush()
        return described(session, scope_of(run.image_set_id, actor, can), [run])[0]


def map_of(session: Session, run: PredictionRun, map_id: int) -> PredictionMap:
    """A map of a run."""
    found = session.get(PredictionMap, map_id)
    if found is None or found.run_id != run.id:
        raise NotFound(f"The run has no map {map_id}.")
    return found
