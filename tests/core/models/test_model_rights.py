"""Who may see, open and change models; what those learn who must not know of other people's work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from exact_core.api.contributions import ArtefactKind
from exact_core.api.errors import Conflict, DriverError, Forbidden, Invalid, NotFound, Unavailable
from exact_core.jobs.running import JobContext
from exact_core.models import places
from exact_core.models.kinds import kind_of, kinds, open_predictor, settings_of
from exact_core.models.store import open_for_job
from exact_core.services import Services
from tests.core.models import folders
from tests.core.models.conftest import KIND, MODELS, Lab, archive, upload, uploaded

SECRET = "n_annotations"
CARD = {**folders.CARD, SECRET: {"nucleus": 4711}, "intended_use": "Tests."}


def seen_by(lab: Lab, who: str) -> list[str]:
    return [each["name"] for each in lab[who].get(MODELS, params={"q": "Lines"}).json()["items"]]


def test_blind_readers_learn_that_it_is_there_and_nothing_that_tells_of_others(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(mode="competitive")
    made = uploaded(lab, content=archive(card=CARD), notes="It finds 4711 mitoses")
    address = f"{MODELS}/{made['uuid']}"
    assert made["card"][SECRET] == {"nucleus": 4711}
    for who in ("ann", "viewer"):
        assert seen_by(lab, who) == ["Lines"]
        answer = lab[who].get(address)
        told = answer.json()
        assert (told["may_open"], told["figures"], told["card_text"], told["card_html"]) == (False, [], "", "")
        assert told["card"] == {key: CARD[key] for key in ("model_id", "plugin", "intended_use")}
        assert "4711" not in answer.text
        assert "everybody's" in told["closed_reason"]
        for path in ("archive", "files/model.safetensors", "files/card.json", "files/onnx/model.onnx"):
            assert lab[who].get(f"{address}/{path}").status_code == 403, path
    assert lab.in_set("lead", "POST", "unblind", json={"reason": "the study is over"}).status_code == 200
    assert lab["ann"].get(address).json()["card"] == made["card"]
    assert lab["ann"].get(f"{address}/archive").status_code == 200


def test_only_who_manages_can_add_and_change(lab: Lab, client_of: Callable[..., object]) -> None:
    assert upload(lab, "ann").status_code == 403
    assert upload(lab, "stranger").status_code == 404
    assert upload(lab, "ann", team_id=lab.team_id).status_code == 403
    assert upload(lab, "stranger", team_id=lab.team_id).status_code == 404
    assert lab["lead"].post(MODELS, content=archive()).status_code == 422
    made = uploaded(lab)
    address = f"{MODELS}/{made['uuid']}"
    assert seen_by(lab, "stranger") == []
    reads = client_of(lab.people["lead"], ["read"])
    for who, status in ((lab["ann"], 403), (lab["viewer"], 403), (lab["stranger"], 404), (reads, 403)):
        assert who.patch(address, json={"notes": "x"}).status_code == status
        assert who.put(f"{address}/pin").status_code == status
        assert who.delete(address, params={"reason": "x"}).status_code == status
        assert who.post(f"{address}/restore").status_code == status
    assert reads.get(f"{address}/archive").status_code == 200


def test_a_model_of_a_team_is_for_its_members_and_one_of_a_set_goes_with_it(lab: Lab) -> None:
    ours = uploaded(lab, team_id=lab.team_id)
    assert (ours["trained_on"], ours["team"]) == (None, {"id": lab.team_id, "name": "lab"})
    assert lab["ann"].get(f"{MODELS}/{ours['uuid']}").json()["may_open"] is True
    assert lab["viewer"].get(f"{MODELS}/{ours['uuid']}").status_code == 404, "who only sees the set is in no team"
    moved = uploaded(lab, content=archive(seed=2))
    other = lab["admin"].post("/api/v2/teams", json={"name": "others"}).json()["id"]
    lab.in_set("admin", "PATCH", "", json={"team_id": other})
    assert lab["ann"].get(f"{MODELS}/{moved['uuid']}").status_code == 404
    assert lab["lead"].patch(f"{MODELS}/{moved['uuid']}", json={"notes": "x"}).status_code == 404
    assert seen_by(lab, "ann") == ["Lines"], "the one of the team"


def test_a_model_that_the_sender_may_not_see_is_not_given_to_them(lab: Lab) -> None:
    uploaded(lab, team_id=lab.team_id)
    lab.in_set("lead", "PUT", f"members/users/{lab.people['viewer'].user_id}", json={"role": "manager"})
    answer = upload(lab, "viewer")
    assert (answer.status_code, "ask a lead" in answer.json()["detail"]) == (409, True)


def job_of(lab: Lab, services: Services, who: str | None) -> JobContext:
    owner = lab.people[who].user_id if who else None
    return JobContext(services, 1, "core.test", {}, "w", 1, image_set_id=lab.image_set_id, owner_id=owner)


def test_jobs_open_models_with_the_rights_of_who_asked(make_lab: Callable[..., Lab], services: Services) -> None:
    lab = make_lab(mode="competitive")
    uuid = uploaded(lab)["uuid"]
    model = job_of(lab, services, "lead").model(uuid)
    assert (model.uuid, model.kind, model.labels) == (uuid, KIND, ("background", "nucleus"))
    assert model.folder is not None
    assert (model.folder / "model.safetensors").read_bytes() == folders.contents()["model.safetensors"]
    assert job_of(lab, services, None).model(uuid) == model
    with pytest.raises(Forbidden, match="everybody's"):
        job_of(lab, services, "ann").model(uuid)
    for who, wanted in (("stranger", uuid), ("lead", "0" * 36), ("lead", "x")):
        with pytest.raises(NotFound, match="no model"):
            job_of(lab, services, who).model(wanted)
    built_in = job_of(lab, services, "ann").model(kind_of(services.kernel, KIND).built_in_uuid)
    assert (built_in.folder, built_in.sha256) == (None, "")
    lab["lead"].delete(f"{MODELS}/{uuid}", params={"reason": "it was wrong"})
    with pytest.raises(NotFound, match="it was wrong"):
        job_of(lab, services, "lead").model(uuid)


def test_files_that_changed_on_the_server_are_never_run(lab: Lab, services: Services) -> None:
    uuid = uploaded(lab)["uuid"]
    job, files = job_of(lab, services, "lead"), places.files_of(services, uuid)

    def refused() -> None:
        with pytest.raises(Unavailable, match="were changed"):
            job.model(uuid)

    (files / "train.py").write_text("import os")
    refused()
    (files / "train.py").unlink()
    for name in ("model.safetensors", "SHA256SUMS"):
        content = (files / name).read_bytes()
        (files / name).write_bytes(content[:-1] + b"x")
        refused()
        (files / name).write_bytes(content)
    assert job.model(uuid).uuid == uuid
    (files / "card.json").unlink()
    refused()


def test_a_model_whose_plugin_is_off_is_not_run(lab: Lab, services: Services) -> None:
    made = uploaded(lab, kind="satseg.roads")
    assert "satseg" in made["unavailable_reason"]
    assert "not installed" in made["unavailable_reason"]
    with pytest.raises(Conflict, match="'satseg', which is off"):
        job_of(lab, services, "lead").model(made["uuid"])
    model = open_for_job(services, None, None, made["uuid"])
    with pytest.raises(NotFound, match="'satseg', which is not installed"):
        open_predictor(services, model, {})


def test_a_built_in_model_is_opened_with_its_driver(services: Services, lab: Lab) -> None:
    kind = kinds(services.kernel)[KIND]
    model = job_of(lab, services, "ann").model(kind.built_in_uuid)
    predictor = open_predictor(services, model, {}, "cpu")
    predictor.close()
    settings = settings_of(kind, {})
    assert settings is not None
    with pytest.raises(Invalid, match="no_such_setting"):
        open_predictor(services, model, {"no_such_setting": 1})
    with pytest.raises(NotFound, match="EXACT itself brings no kind"):
        kind_of(services.kernel, "core.nothing")
    stored = job_of(lab, services, "lead").model(uploaded(lab, kind="core.tissue")["uuid"])
    assert stored.folder is not None


def test_jobs_keep_what_they_trained_once(make_lab: Callable[..., Lab], services: Services, tmp_path: Path) -> None:
    lab = make_lab(mode="competitive")
    version = lab.in_set("lead", "POST", "versions", json={"name": "v1"}).json()["id"]
    folder = folders.write(tmp_path / "trained", folders.with_checksums(folders.contents()))
    job = job_of(lab, services, "lead")
    kept = job.save_model(folder, name="Trained", kind=KIND, version_id=version)
    assert (kept.version_id, kept.name, kept.folder != folder) == (version, "Trained", True)
    assert job.save_model(folder, name="Trained", kind=KIND, version_id=version) == kept
    assert job.model(kept.uuid) == kept
    assert folder.is_dir()
    with pytest.raises(Forbidden):
        job_of(lab, services, "ann").save_model(folder, name="x", kind=KIND)
    (folder / "card.md").write_text("changed")
    with pytest.raises(Invalid, match=r"card\.md has not the checksum"):
        job.save_model(folder, name="x", kind=KIND)

    curves = tmp_path / "curves.json"
    curves.write_text("{}")
    for _ in range(2):
        job.attach(version, curves, name="curves.json", kind=ArtefactKind.METRICS, media_type="application/json")
    [told] = lab["lead"].get(f"/api/v2/versions/{version}/artefacts").json()
    assert (told["name"], told["kind"], told["size_bytes"]) == ("curves.json", "metrics", 2)
    with pytest.raises(Forbidden):
        job_of(lab, services, "ann").attach(
            version, curves, name="curves.json", kind=ArtefactKind.METRICS, media_type="application/json"
        )


def test_drivers_that_are_missing_or_fail_say_so(services: Services, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    from exact_core.models import kinds as module

    model = job_of(lab, services, "lead").model(kind_of(services.kernel, KIND).built_in_uuid)

    def broken(*_: object) -> None:
        raise ValueError("the weights do not fit")

    monkeypatch.setattr(module, "open_driver", lambda *_: broken)
    with pytest.raises(DriverError, match=r"cannot open the model.*the weights do not fit"):
        open_predictor(services, model, {})
    monkeypatch.undo()
    monkeypatch.setattr(module, "driver_names", lambda _: frozenset())
    listed = {each["name"]: each for each in lab["ann"].get("/api/v2/model-kinds").json()}
    assert listed[KIND]["has_driver"] is False
    [told] = [each for each in lab["ann"].get(MODELS).json()["items"] if each["kind"] == KIND]
    assert "not installed on this server" in told["unavailable_reason"]
