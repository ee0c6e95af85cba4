"""Changing all hits of a search in sets that several people read: what is finished or not given stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from exact_core.storage.models import AnnotationVerification, ImageReview

Make = Callable[..., Any]
FINISHED = "on images or regions that you have finished"
NOT_GIVEN = "on images or regions that are not given to you"


def relabel(study: Any, who: str, q: str = "", *, preview: bool = False, status: int = 200, **body: Any) -> Any:
    path = f"/image-sets/{study.set_id}/annotation-bulk-edits"
    body = body or {"type_id": study.types["Nucleus"]}
    return study.post(who, f"{path}?preview={preview}", {"q": q, **body}, status=status)


def refused(told: Any) -> dict[str, int]:
    return {each["reason"]: each["count"] for each in told["refused"]}


def take_back(study: Any, who: str, revision: int) -> Any:
    return study.post(who, f"/image-sets/{study.set_id}/annotation-bulk-edits/{revision}/undo")


def test_finished_images_and_images_of_others_stay(make_study: Make) -> None:
    study = make_study("second_opinion", readers_per_item=2, rule={"kind": "detection", "distance_um": 5})
    for image in range(3):
        study.draw("ann", image, 100, 100, 130, 130)
        study.draw("ben", image, 500, 500, 530, 530)
    study.verify("ann", 0)
    told = relabel(study, "ann", preview=True)
    assert (told["total"], told["changed"], refused(told)) == (3, 2, {FINISHED: 1})
    done = relabel(study, "ann")
    assert done["changed"] == 2
    assert {shape["type_id"] for shape in study.get("ann", f"/images/{study.images[0]}/annotations")["items"]} == {
        study.types["Cell"]
    }
    study.verify("ann", 1)
    back = take_back(study, "ann", done["revision"])
    assert (back["changed"], back["skipped"]) == (1, 1)
    assert relabel(study, "max", preview=True)["changed"] == 5, "who manages the set is bound to no assignment"


def test_who_reads_no_image_of_a_set_changes_nothing_there(make_study: Make) -> None:
    study = make_study("cooperative")
    study.draw("ann", 0, 100, 100, 130, 130)
    study.draw("ann", 1, 100, 100, 130, 130)
    settings = {"second_opinion": {"rule": {"kind": "never"}}}
    study.send("max", "PUT", f"/image-sets/{study.set_id}/mode", {"mode": "second_opinion", "settings": settings})
    study.draw("ann", 1, 500, 500, 530, 530)  # who begins to read becomes a reader
    told = relabel(study, "ann", preview=True)
    assert (told["total"], told["changed"], refused(told)) == (3, 2, {NOT_GIVEN: 1})
    assert relabel(study, "ann")["changed"] == 2


def test_regions_that_are_finished_stay(make_study: Make) -> None:
    study = make_study("second_opinion", items="region", rule={"kind": "detection", "distance_um": 5})
    regions = [{"image_id": study.images[0], "x0": x, "y0": 0, "x1": x + 999, "y1": 999} for x in (0, 2_000)]
    study.post(
        "max", f"/image-sets/{study.set_id}/assignments",
        {"readers": [study.id("ann"), study.id("ben")], "how": "each", "kind": "region", "regions": regions},
    )  # fmt: skip
    study.draw("ann", 0, 100, 100, 130, 130)
    study.draw("ann", 0, 2_100, 100, 2_130, 130)
    items = study.get("ann", f"/images/{study.images[0]}/review")["items"]
    first = next(each for each in items if each["region"]["x0"] == 0)
    study.post("ann", f"/images/{study.images[0]}/items/{first['item_id']}/finish")
    told = relabel(study, "ann", preview=True)
    assert (told["changed"], refused(told)) == (1, {FINISHED: 1})
    assert relabel(study, "ann")["changed"] == 1


def test_a_change_takes_up_what_was_done_and_accepts_ones_own_where_the_set_is_made_so(make_study: Make) -> None:
    study = make_study("cooperative", settings={"cooperative": {"owner_verifies": True}})
    study.assign("ann", how="each")
    for image in (0, 1):
        study.draw("ann", image, 100, 100, 130, 130)
        study.draw("ben", image, 500, 500, 530, 530)
        study.verify("ann", image)
    with study.database.read() as session:
        mine = (ImageReview.reader_id == study.id("ann"), ImageReview.valid_to == 2**31 - 1)
        assert set(session.scalars(select(ImageReview.state).where(*mine))) == {"done"}
    done = relabel(study, "ann")
    assert done["changed"] == 4
    with study.database.read() as session:
        assert set(session.scalars(select(ImageReview.state).where(*mine))) == {"in_work"}
        verdict = AnnotationVerification
        new = select(verdict.annotation_id).where(verdict.state_from == done["revision"], verdict.verdict == "accepted")
        accepted = set(session.scalars(new))
    own = {shape["id"] for image in (0, 1) for shape in study.get("ann", f"/images/{study.images[image]}/annotations")
           ["items"] if shape["author"]["name"] == "Ann"}  # fmt: skip
    assert accepted == own
    assert take_back(study, "ann", done["revision"])["changed"] == 4


def test_what_is_revealed_to_readers_is_only_looked_at(make_study: Make) -> None:
    study = make_study("second_opinion", readers_per_item=2, reveal="own_done", rule={"kind": "never"})
    own = study.draw("ann", 0, 100, 100, 130, 130)
    study.draw("ben", 0, 500, 500, 530, 530)
    study.verify("ann", 0)
    told = relabel(study, "ann", preview=True)
    assert (told["total"], told["changed"]) == (2, 0)
    hits = study.get("ann", f"/image-sets/{study.set_id}/annotation-search")["items"]
    assert {hit["id"]: (hit["author"] or {}).get("name") for hit in hits} == {own["id"]: "Ann"} | {
        hit["id"]: None for hit in hits if hit["id"] != own["id"]
    }


def test_a_change_of_the_whole_set_is_seen_on_the_images_that_it_reached(make_study: Make) -> None:
    study = make_study("cooperative")
    for image in (0, 1):
        study.draw("ann", image, 100, 100, 130, 130)
    study.draw("ann", 2, 100, 100, 130, 130, type_name="Nucleus")
    for image in range(3):
        study.verify("ben", image)
    said = [study.review("ann", image)["is_changed_since"] for image in range(3)]
    assert said == [False, False, False]
    done = relabel(study, "ann", "class:Cell")
    assert (done["changed"], [study.review("ann", image)["is_changed_since"] for image in range(3)]) == (
        2, [True, True, False],
    )  # fmt: skip
    study.verify("ben", 0)
    assert [study.review("ann", image)["is_changed_since"] for image in range(3)] == [False, True, False]


def test_setting_back_a_set_leaves_and_names_the_images_that_are_finished(make_study: Make) -> None:
    study = make_study("second_opinion", readers_per_item=2, rule={"kind": "detection", "distance_um": 5})
    drawn = [study.draw("ann", image, 100, 100, 130, 130) for image in (0, 0, 1, 2)]
    study.verify("ann", 0)  # the first: whoever writes first must be another
    name = next(each["name"] for each in study.listed("ann")["items"] if each["id"] == study.images[0])
    session = {"what": "session", "revision": drawn[0]["revision"]}
    alone = study.post("ann", f"/images/{study.images[0]}/revert", session, status=409)
    assert alone["detail"].startswith("You have finished this image."), "of one image it is known which"
    for query in ("?preview=true", ""):
        told = study.post("ann", f"/image-sets/{study.set_id}/revert{query}", session)
        assert (told["deleted"], told["skipped"], len(told["images"])) == (2, 2, 3)
        [reason] = told["reasons"]
        assert (reason["count"], reason["reason"].startswith(f"{name}: You have finished this image.")) == (2, True)
        assert {each["id"] for each in told["skipped_annotations"]} == {each["id"] for each in drawn[:2]}
    assert [len(study.shown("ann", image)) for image in range(3)] == [2, 0, 0]
    for image in (1, 2):
        study.verify("ann", image)
    for query in ("?preview=true", ""):
        refused_ = study.post("ann", f"/image-sets/{study.set_id}/revert{query}", session, status=409)
        assert "You have finished this image" in refused_["detail"], "when none of them may be changed"


def test_setting_back_a_set_leaves_an_image_where_a_finished_region_is_reached(make_study: Make) -> None:
    study = make_study("second_opinion", items="region", rule={"kind": "detection", "distance_um": 5})
    regions = [
        {"image_id": study.images[image], "x0": x, "y0": 0, "x1": x + 999, "y1": 999}
        for image, x in ((0, 0), (0, 2_000), (1, 0))
    ]
    study.post(
        "max", f"/image-sets/{study.set_id}/assignments",
        {"readers": [study.id("ann"), study.id("ben")], "how": "each", "kind": "region", "regions": regions},
    )  # fmt: skip
    first = study.draw("ann", 0, 100, 100, 130, 130)
    study.draw("ann", 1, 100, 100, 130, 130)
    items = study.get("ann", f"/images/{study.images[0]}/review")["items"]
    done = next(each for each in items if each["region"]["x0"] == 0)
    study.post("ann", f"/images/{study.images[0]}/items/{done['item_id']}/finish")
    session = {"what": "session", "revision": first["revision"]}
    for query in ("?preview=true", ""):
        told = study.post("ann", f"/image-sets/{study.set_id}/revert{query}", session)
        assert (told["deleted"], told["skipped"]) == (1, 1)
        assert "You have finished this region" in told["reasons"][0]["reason"]
    assert [len(study.shown("ann", image)) for image in range(2)] == [1, 0]
