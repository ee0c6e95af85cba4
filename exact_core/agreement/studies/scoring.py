"""How well each finished task agrees with a reference: the chosen gold, or what most of the other participants say."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.agreement.access import Everything
from exact_core.agreement.comparison import Compared, compare
from exact_core.agreement.gold import Gold
from exact_core.agreement.items import UNREAD
from exact_core.agreement.parts import detection_parts, hit_cells, mark_counts
from exact_core.agreement.readers import user_of
from exact_core.agreement.readings import Readings, geometries, load
from exact_core.agreement.rules import MatchRule
from exact_core.agreement.studies.design import Design
from exact_core.storage.models import Study, StudyTask


@dataclass(slots=True)
class Scores:
    """Hits, extra and missed marks of participants on images, and against what."""

    reference: dict[str, Any]
    rule: dict[str, Any] | None = None
    of: dict[tuple[int, int], tuple[int, int, int]] = field(default_factory=dict)  # by user and image


def scores_of(session: Session, everything: Everything, study: Study, design: Design) -> Scores:
    """Scores of everybody who reads for a study, as their marks are now."""
    if design.gold_id is not None:
        gold = Gold(session, everything)
        chosen = next((each for each in gold.all() if each.id == design.gold_id), None)
        if chosen is not None:
            return _against_gold(gold.against(chosen, MatchRule()), chosen.title, set(design.image_ids))
    readings = load(session, everything, image_ids=design.image_ids)
    finished = _finished(session, study)
    people = {user_id for user_id, _ in finished}
    keys = [each.key for each in readings.readers if user_of(each.key) in people]
    found = Scores({"kind": "majority", "title": "Majority of the other participants"})
    if len(keys) < 2:
        return found
    done = _only_finished(readings.only(keys), finished)

    def packed(ids: Any) -> list[bytes]:
        stored = geometries(session, ids, None)
        return [stored[annotation_id] for annotation_id in ids]

    compared = compare(done, MatchRule(), packed)
    found.rule = compared.rule.to_json()
    for number, reader in enumerate(compared.readings.readers):
        _keep(found, compared, reader.key, *against_others(compared, number))
    return found


def against_others(compared: Compared, number: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Hits, extra and missed things of one reader per image, against what more than half of the others say.

    Returns:
        ``(images, 3)``, and on which images somebody else has read too.
    """
    readings, items = compared.readings, compared.items
    mine = items.said[:, number]
    others = np.delete(items.said, number, axis=1)
    have_read = (others != UNREAD).sum(axis=1)
    votes = np.stack([(others == place).sum(axis=1) for place in range(len(readings.classes))], axis=1)
    winner = np.where(votes.max(axis=1) * 2 > have_read, votes.argmax(axis=1), UNREAD)
    hit = (winner >= 0) & (mine == winner)
    counted = (hit, (mine >= 0) & ~hit, (winner >= 0) & ~hit)
    images = len(readings.images)
    parts = np.stack([np.bincount(items.image, each, minlength=images) for each in counted], axis=1).astype(np.int64)
    is_scored: NDArray[np.bool_] = np.delete(readings.has_read, number, axis=1).sum(axis=1) > 0
    return parts, is_scored


def _against_gold(compared: Compared | None, title: str, image_ids: set[int]) -> Scores:
    found = Scores({"kind": "gold", "title": title})
    if compared is None:
        return found
    found.rule = compared.rule.to_json()
    readings = compared.readings
    counts, cells = mark_counts(readings, compared.usable), hit_cells(readings, compared.matched)
    last = len(readings.readers) - 1
    there = np.array([image.id in image_ids for image in readings.images], bool)
    for number, reader in enumerate(readings.readers[:-1]):
        parts = detection_parts(readings, counts, cells, number, last).sum(axis=2).astype(np.int64)
        _keep(found, compared, reader.key, parts, there)
    return found


def _keep(
    scores: Scores, compared: Compared, reader: str, parts: NDArray[np.int64], is_scored: NDArray[np.bool_]
) -> None:
    user_id = user_of(reader)
    if user_id is None:
        return
    number = next(place for place, each in enumerate(compared.readings.readers) if each.key == reader)
    for place in np.flatnonzero(is_scored & compared.readings.has_read[:, number]).tolist():
        hits, extra, missed = parts[place].tolist()
        scores.of[user_id, compared.readings.images[place].id] = (hits, extra, missed)


def _finished(session: Session, study: Study) -> set[tuple[int, int]]:
    """Who has finished which image."""
    query = select(StudyTask.user_id, StudyTask.image_id).where(
        StudyTask.study_id == study.id, StudyTask.finished_at.is_not(None)
    )
    return set(session.execute(query))


def _only_finished(readings: Readings, finished: set[tuple[int, int]]) -> Readings:
    """Without what participants are still at: it is no opinion yet."""
    users = [user_of(reader.key) for reader in readings.readers]
    done = np.array([[(user, image.id) in finished for user in users] for image in readings.images], bool)
    marks = readings.marks.where(done[readings.marks.image, readings.marks.reader])
    return replace(readings, marks=marks, has_read=readings.has_read & done)
