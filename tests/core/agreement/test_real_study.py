"""The study that was run on EXACT in 2020: our numbers against scikit-learn, krippendorff, statsmodels and pingouin.

The developer files hold three of its ten experts, without support, for three tasks, and what the study took for right.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import krippendorff
import numpy as np
import pandas as pd
import pingouin
import pytest
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import cohen_kappa_score, confusion_matrix, matthews_corrcoef
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

from exact_core.agreement.access import can_of, everything_in
from exact_core.agreement.items import MISSED, UNREAD
from exact_core.agreement.report import Question, answer, compared_of
from exact_core.agreement.rules import MatchRule
from exact_core.annotations.access import rights_in
from exact_core.api.context import Actor
from exact_core.services import Services
from tests.core.agreement import study_files
from tests.core.agreement.conftest import figure

pytestmark = [pytest.mark.data, pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")]


class Study:
    """One task of the study in an image set."""

    def __init__(self, services: Services, team_id: int, shared_data: Any, task: str, *, with_truth: bool) -> None:
        self.files = study_files.participants(shared_data, task)
        if with_truth:
            self.files |= {"ground truth": study_files.ground_truth(shared_data, task)}
        self.services = services
        self.image_set_id = study_files.put_in(services, team_id, f"{task} {with_truth}", self.files.items())
        self.found = self.ask(Question())

    def ask(self, question: Question) -> dict[str, Any]:
        with self.services.database.read() as session:
            return answer(session, self._everything(session), question)

    def compared(self) -> Any:
        with self.services.database.read() as session:
            return compared_of(session, self._everything(session), Question())

    def _everything(self, session: Any) -> Any:
        can = can_of(rights_in(session), Actor.system(), self.image_set_id)
        return everything_in(session, self.image_set_id, can)


@pytest.fixture
def study(services: Services, make_team: Callable[..., int], shared_data: Any) -> Callable[..., Study]:
    """``study("EIPH")`` is that task, with what the study took for right as one more reader when asked."""
    team_id = make_team("lab")
    return lambda task, with_truth=False: Study(services, team_id, shared_data, task, with_truth=with_truth)


def live_lines(made: Study) -> dict[str, list[study_files.Line]]:
    """What each expert's file holds and EXACT had not deleted."""
    return {name: [x for x in study_files.read(file) if not x.is_deleted] for name, file in made.files.items()}


@pytest.mark.parametrize("task", study_files.TASKS)
def test_every_mark_of_every_expert_is_there(study, task):
    made = study(task)
    marks = {
        name: [line for line in study_files.read(file) if not line.is_deleted] for name, file in made.files.items()
    }
    assert [reader["name"] for reader in made.found["readers"]] == sorted(made.files)
    assert {reader["name"]: reader["annotations"] for reader in made.found["readers"]} == {
        name: len(lines) for name, lines in marks.items()
    }
    assert {reader["name"]: reader["images"] for reader in made.found["readers"]} == {
        name: len({line.image for line in lines}) for name, lines in marks.items()
    }
    assert made.found["not_comparable"] == 0


@pytest.mark.parametrize("task", ["Asthma", "EIPH"])
def test_figures_of_two_readers_are_those_of_scikit_learn(study, task):
    made = study(task, with_truth=True)
    compared = made.compared()
    classes = len(compared.readings.classes)
    keys = [reader.key for reader in compared.readings.readers]
    for first, second in itertools.combinations(range(len(keys)), 2):
        a, b = compared.items.said[:, first], compared.items.said[:, second]
        both = (a >= 0) & (b >= 0)
        read = (a != UNREAD) & (b != UNREAD)
        pair = {"scope": "pair", "readers": [keys[first], keys[second]], "class_id": None}

        def value(name: str, about: dict[str, Any] = pair, **more: Any) -> float:
            return figure(made.found, name, **about, **more)["value"]

        assert value("matthews", missed="left_out") == pytest.approx(matthews_corrcoef(a[both], b[both]))
        assert value("percent_agreement", missed="left_out") == pytest.approx((a[both] == b[both]).mean())
        counted = [np.where(each == MISSED, classes, each)[read] for each in (a, b)]
        assert value("cohen_kappa", missed="counted") == pytest.approx(cohen_kappa_score(*counted))
        for weights in (None, "linear", "quadratic") if task == "EIPH" else (None,):
            theirs = cohen_kappa_score(a[both], b[both], weights=weights, labels=range(classes))
            assert value("cohen_kappa", missed="left_out", weights=weights) == pytest.approx(theirs)
        table = next(each["table"] for each in made.found["confusion"] if each["readers"] == pair["readers"])
        assert table == confusion_matrix(*counted, labels=range(classes + 1)).tolist()


@pytest.mark.parametrize("task", study_files.TASKS)
def test_figures_of_all_readers_are_those_of_krippendorff_and_statsmodels(study, task):
    made = study(task)
    compared = made.compared()
    said = compared.items.said
    classes = len(compared.readings.classes)
    counted = np.where(said == UNREAD, np.nan, np.where(said == MISSED, classes, said).astype(float))
    alpha = krippendorff.alpha(counted.T, level_of_measurement="nominal", value_domain=np.arange(classes + 1.0))
    ours = figure(made.found, "krippendorff_alpha", "all", missed="counted", scale="nominal")
    assert ours["value"] == pytest.approx(alpha)
    complete = counted[~np.isnan(counted).any(axis=1)].astype(int)
    table = aggregate_raters(complete, n_cat=classes + 1)[0]
    assert figure(made.found, "fleiss_kappa", "all", missed="counted")["value"] == pytest.approx(fleiss_kappa(table))
    assert figure(made.found, "fleiss_kappa", "all", missed="counted")["items"] == len(complete)


def test_grades_of_macrophages_are_ordered(study):
    made = study("EIPH")
    compared = made.compared()
    marked = np.where(compared.items.said < 0, np.nan, compared.items.said.astype(float))
    assert made.found["ordered"]
    for scale in ("ordinal", "interval", "ratio"):
        theirs = krippendorff.alpha(marked.T, level_of_measurement=scale, value_domain=np.arange(5.0))
        ours = figure(made.found, "krippendorff_alpha", "all", missed="left_out", scale=scale)["value"]
        assert ours == pytest.approx(theirs)
    assert not study("Asthma").found["ordered"]


@pytest.mark.parametrize("task", study_files.TASKS)
def test_counts_per_image_correlate_as_pingouin_says(study, task):
    made = study(task)
    lines = live_lines(made)
    common = set.intersection(*({line.image for line in own} for own in lines.values()))
    rows = [
        (image, name, sum(line.image == image for line in own))
        for image in sorted(common)
        for name, own in lines.items()
    ]
    data = pd.DataFrame(rows, columns=["image", "reader", "count"])
    theirs = pingouin.intraclass_corr(data, targets="image", raters="reader", ratings="count")["ICC"]
    ours = [each["value"] for each in made.found["figures"] if each["figure"] == "icc" and each["class_id"] is None]
    assert ours == pytest.approx(theirs.tolist())


def best_f1(first: list[Any], second: list[Any], radius: float) -> float:
    """F1 from our reading of the files alone: Hungarian matching of middles, per image and label."""
    matched = 0
    for key in {(line.image, line.label) for line in first}:
        sides = [
            np.array([[(x.box[0] + x.box[2]) / 2, (x.box[1] + x.box[3]) / 2] for x in own if (x.image, x.label) == key])
            for own in (first, second)
        ]
        if not len(sides[0]) or not len(sides[1]):
            continue
        apart = np.hypot(*(sides[0][:, None] - sides[1][None]).transpose(2, 0, 1))
        cost = np.where(apart <= radius, apart, 1e6)
        rows, columns = linear_sum_assignment(cost)
        matched += int((cost[rows, columns] <= radius).sum())
    return 2 * matched / (len(first) + len(second))


@pytest.mark.parametrize("task", study_files.TASKS)
def test_detection_scores_are_those_of_a_matching_by_hand(study, task):
    made = study(task)
    found = made.ask(Question(rule=MatchRule("distance", 25, "px", method="optimal")))
    lines = live_lines(made)
    for first, second in itertools.combinations(sorted(lines), 2):
        both = {x.image for x in lines[first]} & {x.image for x in lines[second]}
        mine, theirs = ([x for x in lines[name] if x.image in both] for name in (first, second))
        ours = figure(found, "f1", "pair", readers=[f"claimed:{first}", f"claimed:{second}"], class_id=None)
        # Ours are pixels: corners at half ones are rounded, so that a pair at the very edge can fall either way.
        assert ours["value"] == pytest.approx(best_f1(mine, theirs, 25), abs=0.006)
