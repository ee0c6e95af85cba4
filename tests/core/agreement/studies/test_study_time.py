"""Active seconds of studies: reported by the page, bounded by the clock of the server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from exact_core.agreement.studies.activity import record
from exact_core.storage.models import Activity
from tests.core.agreement.studies.lab import opened_ago, report_seconds


def test_nothing_is_kept_outside_of_studies(lab):
    nothing = {"recorded": False, "seconds": 0}
    assert report_seconds(lab, "ann", lab.readers.images[0], 15) == nothing
    study = lab.start()
    first, second, *_ = lab.tasks(study, "ann")
    assert report_seconds(lab, "ann", first.image_id, 15) == nothing  # not begun
    lab.open("ann", study, first.image_id)
    assert report_seconds(lab, "ann", first.image_id, 0)["recorded"]
    assert report_seconds(lab, "ann", second.image_id, 15) == nothing
    assert report_seconds(lab, "cas", first.image_id, 15) == nothing
    lab.finish("ann", study, first.image_id)
    assert report_seconds(lab, "ann", first.image_id, 15) == nothing  # done
    with lab.readers.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Activity)) == 1
    assert lab.ask("stranger", f"/api/v2/images/{first.image_id}/activity", "POST", {"seconds": 1}).status_code == 404


def test_the_servers_clock_has_the_last_word(lab):
    study = lab.start()
    task = opened_ago(lab, study, "ann", 100)
    assert report_seconds(lab, "ann", task.image_id, 3000)["seconds"] == 20  # what one report can count
    assert report_seconds(lab, "ann", task.image_id, 15)["seconds"] < 2  # no more than went by


def test_time_is_added_up_and_stretches_end_with_a_pause(lab):
    study = lab.start()
    task = opened_ago(lab, study, "ann", 4000)
    user = lab.readers.people["ann"].user_id
    start = datetime.now(UTC) - timedelta(hours=1)
    plan = [(0, 0), (15, 15), (30, 15), (45, 15), (300, 0), (315, 15), (322, 7)]
    believed = []
    for after, seconds in plan:
        with lab.readers.database.write() as session:
            believed.append(record(session, user, task.image_id, seconds, start + timedelta(seconds=after)))
    assert believed == [0, 15, 15, 15, 0, 15, 7]
    with lab.readers.database.read() as session:
        rows = list(session.scalars(select(Activity).order_by(Activity.id)))
    assert [each.seconds for each in rows] == [45, 22]
    assert all(each.seconds <= (each.ended_at - each.started_at).total_seconds() + 1e-6 for each in rows)


def test_two_windows_do_not_count_the_same_time_twice(lab):
    first = lab.start(design={"image_ids": lab.readers.images[:2]})
    second = lab.start(design={"image_ids": lab.readers.images[2:]})
    tasks = [opened_ago(lab, first, "ann", 4000), opened_ago(lab, second, "ann", 4000)]
    user = lab.readers.people["ann"].user_id
    start = datetime.now(UTC) - timedelta(hours=1)
    total = 0.0
    for after in range(0, 200, 5):  # both report a quarter minute, five seconds after each other
        task = tasks[after // 5 % 2]
        with lab.readers.database.write() as session:
            total += record(session, user, task.image_id, 15, start + timedelta(seconds=after)) or 0
    assert total <= 200 + 20


@pytest.mark.parametrize("seconds", [-1, 10**6, "nan", "x"])
def test_reports_that_mean_nothing_are_refused(lab, seconds):
    path = f"/api/v2/images/{lab.readers.images[0]}/activity"
    assert lab.ask("ann", path, "POST", {"seconds": seconds}).status_code == 422
