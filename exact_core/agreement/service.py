"""Answers about agreement: at once for small sets, by a job for large ones, whose answer is kept."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from exact_core.agreement.access import Everything, can_of, everything_in
from exact_core.agreement.report import Question, answer
from exact_core.annotations.access import rights_in
from exact_core.api.context import Actor
from exact_core.api.errors import Invalid
from exact_core.jobs.registry import AGREEMENT
from exact_core.storage.models import AgreementResult, AnnotationSummary, Image, Job, now

if TYPE_CHECKING:
    from exact_core.jobs.running import JobContext
    from exact_core.services import Services

MOST_AT_ONCE = 50_000
"""Annotations up to which a request waits for its answer."""

_KEPT = 20  # answers per set


@dataclass(frozen=True, slots=True)
class Answered:
    """What there is to say now: an answer, perhaps of an earlier state, and the job that makes a newer one."""

    answer: dict[str, Any] | None
    job: Job | None = None
    is_current: bool = True


def ask(services: Services, session: Session, actor: Actor, everything: Everything, question: Question) -> Answered:
    """Answer, or have a job answer.

    Args:
        services: Of the instance.
        session: Where to read.
        actor: Who owns the job.
        everything: Leave to compare readers.
        question: What is asked.
    """
    check_revision(everything, question.at)
    if _size(session, everything.image_set_id) <= MOST_AT_ONCE:
        return Answered(answer(session, everything, question))
    key = key_of(question)
    kept = session.get(AgreementResult, (everything.image_set_id, key))
    is_current = kept is not None and (question.at is not None or kept.revision == everything.revision)
    job = None if is_current else _job(services, actor, everything, question, key)
    return Answered(None if kept is None else json.loads(zlib.decompress(kept.body)), job, is_current)


def check_revision(everything: Everything, at: int | None) -> None:
    """Refuse a revision that the set does not have yet."""
    if at is not None and at > everything.revision:
        raise Invalid(f"revision: the image set is at revision {everything.revision}; it has no {at} yet.")


def key_of(question: Question) -> str:
    """What distinguishes a question from others."""
    return hashlib.sha256(json.dumps(question.to_json(), sort_keys=True).encode()).hexdigest()


def run_agreement(context: JobContext) -> dict[str, Any]:
    """The job: answer a question and keep the answer for those who may ask it."""
    question = Question.of_json(context.params["question"])
    assert context.image_set_id is not None
    with context.read() as session:
        everything = everything_in(
            session, context.image_set_id, can_of(rights_in(session), Actor.system(), context.image_set_id)
        )
        found = answer(session, everything, question, context.report)
    body = zlib.compress(json.dumps(found, separators=(",", ":")).encode())
    key = key_of(question)
    with context.write() as session:
        session.merge(
            AgreementResult(
                image_set_id=context.image_set_id, key=key, revision=found["revision"], body=body, created_at=now()
            )
        )
        session.flush()
        _forget_old(session, context.image_set_id)
    return {"figures": len(found["figures"]), "revision": found["revision"]}


def _size(session: Session, image_set_id: int) -> int:
    """Live annotations of a set; those of the past are about as many."""
    counted = (
        select(func.sum(AnnotationSummary.n))
        .join(Image, Image.id == AnnotationSummary.image_id)
        .where(Image.image_set_id == image_set_id)
    )
    return int(session.scalar(counted) or 0)


def _job(services: Services, actor: Actor, everything: Everything, question: Question, key: str) -> Job:
    """The job that answers the question: one that is under way, the last one when it failed just now, or a new one."""
    with services.database.write() as session:
        asked = (
            select(Job)
            .where(Job.type == AGREEMENT, Job.image_set_id == everything.image_set_id)
            .order_by(Job.id.desc())
            .limit(200)
        )
        for job in session.scalars(asked):
            if job.params.get("key") != key:
                continue
            failed_on_this = job.state == "failed" and job.params.get("revision") == everything.revision
            if job.state in {"queued", "running"} or failed_on_this:
                return job
            break
        params = {"key": key, "revision": everything.revision, "question": question.to_json()}
        return services.jobs.enqueue(
            session, AGREEMENT, owner=actor, image_set_id=everything.image_set_id, params=params
        )


def _forget_old(session: Session, image_set_id: int) -> None:
    newest = (
        select(AgreementResult.key)
        .where(AgreementResult.image_set_id == image_set_id)
        .order_by(AgreementResult.created_at.desc())
        .limit(_KEPT)
    )
    kept = list(session.scalars(newest))
    session.execute(
        delete(AgreementResult).where(AgreementResult.image_set_id == image_set_id, AgreementResult.key.not_in(kept))
    )
