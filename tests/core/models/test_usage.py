"""What models were used for, as far as one may know."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from exact_core.storage.models import Image, PredictionRun, now
from tests.core.models.conftest import KIND, MODELS, Lab, uploaded

_jobs = itertools.count(1)


def ran(lab: Lab, uuid: str, who: str, **values: Any) -> str:
    """A run of a model that somebody asked for."""
    run = PredictionRun(
        uuid=str(uuid4()), image_set_id=lab.image_set_id, image_id=lab.image_id, job_id=next(_jobs),
        asked_by_id=lab.people[who].user_id, model_uuid=uuid, model_name="Lines", model_kind=KIND, state="ready",
        ready_at=now(), n_shapes=7,
    )  # fmt: skip
    for name, value in values.items():
        setattr(run, name, value)
    with lab.database.write() as session:
        session.add(run)
        session.flush()
        return run.uuid


def test_everybody_counts_what_they_may_see(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(mode="competitive")
    uuid = uploaded(lab)["uuid"]
    theirs = ran(lab, uuid, "lead")
    own = ran(lab, uuid, "ann")
    shown = ran(lab, uuid, "ben", shown_to_readers=True)
    ran(lab, uuid, "viewer", state="writing")
    ran(lab, str(uuid4()), "admin")
    expected = {"lead": [shown, own, theirs], "ann": [shown, own], "viewer": [shown], "ben": [shown]}
    for who, runs in expected.items():
        answer = lab[who].get(f"{MODELS}/{uuid}/predictions").json()
        assert [each["uuid"] for each in answer["items"]] == runs, who
        assert lab[who].get(f"{MODELS}/{uuid}").json()["run_count"] == len(runs)
        [listed] = lab[who].get(MODELS, params={"q": "Lines"}).json()["items"]
        assert listed["run_count"] == len(runs)
    assert lab["stranger"].get(f"{MODELS}/{uuid}/predictions").status_code == 404
    first = lab["lead"].get(f"{MODELS}/{uuid}/predictions", params={"limit": 2}).json()
    assert (first["items"][0]["shapes"], first["items"][0]["image_id"]) == (7, lab.image_id)
    rest = lab["lead"].get(f"{MODELS}/{uuid}/predictions", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert ([each["uuid"] for each in rest["items"]], rest["next_cursor"]) == ([theirs], None)
    with lab.database.write() as session:
        session.get_one(Image, lab.image_id).deleted_at = now()
    assert lab["lead"].get(f"{MODELS}/{uuid}").json()["run_count"] == 0


def test_runs_of_built_in_models_are_known_in_ones_own_sets_only(lab: Lab) -> None:
    kinds = {each["name"]: each["built_in_uuid"] for each in lab["ann"].get("/api/v2/model-kinds").json()}
    lab["ann"].get(MODELS)
    ran(lab, kinds[KIND], "lead")
    counted = {
        who: lab[who].get(f"{MODELS}/{kinds[KIND]}").json()["run_count"] for who in ("viewer", "stranger", "admin")
    }
    assert counted == {"viewer": 1, "stranger": 0, "admin": 1}
