"""What came out of a study: time, agreement and grades per arm, and the tests that compare the arms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exact_core.agreement.access import Everything
from exact_core.agreement.drift import shares
from exact_core.agreement.figures import Resampling, finite
from exact_core.agreement.measures.bootstrap import Interval, median_interval
from exact_core.agreement.measures.comparisons import (
    Comparison,
    anova,
    kruskal,
    mann_whitney,
    paired_t,
    wilcoxon,
)
from exact_core.agreement.measures.matching import f1
from exact_core.agreement.studies.design import Design
from exact_core.agreement.studies.scoring import Scores, scores_of
from exact_core.storage.models import Activity, Study, StudyAnswer, StudyTask, User

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reading:
    """One finished task: who read which image in which arm, how long, and how well."""

    user_id: int
    image_id: int
    arm: int
    seconds: float
    copied: int
    hits: int
    extra: int
    missed: int
    is_scored: bool


def report(session: Session, everything: Everything, study: Study, resampling: Resampling) -> dict[str, Any]:
    """The report as plain JSON."""
    design = Design.of_json(study.design)
    scores = scores_of(session, everything, study, design)
    readings = finished_readings(session, study, scores)
    names = names_of_users(session, study)
    return {
        "study": {"id": study.id, "title": study.title, "state": study.state, "seed": study.seed},
        "assignment": design.assignment,
        "order": design.order,
        "reference": scores.reference,
        "rule": scores.rule,
        "arms": [_arm(design, number, readings, names, resampling) for number in range(len(design.arms))],
        "comparisons": list(comparisons(design, readings)),
        "survey": survey(session, study, design),
    }


def finished_readings(session: Session, study: Study, scores: Scores) -> list[Reading]:
    """Every finished task with its active seconds and its score."""
    seconds = func.coalesce(func.sum(Activity.seconds), 0.0)
    query = (
        select(StudyTask.user_id, StudyTask.image_id, StudyTask.arm, StudyTask.copied, seconds)
        .outerjoin(Activity, Activity.task_id == StudyTask.id)
        .where(StudyTask.study_id == study.id, StudyTask.finished_at.is_not(None))
        .group_by(StudyTask.id, StudyTask.user_id, StudyTask.image_id, StudyTask.arm, StudyTask.copied)
        .order_by(StudyTask.user_id, StudyTask.image_id)
    )
    found = []
    for user_id, image_id, arm, copied, active in session.execute(query):
        score = scores.of.get((user_id, image_id))
        found.append(
            Reading(user_id, image_id, arm, float(active), copied, *(score or (0, 0, 0)), is_scored=score is not None)
        )
    return found


def names_of_users(session: Session, study: Study) -> Mapping[int, str]:
    """Names of everybody who has a task."""
    people = select(StudyTask.user_id).where(StudyTask.study_id == study.id)
    rows = session.execute(select(User.id, User.display_name, User.name).where(User.id.in_(people)))
    return {id_: display_name or name for id_, display_name, name in rows}


def comparisons(design: Design, readings: Sequence[Reading]) -> Iterator[dict[str, Any]]:
    """Tests between arms: paired by participant and by image where everybody reads in every arm, else unpaired."""
    arms = range(len(design.arms))
    for measure in ("seconds", "f1"):
        for unit in ("participant", "image") if design.assignment == "within" else ("participant",):
            means = [_means(measure, unit, [each for each in readings if each.arm == arm]) for arm in arms]
            if design.assignment == "within":
                for first, second in combinations(arms, 2):
                    both = sorted(means[first].keys() & means[second].keys())
                    a = [means[first][key] for key in both]
                    b = [means[second][key] for key in both]
                    for test in (wilcoxon(a, b), paired_t(a, b)):
                        yield _tested(measure, unit, (first, second), test, a, b)
            else:
                groups = [list(each.values()) for each in means]
                for first, second in combinations(arms, 2):
                    found = mann_whitney(groups[first], groups[second])
                    yield _tested(measure, unit, (first, second), found, groups[first], groups[second])
                for test in (anova(groups), kruskal(groups)):
                    yield _tested(measure, unit, (), test, [], [])


def survey(session: Session, study: Study, design: Design) -> list[dict[str, Any]]:
    """Grades per question: how often each, their median and mean."""
    given: dict[int, list[int]] = defaultdict(list)
    rows = session.execute(select(StudyAnswer.question, StudyAnswer.grade).where(StudyAnswer.study_id == study.id))
    for question, grade in rows:
        given[question].append(grade)
    return [
        {
            "question": question,
            "answers": len(given[number]),
            "counts": np.bincount(given[number], minlength=7)[1:].tolist() if given[number] else [0] * 6,
            "median": float(np.median(given[number])) if given[number] else None,
            "mean": float(np.mean(given[number])) if given[number] else None,
        }
        for number, question in enumerate(design.questions)
    ]


def _arm(
    design: Design, number: int, readings: Sequence[Reading], names: Mapping[int, str], resampling: Resampling
) -> dict[str, Any]:
    mine = [each for each in readings if each.arm == number]
    timed = [each for each in mine if each.seconds > 0]
    people = sorted({each.user_id for each in mine}, key=lambda user_id: (names[user_id].casefold(), user_id))
    arm = design.arms[number]
    return {
        "name": arm.name,
        "is_prepared": arm.source is not None,
        "finished": len(mine),
        "without_time": len(mine) - len(timed),
        "prepared": sum(each.copied for each in mine),
        "seconds": _seconds(timed, resampling),
        "agreement": _agreement(mine, resampling),
        "participants": [_participant(user_id, names[user_id], mine) for user_id in people],
    }


def _seconds(timed: Sequence[Reading], resampling: Resampling) -> dict[str, Any]:
    """Mean and median active seconds per image, with intervals from resampling images."""
    values = np.array([each.seconds for each in timed])
    images = np.unique([each.image_id for each in timed], return_inverse=True)[1]
    count = int(images.max(initial=-1)) + 1
    ones = np.ones(len(values))
    parts: Floats = np.stack([np.bincount(images, column, count) for column in (values, ones)], axis=1)
    mean = resampling.intervals({"mean": _share}, parts)["mean"] if count else Interval(np.nan, None, None, 0)
    median = median_interval(
        values, images, level=resampling.level, resamples=resampling.resamples, seed=resampling.seed
    )
    return {
        "tasks": len(timed),
        "mean": finite(mean.value),
        "mean_low": mean.low,
        "mean_high": mean.high,
        "median": finite(median.value),
        "median_low": median.low,
        "median_high": median.high,
        "values": [round(each.seconds, 1) for each in timed],
    }


def _agreement(mine: Sequence[Reading], resampling: Resampling) -> dict[str, Any]:
    """Agreement with the reference, all tasks added up."""
    scored = [each for each in mine if each.is_scored]
    counts = np.array([(each.hits, each.extra, each.missed) for each in scored], np.float64).reshape(-1, 3)
    images = np.unique([each.image_id for each in scored], return_inverse=True)[1]
    count = int(images.max(initial=-1)) + 1
    parts: Floats = np.stack([np.bincount(images, column, count) for column in counts.T], axis=1)
    found = resampling.intervals({"f1": _f1}, parts)["f1"] if count else Interval(np.nan, None, None, 0)
    hits, extra, missed = (int(total) for total in counts.sum(axis=0))
    return {
        "tasks": len(scored),
        "hits": hits,
        "extra": extra,
        "missed": missed,
        **shares(hits, extra, missed),
        "low": found.low,
        "high": found.high,
    }


def _participant(user_id: int, name: str, mine: Sequence[Reading]) -> dict[str, Any]:
    own = [each for each in mine if each.user_id == user_id]
    timed = [each.seconds for each in own if each.seconds > 0]
    scored = [each for each in own if each.is_scored]
    hits, extra, missed = (sum(getattr(each, name) for each in scored) for name in ("hits", "extra", "missed"))
    return {
        "user_id": user_id,
        "name": name,
        "finished": len(own),
        "seconds": float(np.mean(timed)) if timed else None,
        "f1": shares(hits, extra, missed)["f1"],
    }


def _means(measure: str, unit: str, readings: Sequence[Reading]) -> dict[int, float]:
    """The mean time, or the F1 of all marks, of each participant or image."""
    groups: dict[int, list[Reading]] = defaultdict(list)
    for each in readings:
        groups[each.user_id if unit == "participant" else each.image_id].append(each)
    found = {}
    for key, own in groups.items():
        if measure == "seconds":
            values = [each.seconds for each in own if each.seconds > 0]
            value = float(np.mean(values)) if values else np.nan
        else:
            value = float(f1(sum(e.hits for e in own), sum(e.extra for e in own), sum(e.missed for e in own)))
        if np.isfinite(value):
            found[key] = value
    return found


def _tested(
    measure: str, unit: str, arms: tuple[int, ...], found: Comparison, first: Sequence[float], second: Sequence[float]
) -> dict[str, Any]:
    has_both = len(first) > 0 and len(second) > 0
    return {
        "measure": measure,
        "unit": unit,
        "arms": list(arms),
        "test": found.test,
        "statistic": finite(found.statistic),
        "df": list(found.df),
        "p": finite(found.p),
        "n": found.n,
        "means": [float(np.mean(first)), float(np.mean(second))] if has_both else [],
    }


def _share(sums: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Floats = sums[..., 0] / sums[..., 1]
        return mean


def _f1(sums: Floats) -> Floats:
    return f1(sums[..., 0], sums[..., 1], sums[..., 2])
