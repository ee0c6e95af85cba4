"""Merging a branch with the set that it was made from: every kind of change, conflicts, undoing, again and back."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import func, select

from exact_core.api.errors import Conflict
from exact_core.services import Services
from exact_core.storage.models import AnnotationSummary, ChangeSet, ImageSetProduct
from exact_core.versioning.branches import merging
from exact_core.versioning.branches.three_way import Content, Take, merge
from exact_core.versioning.manifest_job import check_version
from tests.core.annotations.test_digest import computed_again
from tests.core.versioning.conftest import Lab, box, listed, make_version

COUNTED = ("added", "changed", "deleted", "same", "conflicts", "left_out")
HEADS = ("type_id", "geometry", "text", "attributes")


@dataclass
class Fork:
    """A set, its branch, and the shapes that both began with, by name; ``far`` lies on the other image."""

    lab: Lab
    branch: int
    image: int
    other: int
    source: dict[str, int] = field(default_factory=dict)
    copies: dict[str, int] = field(default_factory=dict)
    uuids: dict[str, str] = field(default_factory=dict)

    def preview(self, direction: str = "into_source", who: str = "lead", **query: Any) -> dict[str, Any]:
        url = f"/api/v2/image-sets/{self.branch}/merge-preview"
        answer = self.lab[who].get(url, params={"direction": direction, **query})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def merge(self, who: str = "lead", seen: dict[str, Any] | None = None, **wanted: Any) -> Any:
        """Merge what was seen, or what there is now."""
        seen = seen or self.preview(wanted.get("direction", "into_source"))
        body = {name: seen[name] for name in ("direction", "source_revision", "branch_revision")}
        return self.lab[who].post(f"/api/v2/image-sets/{self.branch}/merge", json=body | {"reason": "done"} | wanted)

    def merged(self, **wanted: Any) -> dict[str, int]:
        """The counts of a merge that works."""
        answer = self.merge(**wanted)
        assert answer.status_code == 200, answer.text
        return {name: number for name, number in answer.json()["counts"].items() if number}

    def both(self, name: str, side: str = "source") -> dict[str, Any] | None:
        """What an annotation says now on one side."""
        image_id = self.lab.image_id if side == "source" else self.image
        found = {one["uuid"]: one for one in listed(self.lab, image_id=image_id)}
        one = found.get(self.uuids[name])
        return None if one is None else {head: one[head] for head in HEADS}

    def draw(self, name: str, who: str = "ann", side: str = "branch", **more: Any) -> None:
        image_id = self.image if side == "branch" else self.lab.image_id
        operation = box(self.lab.types["Cell"], 700, 700, 760, 760, **more)
        url = f"/api/v2/images/{image_id}/annotation-changes"
        answer = self.lab[who].post(url, json={"operations": [operation]})
        assert answer.status_code == 200, answer.text
        self.uuids[name] = operation["uuid"]
        self.copies[name] = answer.json()["annotations"][0]["id"]


def moved(x: int) -> dict[str, Any]:
    return {"geometry": {"shape": "box", "points": [[x, 5], [x + 20, 25]]}}


NAMES = ("still", "moved", "typed", "both", "clash", "gone", "lost", "twice", "noted")


@pytest.fixture
def fork(lab: Lab, work: Callable[[], int], make_image: Callable[..., int]) -> Fork:
    """A cooperative set with ten shapes on two images, and a branch of its version."""
    kinds = [{"name": "size", "kind": "number"}, {"name": "note", "kind": "text"}]
    lab["lead"].patch(f"/api/v2/annotation-types/{lab.types['Cell']}", json={"attributes": kinds})
    drawn = {
        name: lab.draw("ann", 100 * n, 5, 100 * n + 20, 25, attributes={"size": n}) for n, name in enumerate(NAMES)
    }
    other = make_image(lab.image_set_id, position=10**6)
    url = f"/api/v2/images/{other}/annotation-changes"
    answer = lab["ann"].post(url, json={"operations": [box(lab.types["Cell"], 7, 7, 90, 90)]})
    drawn["far"] = answer.json()["annotations"][0]
    version = make_version(lab)
    made = lab["lead"].post(f"/api/v2/versions/{version['id']}/branches", json={"name": "try"}).json()
    work()
    images = lab["ann"].get(f"/api/v2/image-sets/{made['image_set_id']}/images").json()["items"]
    found = Fork(lab, made["image_set_id"], images[0]["id"], other)
    copies = {one["uuid"]: one["id"] for image in images for one in listed(lab, image_id=image["id"])}
    for name, one in drawn.items():
        found.source[name], found.copies[name], found.uuids[name] = one["id"], copies[one["uuid"]], one["uuid"]
    return found


def test_each_kind_of_change_is_merged_once_taken_back_and_merged_again(
    fork: Fork, services: Services, work: Callable[[], int]
) -> None:
    lab = fork.lab
    assert fork.merge(default="theirs").json()["id"] is None  # nothing to merge: nothing is noted
    lab.patch("ben", fork.copies["moved"], **moved(4000))
    lab.patch("ann", fork.copies["typed"], type_id=lab.types["Nucleus"])
    lab.patch("ben", fork.copies["both"], **moved(5000), attributes={"size": 3, "note": "mine"})
    lab.patch("ann", fork.source["both"], text="theirs", attributes={"size": 33})
    lab.delete("ann", fork.copies["gone"])
    lab.delete("ann", fork.copies["lost"])
    lab.delete("ben", fork.source["lost"])
    for side in (fork.copies, fork.source):
        lab.patch("ben", side["twice"], **moved(6000))
    lab.patch("ben", fork.source["still"], text="only here")
    lab.patch("ben", fork.copies["noted"], text="a")
    lab.patch("ben", fork.copies["noted"], text="")
    fork.draw("new", "ben", text="fresh", attributes={"size": 99}, claimed_author="Model 2")
    fork.draw("short", "ben")
    lab.delete("ben", fork.copies["short"])

    before, revision = lab.live(), lab["ann"].get(f"/api/v2/image-sets/{lab.image_set_id}").json()["revision"]
    seen = fork.preview()
    assert {name: number for name, number in seen["counts"].items() if number} == {
        "added": 1, "changed": 3, "deleted": 1, "same": 2,
    }  # fmt: skip
    assert (seen["conflicts"], seen["next_cursor"], seen["ours"]["name"], seen["theirs"]["name"]) == (
        [], None, "slides", "try",
    )  # fmt: skip
    done = fork.merge("ann", seen)
    assert done.status_code == 200, done.text
    told = done.json()
    assert (told["source_revision"], told["is_written"], told["reason"]) == (revision + 1, True, "done")
    assert {name: told["counts"][name] for name in COUNTED} == seen["counts"]
    for name in ("moved", "gone", "lost", "twice", "noted", "new", "short"):
        assert fork.both(name) == fork.both(name, "branch")
    for name in ("gone", "lost", "short"):
        assert fork.both(name) is None
    assert fork.both("both") == {
        "type_id": lab.types["Cell"], "text": "theirs", "attributes": {"size": 33, "note": "mine"},
        "geometry": fork.both("both", "branch")["geometry"],
    }  # fmt: skip
    assert fork.both("still")["text"] == "only here"
    assert fork.both("typed")["type_id"] == lab.types["Nucleus"]
    [new] = [one for one in listed(lab) if one["uuid"] == fork.uuids["new"]]
    assert (new["author"]["id"], new["claimed_author"]) == (lab.people["ben"].user_id, "Model 2")
    with lab.database.read() as session:
        log = session.get_one(ChangeSet, (lab.image_set_id, revision + 1))
        assert (log.kind, log.n_changes, log.image_id, log.actor_id, log.reason) == (
            "merge", 5, None, lab.people["ann"].user_id, "done",
        )  # fmt: skip
    _holds(fork, services, work, "merged")

    # Merging again changes nothing; taking the merge back brings everything back, and it can be merged anew.
    assert fork.merge().json()["id"] is None
    after = lab.live()
    undo = f"/api/v2/image-sets/{lab.image_set_id}/annotation-bulk-edits/{revision + 1}/undo"
    assert lab["ann"].post(undo).json()["changed"] == 5
    assert lab.live() == before
    shown = lab["ann"].get(f"/api/v2/image-sets/{fork.branch}/branches").json()["branch"]
    assert [(each["taken_back_by"], each["actor"]["name"]) for each in shown["merges"]] == [(revision + 2, "Ann")]
    _holds(fork, services, work, "taken back")
    assert fork.merged() == {"added": 1, "changed": 3, "deleted": 1, "same": 2}
    assert lab.live() == after

    # Only what changed since is looked at the second time; a new change of a shape that was merged is taken.
    lab.patch("ben", fork.copies["moved"], text="second")
    fork.draw("newer")
    assert fork.merged() == {"added": 1, "changed": 1}
    assert fork.both("moved")["text"] == "second"
    _holds(fork, services, work, "second")

    # The history says what it was, and sets it back as a run; what somebody changed since stays.
    history = lab["ann"].get(f"/api/v2/image-sets/{lab.image_set_id}/history").json()["items"]
    [newest, *_] = [item for item in history if item["kind"] == "merge"]
    assert (newest["n_changes"], newest["image"], newest["session"]) == (2, None, None)
    assert sorted(newest["what"]) == ["Changed Cell", "Drew Cell"]
    [newer] = [one["id"] for one in listed(lab) if one["uuid"] == fork.uuids["newer"]]
    lab.patch("ben", newer, text="kept")
    wanted = {"what": "run", "run": newest["run"]}
    answer = lab.in_set("lead", "POST", "revert", json=wanted)
    assert {name: answer.json()[name] for name in ("changed", "deleted", "skipped")} == {
        "changed": 1, "deleted": 0, "skipped": 1,
    }  # fmt: skip
    assert fork.both("moved") == {head: after[fork.source["moved"]][head] for head in HEADS}
    _holds(fork, services, work, "reverted")


def _holds(fork: Fork, services: Services, work: Callable[[], int], name: str) -> None:
    """Hash, manifest and kept counts of the source agree with its rows."""
    lab = fork.lab
    version = make_version(lab, name)
    work()
    assert check_version(services, version["id"], deep=True).holds
    with lab.database.read() as session:
        kept = select(AnnotationSummary.type_id, func.sum(AnnotationSummary.n)).group_by(AnnotationSummary.type_id)
        counted = dict(session.execute(kept.where(AnnotationSummary.image_id == lab.image_id)).all())
        log = select(ChangeSet.digest).where(ChangeSet.image_set_id == lab.image_set_id).order_by(ChangeSet.revision)
        assert computed_again(session, lab.image_set_id) == list(session.scalars(log))
    live: dict[int, int] = {}
    for one in lab.live().values():
        live[one["type_id"]] = live.get(one["type_id"], 0) + 1
    assert {type_id: int(number) for type_id, number in counted.items() if number} == live


def test_conflicts_are_shown_and_decided_one_by_one(
    fork: Fork, services: Services, make_product: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = fork.lab
    lab.patch("ben", fork.copies["clash"], **moved(7000), text="b")
    lab.patch("ann", fork.source["clash"], **moved(8000), attributes={"size": 44})
    lab.patch("ben", fork.copies["gone"], text="kept")
    lab.delete("ann", fork.source["gone"])
    lab.delete("ben", fork.copies["lost"])
    lab.patch("ann", fork.source["lost"], text="kept here")
    lab.patch("ben", fork.copies["typed"], type_id=lab.types["Nucleus"])  # which drops its size
    lab.patch("ann", fork.source["typed"], attributes={"size": 2, "note": "only a cell has one"})
    foreign = make_product(lab.team_id, "others", types={"Alien": ["box"]}, image_sets=[fork.branch])
    lab.patch("ben", fork.copies["moved"], text="fine")
    with lab.database.read() as session:
        kinds = lab["lead"].get(f"/api/v2/products/{foreign}").json()["types"]
        assert session.get(ImageSetProduct, (lab.image_set_id, foreign)) is None
    lab.patch("ben", fork.copies["twice"], type_id=kinds[0]["id"], attributes={})

    seen = fork.preview(limit=3)
    assert (seen["counts"]["conflicts"], seen["counts"]["changed"], len(seen["conflicts"])) == (5, 1, 3)
    rest = fork.preview(limit=3, cursor=seen["next_cursor"])
    assert (rest["counts"], rest["next_cursor"]) == (None, None)
    found = {each["uuid"]: each for each in seen["conflicts"] + rest["conflicts"]}
    named = {name: found[fork.uuids[name]] for name in ("clash", "gone", "lost", "typed", "twice")}
    assert {name: each["fields"] for name, each in named.items()} == {
        "clash": ["geometry"], "gone": ["object"], "lost": ["object"], "typed": ["object"], "twice": ["type"],
    }  # fmt: skip
    clash = named["clash"]
    assert (clash["annotation_id"], clash["ours_id"]) == (fork.copies["clash"], fork.source["clash"])
    assert (clash["ours_changed"]["by"], clash["theirs_changed"]["by"]) == ("Ann", "Ben")
    assert (clash["image"]["id"], clash["their_image_id"]) == (lab.image_id, fork.image)
    assert (clash["box"][0], clash["box"][2]) == (400, 8020)
    assert [clash[side]["text"] for side in ("base", "ours", "theirs")] == ["", "", "b"]
    assert (named["gone"]["ours"], named["gone"]["ours_changed"]["by"]) == (None, "Ann")
    assert (named["lost"]["theirs"], named["lost"]["theirs_changed"]["by"]) == (None, "Ben")
    assert "does not fit together" in named["typed"]["why"]
    assert ("no such annotation type" in named["twice"]["why"], named["twice"]["may_take_theirs"]) == (True, False)

    theirs = {"annotation_id": fork.copies["twice"], "take": "theirs"}
    # Not without a decision of each, not with one that cannot be, not after something moved, not by everybody.
    for answer, code, text in (
        (fork.merge(), "merge-conflicts", "Decide 5 conflicts"),
        (fork.merge(resolutions=[theirs], default="ours"), "merge-conflicts", "their side cannot be taken"),
        (fork.merge(seen={**seen, "branch_revision": seen["branch_revision"] - 1}, default="ours"), "merge-moved", ""),
    ):
        assert (answer.status_code, answer.json()["code"], text in answer.json()["detail"]) == (409, code, True)
    assert [fork.merge(who, seen, default="ours").status_code for who in ("viewer", "stranger")] == [404, 404]
    assert fork.merge(seen=seen, default="ours", reason=" ").status_code == 422
    before = lab.live()
    with monkeypatch.context() as patch:
        patch.setattr(merging, "MAX_TOUCHED", 3)
        assert "at most" in fork.merge(seen=seen, default="ours").json()["detail"]
    lab["lead"].patch(f"/api/v2/image-sets/{lab.image_set_id}", json={"is_locked": True})
    assert fork.merge(seen=seen, default="ours").status_code == 403
    lab["lead"].patch(f"/api/v2/image-sets/{lab.image_set_id}", json={"is_locked": False})
    assert lab.live() == before

    takes = {"clash": "theirs", "gone": "theirs", "lost": "theirs", "typed": "ours"}
    resolutions = [{"annotation_id": fork.copies[name], "take": take} for name, take in takes.items()]
    counts = fork.merged(seen=seen, resolutions=resolutions, default="theirs")  # where that can be
    assert counts == {"added": 1, "changed": 2, "deleted": 1, "conflicts": 5}
    merged = fork.both("clash")
    assert (merged["attributes"], merged["text"]) == ({"size": 44}, "b")
    assert merged["geometry"] == fork.both("clash", "branch")["geometry"]
    assert fork.both("gone")["text"] == "kept"
    assert fork.both("lost") is None
    assert fork.both("typed")["attributes"]["note"] == "only a cell has one"
    assert fork.both("twice")["type_id"] == lab.types["Cell"]
    assert fork.merge().json()["id"] is None  # what was decided is not asked again

    # The other way round: the branch gets what happened in the source, also what was decided there.
    lab.patch("ann", fork.source["still"], text="news")
    back = fork.preview("from_source")
    assert (back["ours"]["name"], back["counts"]["conflicts"]) == ("try", 0)
    assert fork.merged(direction="from_source") == {"changed": 3}
    for name in NAMES:
        if name != "twice":
            assert fork.both(name) == fork.both(name, "branch"), name
    assert fork.merge(direction="from_source").json()["id"] is None
    lab.patch("ben", fork.copies["still"], text="answer")
    assert fork.merged() == {"changed": 1}
    assert fork.both("still")["text"] == "answer"


def test_images_in_the_bin_are_left_out_until_they_are_back_and_plugins_hear_of_a_merge(
    fork: Fork, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, heard = fork.lab, []
    lab.patch("ben", fork.copies["moved"], **moved(4000))
    lab.delete("ben", fork.copies["gone"])
    fork.draw("new", "ben")
    lab["lead"].delete(f"/api/v2/images/{fork.image}")
    assert fork.preview()["counts"] == {name: 3 if name == "left_out" else 0 for name in COUNTED}
    assert fork.merge().json()["id"] is None
    lab.patch("ben", fork.copies["far"], text="on another image")
    assert fork.merged() == {"changed": 1, "left_out": 3}
    assert lab.live(image_id=fork.other)[fork.source["far"]]["text"] == "on another image"
    lab["lead"].post(f"/api/v2/images/{fork.image}/restore")
    assert fork.preview()["counts"] | {"left_out": 0} == {
        "added": 1, "changed": 1, "deleted": 1, "same": 0, "conflicts": 0, "left_out": 0,
    }  # fmt: skip

    def refuse(*_: Any) -> None:
        raise Conflict("not today")

    hooks = services.kernel.hooks
    monkeypatch.setattr(hooks, "hears_annotations", lambda _image_set_id: True)
    with monkeypatch.context() as patch:
        patch.setattr(hooks, "annotations_changing", refuse)
        before = lab.live()
        assert "not today" in fork.merge().json()["detail"]
        assert lab.live() == before
    monkeypatch.setattr(hooks, "annotations_changed", heard.extend)
    assert fork.merged() == {"added": 1, "changed": 1, "deleted": 1}
    assert fork.merge().json()["id"] is None
    told = {(str(change.action), change.annotation_id, change.image_id, change.image_set_id) for change in heard}
    new = next(id_ for id_, one in lab.live().items() if one["geometry"]["rings"][0][0] == [700, 700])
    assert told == {
        (action, id_, lab.image_id, lab.image_set_id)
        for action, id_ in (("updated", fork.source["moved"]), ("deleted", fork.source["gone"]), ("created", new))
    }


def test_merges_both_ways_agree_with_a_comparison_of_everything(fork: Fork) -> None:
    """Random edits, merges in both directions and a merge taken back, beside the pure decision on whole sets."""
    lab, chance = fork.lab, random.Random(5)
    kinds = [{"name": "size", "kind": "number"}, {"name": "note", "kind": "text"}]
    lab["lead"].patch(f"/api/v2/annotation-types/{lab.types['Nucleus']}", json={"attributes": kinds})

    def contents(image_id: int) -> dict[str, Content]:
        found = {}
        for one in listed(lab, image_id=image_id):
            found[one["uuid"]] = {"geometry": one["geometry"]["rings"], "type": one["type_id"], "text": one["text"]}
            found[one["uuid"]] |= {f"attribute:{name}": value for name, value in one["attributes"].items()}
        return found

    def edit(image_id: int) -> None:
        operations: list[dict[str, Any]] = [box(lab.types["Cell"], 9, 9, 40, 40) for _ in range(3)]
        for one in listed(lab, image_id=image_id):
            attributes = {"size": chance.randrange(3)} | ({"note": "x"} if chance.random() < 0.5 else {})
            change: dict[str, Any] = chance.choice(
                [{}, {"text": chance.choice("ab")}, {"type_id": lab.types[chance.choice(["Cell", "Nucleus"])]},
                 {"attributes": attributes}, moved(100 * chance.randrange(2)), {"op": "delete"}]
            )  # fmt: skip
            if change:
                operations.append({"op": "update", "id": one["id"], **change})
        url = f"/api/v2/images/{image_id}/annotation-changes"
        answer = lab["ann"].post(url, json={"operations": operations})
        assert answer.status_code == 200, answer.text

    base, bases, met = contents(fork.image), [], 0
    for turn in range(6):
        edit(fork.image)
        edit(lab.image_id)
        direction = chance.choice(["into_source", "from_source"])
        ours_image, theirs_image = (lab.image_id, fork.image)[:: 1 if direction == "into_source" else -1]
        ours, theirs = contents(ours_image), contents(theirs_image)
        seen = fork.preview(direction)
        asked = {each["uuid"]: each for each in seen["conflicts"]}
        takes = {uuid: chance.choice(list(Take)) for uuid in asked}
        expected, conflicts = {}, {}
        for uuid in ours.keys() | theirs.keys() | base.keys():
            merged = merge(base.get(uuid), ours.get(uuid), theirs.get(uuid), takes.get(uuid, Take.OURS))
            if merged.content is not None:
                expected[uuid] = merged.content
            if merged.conflicts:
                conflicts[uuid] = list(merged.conflicts)
        assert {uuid: each["fields"] for uuid, each in asked.items()} == conflicts, turn
        resolutions = [{"annotation_id": each["annotation_id"], "take": takes[uuid]} for uuid, each in asked.items()]
        met += len(conflicts)
        done = fork.merge(seen=seen, resolutions=resolutions)
        assert done.status_code == 200, done.text
        assert contents(ours_image) == expected, turn
        assert contents(theirs_image) == theirs
        bases.append(base)
        base = theirs
        if turn == 3 and done.json()["is_written"]:
            told = done.json()
            goal = (lab.image_set_id, "source") if direction == "into_source" else (fork.branch, "branch")
            undo = f"/api/v2/image-sets/{goal[0]}/annotation-bulk-edits/{told[f'{goal[1]}_revision']}/undo"
            assert lab["lead"].post(undo).status_code == 200
            assert contents(ours_image) == ours
            base = bases[-1]
    assert met > 5
