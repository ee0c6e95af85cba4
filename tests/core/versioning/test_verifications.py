"""Verdicts and states of images belong to a version: shown as they were, and covered by its hash and its manifest."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import delete, insert, select, text

from exact_core.annotations.access import rights_in
from exact_core.annotations.digest import linked
from exact_core.api.context import Actor
from exact_core.exchange.document import Report
from exact_core.exchange.exporting import Wanted, open_document, write_export
from exact_core.exchange.registry import built_in
from exact_core.review.assigning import Assigning, Wish
from exact_core.review.digest import act_digest, state_digest, verdicts_digest
from exact_core.review.image_states import write_state
from exact_core.review.modes import change_settings
from exact_core.review.settings import ModeSettings
from exact_core.review.verdicts import NewVerdict, write_verdicts
from exact_core.services import Services
from exact_core.storage.models import AnnotationVerification, ChangeSet, ImageReview, User, Version, VersionImage
from exact_core.versioning.manifest_job import check_version
from exact_core.versioning.verified import counted
from tests.core.versioning.conftest import Lab, make_version


def judge(lab: Lab, who: str, *verdicts: dict[str, Any]) -> None:
    answer = lab.post(who, "verifications", {"verdicts": list(verdicts)})
    assert answer.status_code == 200, answer.text


def said_of(lab: Lab, annotation_id: int, who: str = "lead", **version: int) -> Any:
    answer = lab[who].get(f"/api/v2/annotations/{annotation_id}/verifications", params=version)
    assert answer.status_code == 200, answer.text
    return answer.json()


def everything(lab: Lab, ids: list[int], who: str = "lead", **version: int) -> dict[str, Any]:
    """All that the API says of verdicts and states, now or in a version."""
    walk = lab.get(who, "verification-walk", order="drawing", **version).json()["items"]
    return {
        "said": [said_of(lab, id_, who, **version) for id_ in ids],
        "walk": [(item["id"], item["type_id"], item["verification"]) for item in walk],
        "counts": lab.get(who, "verification-counts", **version).json(),
        "marks": lab.get(who, "verification-marks", x0=0, y0=0, x1=20_000, y1=10_000, **version).json()["marks"],
        "accepted": [
            item["id"] for item in lab.get(who, "annotations", verification="accepted", **version).json()["items"]
        ],
        "review": {**lab.get(who, "review", **version).json(), "items": [], "is_changed_since": False},
    }


def exported(lab: Lab, services: Services, who: str = "lead", version_id: int | None = None) -> dict[str, str]:
    """What exported files say of verification, by uuid: the same in each format that has a place for it."""
    document = open_document(services.database, lab.people[who], Wanted(lab.image_set_id, version_id=version_id))
    [image] = document.images
    found = {shape.uuid: shape.verification for shape in document.shapes(image)}
    for name in ("geojson", "csv"):
        target = io.BytesIO()
        write = built_in(name).write
        assert write is not None
        write(document, target, Report())
        if name == "geojson":
            features = json.loads(target.getvalue())["features"]
            written = {each["id"]: each["properties"]["exact"].get("verification", "") for each in features}
        else:
            rows = target.getvalue().decode("utf-8-sig").splitlines()[1:]
            written = {uuid: row.rsplit(",", 1)[1] for row in rows for uuid in found if uuid in row}
        assert written == found
    report, yolo = Report(), built_in("yolo")
    write_export(document, yolo, io.BytesIO(), report)
    told = [count for words, count in report.losses.items() if "verified" in words]
    assert told == [sum(1 for said in found.values() if said)]
    return found


def test_a_version_still_says_what_was_verified_when_it_was_made(
    lab: Lab, services: Services, work: Callable[[], int]
) -> None:
    one, two, three, four = (lab.draw("ann", 100 * n, 100, 100 * n + 60, 160) for n in range(1, 5))
    ids = [each["id"] for each in (one, two, three, four)]
    judge(
        lab, "ben", {"id": one["id"], "verdict": "accepted"}, {"id": two["id"], "verdict": "rejected", "reason": "no"}
    )
    judge(
        lab, "ann", {"id": one["id"], "verdict": "dubious", "reason": "edge"}, {"id": four["id"], "verdict": "accepted"}
    )
    lab.patch("ann", four["id"], text="changed after it was judged")
    lab["ben"].put(f"/api/v2/images/{lab.image_id}/review-state", json={"state": "dubious", "reason": "blurred"})
    before = everything(lab, ids)
    assert [said["state"] for said in before["said"]] == ["dubious", "rejected", "unverified", "outdated"]
    assert before["review"]["state"] == "dubious"
    written = exported(lab, services)
    assert sorted(written.values()) == ["", "dubious", "outdated", "rejected"]
    made = make_version(lab)
    version = {"version": made["id"]}
    as_of = everything(lab, ids, **version)
    assert as_of == before

    judge(
        lab,
        "ann",
        {"id": one["id"], "verdict": None},
        {"id": two["id"], "verdict": "accepted", "type_id": lab.types["Nucleus"]},
    )
    judge(lab, "ben", {"id": three["id"], "verdict": "rejected"}, {"id": one["id"], "verdict": "rejected"})
    lab.post("ann", "verify", {"accept": True})
    lab["lead"].put(f"/api/v2/images/{lab.image_id}/review-state", json={"state": "reviewed"})
    lab.delete("ann", four["id"])
    with lab.database.write() as session:
        session.get_one(User, lab.people["ben"].user_id).display_name = "Somebody Else"
    now = everything(lab, ids[:3])
    assert now["said"] != before["said"][:3]
    assert now["review"]["state"] == "reviewed"
    work()  # the manifest keeps what people were called when it was written
    names = {"Ben": "Somebody Else"}
    renamed = json.loads(json.dumps(before).replace('"Ben"', json.dumps(names["Ben"])))
    assert json.loads(json.dumps(everything(lab, ids, **version))) == renamed
    assert exported(lab, services, version_id=made["id"]) == written
    with lab.database.read() as session:
        assert counted(session, lab.people["lead"], session.get_one(Version, made["id"]), rights_in(session)) == {
            "accepted": 0, "rejected": 1, "dubious": 1, "outdated": 1,
        }  # fmt: skip
    images = lab["viewer"].get(f"/api/v2/versions/{made['id']}/images").json()["items"]
    assert [image["review_state"] for image in images] == ["dubious"]

    lines = _lines(lab, made["id"])
    verdicts = [
        (line["annotation"], line["reader"], line["verdict"], line["reason"])
        for line in lines
        if line["line"] == "verification"
    ]
    ann, ben = lab.people["ann"].user_id, lab.people["ben"].user_id
    assert verdicts == [
        (one["id"], ann, "dubious", "edge"), (one["id"], ben, "accepted", ""), (two["id"], ben, "rejected", "no"),
        (four["id"], ann, "accepted", ""),
    ]  # fmt: skip
    states = [(line["reader"], line["state"], line["reason"]) for line in lines if line["line"] == "state"]
    assert states == [(ben, "dubious", "blurred")]
    assert next(line for line in lines if line["line"] == "image")["review_state"] == "dubious"
    assert (lines[-1]["annotations"], lines[-1]["verifications"]) == (4, 4)
    assert {ann, ben} <= {int(id_) for id_ in lines[-2] if id_ != "line"}

    with lab.database.write() as session:
        session.get_one(VersionImage, (made["id"], lab.image_id)).review_state = ""
    assert lab.get("lead", "review", **version).json()["state"] is None  # as in a version from before states were kept


TOUCHES = (
    "UPDATE annotation_verification SET verdict = 'rejected'",
    "UPDATE annotation_verification SET reason = 'x'",
    "UPDATE annotation_verification SET valid_to = valid_from",
    "DELETE FROM annotation_verification",
    "UPDATE image_review SET state = 'reviewed'",
    "UPDATE version_image SET review_state = 'reviewed'",
)


def test_a_touched_verdict_or_state_is_told_by_the_check(lab: Lab, services: Services, work: Callable[[], int]) -> None:
    drawn = lab.draw("ann")
    judge(lab, "ben", {"id": drawn["id"], "verdict": "accepted"})
    lab["ben"].put(f"/api/v2/images/{lab.image_id}/review-state", json={"state": "in_work"})
    made = make_version(lab)
    work()
    judge(lab, "ben", {"id": drawn["id"], "verdict": "dubious"})
    lab.post("ben", "verify", {"accept": True})
    tables = [table.__table__ for table in (AnnotationVerification, ImageReview, VersionImage)]
    for touch in TOUCHES:
        with lab.database.write() as session:
            kept = [[dict(row) for row in session.execute(select(table)).mappings()] for table in tables]
            session.execute(text(touch))
        assert check_version(services, made["id"], deep=True).annotations is False, touch
        with lab.database.write() as session:
            for table, rows in zip(tables, kept, strict=True):
                session.execute(delete(table))
                session.execute(insert(table), rows)
        assert check_version(services, made["id"], deep=True).holds


def test_what_is_said_is_in_the_running_hash(lab: Lab, services: Services) -> None:
    drawn = lab.draw("ann")
    ben, ann, lead = (lab.people[name] for name in ("ben", "ann", "lead"))

    def after(act: Callable[[Any, int], object]) -> tuple[str, str]:
        """The hash before and after an act under the newest revision, which is taken back."""
        with lab.database.write() as session:
            newest = session.scalars(select(ChangeSet).order_by(ChangeSet.revision.desc())).first()
            before = newest.digest
            act(session, newest.revision)
            session.expire_all()
            found = session.scalars(select(ChangeSet.digest).order_by(ChangeSet.revision.desc())).first()
            session.rollback()
            return before, found

    def verdict(reader: Actor = ben, **values: Any) -> Callable[[Any, int], object]:
        kept = {"annotation_id": drawn["id"], "state_from": drawn["revision"], "verdict": "accepted", **values}
        return lambda session, revision: write_verdicts(
            session, lab.image_id, reader.user_id, revision, [NewVerdict(**kept)]
        )

    def state(reader: Actor, name: str, reason: str = "") -> Callable[[Any, int], object]:
        return lambda session, revision: write_state(session, lab.image_id, reader.user_id, name, revision, reason)

    def settings(seed: int) -> Callable[[Any, int], object]:
        wanted = ModeSettings(order="random", seed=seed)
        return lambda session, _: change_settings(session, lead, lab.image_set_id, wanted, None, "")

    def assignment(reader: Actor) -> Callable[[Any, int], object]:
        return lambda session, _: Assigning(session, lead, lab.image_set_id).assign(Wish([reader.user_id]))

    acts = [
        verdict(), verdict(ann), verdict(verdict="rejected"), verdict(verdict=None), verdict(reason="x"),
        verdict(type_id=lab.types["Cell"]), verdict(state_from=0),
        state(ben, "done"), state(ann, "done"), state(ben, "dubious"), state(ben, "done", "x"),
        settings(1), settings(2), assignment(ann), assignment(ben),
    ]  # fmt: skip
    found = [after(act) for act in acts]
    assert len({before for before, _ in found}) == 1
    hashes = [digest for _, digest in found]
    assert len({*hashes, found[0][0]}) == len(acts) + 1
    assert [after(act)[1] for act in acts[:11]] == hashes[:11]  # equal acts, equal hashes: no time is in them
    # Accepting all is accepting each.
    before, each = found[0]
    assert each == linked(
        before, verdicts_digest(lab.image_id, ben.user_id, [(drawn["id"], drawn["revision"], "accepted", None, "")])
    )
    assert found[7][1] == linked(before, state_digest(lab.image_id, ben.user_id, "done", ""))
    digests = _digests(lab)
    lab.post("ben", "verify", {"accept": True})
    bare = linked(digests[-1], b"")
    accepted = linked(
        bare, verdicts_digest(lab.image_id, ben.user_id, [(drawn["id"], drawn["revision"], "accepted", None, "")])
    )
    assert _digests(lab)[-1] == linked(accepted, state_digest(lab.image_id, ben.user_id, "done", ""))
    assert act_digest({"a": 1}) != act_digest({"a": 2})


def test_a_blind_reader_sees_of_a_version_their_own_verdicts_and_states(
    make_lab: Callable[..., Lab], services: Services
) -> None:
    lab = make_lab(mode="competitive")
    own, other = lab.draw("ann"), lab.draw("ben", 100, 100, 150, 150)
    judge(lab, "ann", {"id": own["id"], "verdict": "accepted"})
    judge(lab, "ben", {"id": other["id"], "verdict": "rejected"})
    lab.post("ben", "verify", {"accept": False})
    made = make_version(lab)
    judge(lab, "ann", {"id": own["id"], "verdict": "rejected"})
    lab.post("ann", "verify", {"accept": False})
    version = {"version": made["id"]}
    seen = everything(lab, [own["id"]], "ann", **version)
    assert (seen["said"][0]["state"], seen["counts"]["accepted"], seen["counts"]["total"]) == ("accepted", 1, 1)
    assert (seen["review"]["state"], seen["review"]["readers"]) == ("to_do", [])
    assert lab["ann"].get(f"/api/v2/annotations/{other['id']}/verifications", params=version).status_code == 404
    assert exported(lab, services, "lead", made["id"]) == {own["uuid"]: "accepted", other["uuid"]: "rejected"}
    states = {
        who: lab[who].get(f"/api/v2/versions/{made['id']}/images").json()["items"][0]["review_state"]
        for who in ("ann", "ben", "lead")
    }
    assert states == {"ann": "to_do", "ben": "done", "lead": "in_work"}
    for who, status in (("stranger", 404), ("viewer", 200)):
        for path in ("review", "verification-walk", "verification-counts"):
            assert lab.get(who, path, **version).status_code == status
    assert lab.get("viewer", "verification-counts", **version).json()["total"] == 0


def _lines(lab: Lab, version_id: int) -> list[dict[str, Any]]:
    answer = lab["lead"].get(f"/api/v2/versions/{version_id}/manifest")
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in gzip.decompress(answer.content).splitlines()]


def _digests(lab: Lab) -> list[str]:
    with lab.database.read() as session:
        return list(session.scalars(select(ChangeSet.digest).order_by(ChangeSet.revision)))
