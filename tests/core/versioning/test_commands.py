"""``exact versions``, as people and scripts type it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from exact_core.cli import main
from exact_core.settings import Settings
from exact_core.storage.models import Image, ImageSet, User
from tests.core.versioning.conftest import Lab, box, listed


@pytest.fixture
def run(lab: Lab, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """``run("list")`` on the lab's instance and set; gives the JSON that was printed, or the words of a failure."""
    monkeypatch.setenv("EXACT_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("EXACT_DATABASE_URL", settings.effective_database_url)
    monkeypatch.setenv("EXACT_SECRET_KEY", settings.secret.decode())
    monkeypatch.setenv("EXACT_PLUGINS", "")
    with lab.database.read() as session:
        name = session.get_one(ImageSet, lab.image_set_id).name

    def call(*arguments: str, fails: bool = False, as_json: bool = True) -> Any:
        flags = ["--json"] if as_json else []
        of_set = [] if arguments[0] == "merge" else ["--set", name]
        answer = CliRunner().invoke(main, ["versions", *arguments, *of_set, *flags])
        assert (answer.exit_code != 0) is fails, answer.output
        return json.loads(answer.stdout) if as_json and not fails else answer.output

    return call


def test_a_version_is_made_listed_shown_compared_and_written_out(
    run: Callable[..., Any], lab: Lab, work: Callable[[], int], tmp_path: Path
) -> None:
    drawn = [lab.draw("ann", 100 * number, 100, 100 * number + 60, 170) for number in range(5)]
    made = run("create", "round 1", "--description", "Before the second reading")
    assert (made["name"], made["description"], made["manifest"]["state"]) == (
        "round 1", "Before the second reading", "pending",
    )  # fmt: skip
    assert made["image_count"] == 1
    assert "pending" in run("export", "round 1", "--format", "manifest", "-o", str(tmp_path / "m"), fails=True)
    work()
    before = listed(lab)
    lab.change(
        "lead",
        {"op": "delete", "id": drawn[0]["id"]},
        {"op": "update", "id": drawn[1]["id"], "type_id": lab.types["Nucleus"]},
        box(lab.types["Cell"], 500, 500, 560, 560),
    )
    run("create", "round 2")
    assert [each["name"] for each in run("list")] == ["round 2", "round 1"]

    shown = run("show", "round 1", "--check")
    assert shown["annotation_count"] == 5
    assert shown["check"] == {"file": True, "signature": True, "annotations": True, "holds": True}
    assert [image["image_id"] for image in shown["images"]] == [lab.image_id]
    assert run("show", str(made["id"]))["name"] == "round 1"  # by its number

    for sides in (("round 1", "round 2"), ("round 1",)):
        found = run("diff", *sides, "--annotations")
        assert [found["total"][name] for name in ("added", "removed", "changed", "type")] == [1, 1, 1, 1]
        assert [each["kinds"] for each in found["annotations"]] == [["removed"], ["type"], ["added"]]
    back = run("diff", "round 2", "round 1")
    assert (back["total"]["added"], back["total"]["removed"]) == (1, 1)

    target = tmp_path / "round-1.geojson"
    for _ in range(2):
        written = run("export", "round 1", "--format", "geojson", "-o", str(target))
        assert (written["version"], written["content_digest"]) == ("round 1", made["content_digest"])
        first = target.read_bytes()
        features = json.loads(first)["features"]
        assert len(features) == len(before) == 5
        lab.draw("ann", 700, 700, 730, 730)
        run("export", "round 1", "--format", "geojson", "-o", str(target))
        assert target.read_bytes() == first

    manifest = tmp_path / "round-1.jsonl.gz"
    told = run("export", "round 1", "--format", "manifest", "-o", str(manifest))
    assert told["digest"] == shown["manifest"]["digest"]
    lines = gzip.decompress(manifest.read_bytes()).splitlines()
    assert json.loads(lines[0])["name"] == "round 1" or "round 1" in lines[0].decode()
    assert [path.name for path in tmp_path.glob(".*.part")] == []


def test_words_for_people_name_what_there_is(run: Callable[..., Any], lab: Lab) -> None:
    lab.draw("ann")
    assert lab.post("ben", "verify", {"accept": True}).status_code == 200
    assert "1 image." in run("create", "round 1", as_json=False)
    lab.draw("ann", 50, 50, 90, 90)
    lab.post("ben", "verify", {"accept": True})
    assert "round 1" in run("list", as_json=False)
    shown = run("show", "round 1", as_json=False)
    assert "content hash" in shown
    assert "verified      shapes: 1 accepted; images: 1 done\n" in shown
    told = run("show", "round 1")
    assert told["verifications"] == {"accepted": 1, "rejected": 0, "dubious": 0, "outdated": 0}
    assert [image["review_state"] for image in told["images"]] == ["done"]
    words = run("diff", "round 1", as_json=False)
    assert "1 added, 0 removed, 0 changed" in words
    assert "-> now" in words


def test_the_account_that_a_command_works_for_keeps_its_rights(run: Callable[..., Any], lab: Lab) -> None:
    with lab.database.read() as session:
        names = dict(session.execute(select(User.id, User.name)).all())
    ann, stranger = (names[lab.people[who].user_id] for who in ("ann", "stranger"))
    assert "manage needs: manager" in run("create", "x", "--user", ann, fails=True)
    run("create", "x")
    assert [each["name"] for each in run("list", "--user", ann)] == ["x"]
    for command in (["list"], ["show", "x"], ["diff", "x"]):
        assert "may see" in run(*command, "--user", stranger, fails=True) or "no version" in run(
            *command, "--user", stranger, fails=True
        )


def test_what_is_not_there_is_said_with_where_to_look(run: Callable[..., Any], lab: Lab, tmp_path: Path) -> None:
    assert "exact versions list" in run("show", "nothing", fails=True)
    run("create", "one")
    assert "train=70" in run("split", "one", "s", "--share", "train", fails=True)
    assert "too few for 3 parts" in run("split", "one", "s", fails=True)
    made = run("split", "one", "s", "--share", "test=1")
    assert [(part["name"], part["image_ids"]) for part in made["parts"]] == [("test", [lab.image_id])]
    assert run("show", "one")["splits"] == [made]
    assert "already has a version" in run("create", "one", fails=True)
    target = tmp_path / "x"
    with lab.database.read() as session:
        image = session.get_one(Image, lab.image_id).name
    refused = run("export", "one", "--format", "manifest", "--image", image, "-o", str(target), fails=True)
    assert "leave --image out" in refused
    assert not target.exists()


def test_a_version_is_branched_and_merged_back(run: Callable[..., Any], lab: Lab) -> None:
    drawn = lab.draw("ann", 100, 100, 160, 170)
    run("create", "round 1")
    assert "manage needs" in run("branch", "round 1", "try", "--user", "ann", fails=True)
    made = run("branch", "round 1", "try", "--description", "what if")
    assert (made["name"], made["images"], made["annotations"]) == ("try", 1, 1)
    assert "already has" in run("branch", "round 1", "try", fails=True)
    [image] = lab["lead"].get(f"/api/v2/image-sets/{made['image_set_id']}/images").json()["items"]
    [copy] = listed(lab, image_id=image["id"])
    lab.patch("ben", copy["id"], text="from the branch")
    lab.patch("ann", drawn["id"], text="from the set")
    seen = run("merge", "try", "--preview")
    assert (seen["counts"]["conflicts"], seen["conflicts"][0]["fields"]) == (1, ["text"])
    assert "1 conflicts" in run("merge", "try", "--preview", as_json=False)
    assert "Decide 1 conflicts first" in run("merge", "try", "--reason", "better", fails=True)
    assert "reason" in run("merge", "try", "--take", "theirs", fails=True)
    assert listed(lab)[0]["text"] == "from the set"
    merged = run("merge", "try", "--take", "theirs", "--reason", "better", "--user", "ann")
    assert (merged["counts"]["changed"], merged["counts"]["conflicts"], merged["actor"]["name"]) == (1, 1, "Ann")
    assert listed(lab)[0]["text"] == "from the branch"
    assert "nothing to merge" in run("merge", "try", "--reason", "again", as_json=False)
    lab.patch("ann", drawn["id"], text="news")
    assert run("merge", "try", "--from-source", "--reason", "up to date")["direction"] == "from_source"
    assert listed(lab, image_id=image["id"])[0]["text"] == "news"
