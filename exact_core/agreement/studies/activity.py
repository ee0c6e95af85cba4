"""How long somebody is at work on an image of a study: short reports of the viewer, counted by the server's clock.

The viewer says how many seconds of the last quarter minute somebody was active. That is believed as far as the clock
allows: never more than went by since the person's last report, on whatever image, and never more than a report covers.
Outside of studies nothing is kept.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.storage.models import Activity, Study, StudyTask, User, now

REPORT_SECONDS = 15
"""How often the viewer reports while somebody is active."""

MOST_SECONDS = 20.0
"""What one report can count."""

_SAME_STRETCH = timedelta(seconds=3 * REPORT_SECONDS)


def record(session: Session, user_id: int, image_id: int, seconds: float, at: datetime | None = None) -> float | None:
    """Count active seconds; gives how many were believed, None where nobody measures.

    Args:
        session: Of a writing transaction.
        user_id: Who was active.
        image_id: On which image.
        seconds: How long since the last report, as the viewer says; 0 when somebody begins or returns.
        at: The server's time; for tests.
    """
    at = at or now()
    query = (
        select(StudyTask)
        .join(Study, Study.id == StudyTask.study_id)
        .where(
            StudyTask.user_id == user_id,
            StudyTask.image_id == image_id,
            StudyTask.opened_at.is_not(None),
            StudyTask.finished_at.is_(None),
            Study.state == "running",
        )
    )
    task = session.scalar(query)
    if task is None or task.opened_at is None:
        return None
    # One report of a person after another, so that two windows cannot both count the same time.
    session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))
    newest = select(Activity).where(Activity.user_id == user_id).order_by(Activity.ended_at.desc(), Activity.id.desc())
    last = session.scalar(newest.limit(1))
    since = max(task.opened_at, last.ended_at) if last else task.opened_at
    believed = max(0.0, min(seconds, MOST_SECONDS, (at - since).total_seconds()))
    if last is not None and last.task_id == task.id and at - last.ended_at <= _SAME_STRETCH:
        last.seconds += believed
        last.ended_at = max(at, last.ended_at)
    else:
        began = at - timedelta(seconds=believed)
        session.add(Activity(task_id=task.id, user_id=user_id, started_at=began, ended_at=at, seconds=believed))
    session.flush()
    return believed
