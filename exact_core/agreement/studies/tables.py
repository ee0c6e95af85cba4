"""A study as tables: every task, every stretch of activity, every grade."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.agreement.access import Everything
from exact_core.agreement.studies.design import Design
from exact_core.agreement.studies.report import finished_readings
from exact_core.agreement.studies.scoring import scores_of
from exact_core.agreement.tables import Row
from exact_core.storage.models import Activity, Image, Study, StudyAnswer, StudyTask, User

StudyTable = Literal["tasks", "activity", "survey"]


def rows_of(session: Session, everything: Everything, study: Study, table: StudyTable) -> Iterator[Row]:
    """One of the tables, with its heading."""
    if table == "tasks":
        return _tasks(session, everything, study)
    return _activity(session, study) if table == "activity" else _survey(session, study)


def _tasks(session: Session, everything: Everything, study: Study) -> Iterator[Row]:
    yield ("participant", "image_id", "image", "position", "arm", "opened_at", "finished_at", "active_seconds",
           "prepared", "hits", "extra", "missed")  # fmt: skip
    design = Design.of_json(study.design)
    readings = finished_readings(session, study, scores_of(session, everything, study, design))
    done = {(each.user_id, each.image_id): each for each in readings}
    query = (
        select(StudyTask, Image.name, User.name)
        .join(Image, Image.id == StudyTask.image_id)
        .join(User, User.id == StudyTask.user_id)
        .where(StudyTask.study_id == study.id)
        .order_by(StudyTask.user_id, StudyTask.position)
    )
    for task, image, user in session.execute(query):
        reading = done.get((task.user_id, task.image_id))
        score = (reading.hits, reading.extra, reading.missed) if reading and reading.is_scored else ("", "", "")
        yield (
            user, task.image_id, image, task.position + 1, design.arms[task.arm].name, task.opened_at, task.finished_at,
            round(reading.seconds, 1) if reading else "", task.copied, *score,
        )  # fmt: skip


def _activity(session: Session, study: Study) -> Iterator[Row]:
    yield "participant", "image_id", "started_at", "ended_at", "active_seconds"
    query = (
        select(User.name, StudyTask.image_id, Activity.started_at, Activity.ended_at, Activity.seconds)
        .join(StudyTask, StudyTask.id == Activity.task_id)
        .join(User, User.id == Activity.user_id)
        .where(StudyTask.study_id == study.id)
        .order_by(Activity.id)
    )
    yield from (tuple(row) for row in session.execute(query))


def _survey(session: Session, study: Study) -> Iterator[Row]:
    yield "participant", "question", "grade", "at"
    questions = Design.of_json(study.design).questions
    query = (
        select(User.name, StudyAnswer.question, StudyAnswer.grade, StudyAnswer.at)
        .join(User, User.id == StudyAnswer.user_id)
        .where(StudyAnswer.study_id == study.id)
        .order_by(StudyAnswer.user_id, StudyAnswer.question)
    )
    for user, question, grade, at in session.execute(query):
        yield user, questions[question], grade, at
