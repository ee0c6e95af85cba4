"""Versions, agreement and studies in a real Chromium: the pages of the image set, and what they do in the viewer."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import krippendorff
import numpy as np
import pytest
from playwright.sync_api import Page, expect
from sklearn.metrics import cohen_kappa_score
from sqlalchemy import update

from exact_core.jobs.helping import helping_worker
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import ImageSet, ImageSetMember
from tests.browser.console import listen
from tests.browser.people import Person, instance, people, set_mode
from tests.browser.viewer_instance import Instance
from tests.core.agreement import study_files

__all__ = ["instance", "people"]

pytestmark = [pytest.mark.browser, pytest.mark.data, pytest.mark.xdist_group("set pages")]

SLOW = 15_000
People = Callable[[str], Person]


def watched(page: Page) -> list[str]:
    """What the page says to its console that is not right, and what it asked for in vain."""
    said = listen(page)
    page.on("response", lambda answer: said.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    return said


def test_a_branch_is_merged_back_with_a_conflict_decided_by_the_mouse(people: People, instance: Instance) -> None:
    ann = people("ann")
    page = ann.set_page("versions")
    said = watched(page)
    drawn = ann.draw((1_000, 1_400), (1_100, 1_400), (1_200, 1_400))
    source = f"/image-sets/{instance.image_set_id}"
    ann.ask("POST", f"{source}/versions", {"name": "Round 1"})
    page = ann.set_page("versions")
    expect(page.locator("#branches")).to_have_count(0)
    page.get_by_role("button", name="Branch of Round 1").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_role("button", name="Make it").click()
    expect(dialog).to_contain_text("This is needed.")
    dialog.get_by_label("Name of the new set").fill("Second look")
    dialog.get_by_role("button", name="Make it").click()
    expect(page.locator("#branches [data-state=making]")).to_be_visible()
    with helping_worker(instance.services):
        expect(page.locator("#branches").get_by_role("link", name="Second look")).to_be_visible(timeout=30_000)
    expect(page.locator("#branches")).to_contain_text("from Round 1 · by Ann")

    [branch] = [each["image_set_id"] for each in ann.ask("GET", f"{source}/branches")["items"]]
    image = ann.ask("GET", f"/image-sets/{branch}/images")["items"][0]
    copies = sorted(each["id"] for each in ann.ask("GET", f"/images/{image['id']}/annotations")["items"])
    for number, x in ((copies[0], 1_020), (drawn[0], 980)):
        box = {"shape": "box", "points": [[x, 1_400], [x + 50, 1_450]]}
        ann.ask("PATCH", f"/annotations/{number}", {"geometry": box})
    ann.ask("PATCH", f"/annotations/{copies[1]}", {"text": "sure of it"})
    ann.ask("DELETE", f"/annotations/{copies[2]}")

    page.locator("#branches").get_by_role("link", name="Merge back…").click()
    expect(page.locator("#merge-title")).to_have_text("Merge Second look into Breast, round 1")
    for name, number in (("added", "0"), ("changed", "1"), ("deleted", "1"), ("conflicts", "1")):
        expect(page.locator(f"[data-count={name}] strong")).to_contain_text(number)
    conflict = page.locator("#conflicts > li")
    expect(conflict).to_contain_text("both changed the outline")
    expect(conflict.locator(".conflict-picture .conflict-line")).to_have_count(3)
    piece = f"/api/v2/images/{instance.image_ids[0]}/picture?x=952&y=1352&side=146&size=256&frame=0.0.rgb"
    expect(conflict.locator("svg image")).to_have_attribute("href", piece)
    page.wait_for_load_state("networkidle")
    expect(page.locator("#merge-now")).to_be_disabled()
    page.locator("[data-all=ours]").click()
    expect(page.locator("#merge-now")).to_be_enabled()
    theirs = conflict.get_by_role("radio", name="Second look")
    theirs.focus()  # and by the keyboard
    page.keyboard.press("Space")
    expect(theirs).to_be_checked()
    page.get_by_label("Why, for the history").fill("Second look was better")
    page.locator("#merge-now").click()
    expect(page.locator("#merges")).to_contain_text("Merged into Breast, round 1: 2 changed, 1 deleted, 1 conflict")
    expect(page.locator(".toast").last).to_contain_text("Merged into Breast, round 1.")
    after = {each["id"]: each for each in ann.ask("GET", f"/images/{instance.image_ids[0]}/annotations")["items"]}
    assert sorted(after) == drawn[:2]
    assert after[drawn[0]]["geometry"]["rings"][0][0] == [1_020, 1_400]
    page.get_by_role("link", name="Merge back…").click()
    expect(page.locator("#tab")).to_contain_text("Nothing to merge")
    page.get_by_role("link", name="All versions").click()
    page.locator("#merges").get_by_role("button", name="Take back").click()
    page.locator("dialog[open]").get_by_role("button", name="Take it back").click()
    expect(page.locator("#merges")).to_contain_text("taken back")
    assert len(ann.ask("GET", f"/images/{instance.image_ids[0]}/annotations")["items"]) == 3
    assert said == []


def test_a_version_opens_read_only_and_what_changed_since_is_on_the_slide(people: People, instance: Instance) -> None:
    ann = people("ann")
    page = ann.open()
    said = watched(page)
    first, second, _, _ = ann.draw((1_000, 1_400), (1_100, 1_400), (1_200, 1_400), (1_300, 1_500))
    page = ann.set_page("versions")
    expect(page.locator("#tab")).to_contain_text("No version yet")
    page.locator("#make-version").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_role("button", name="Make it").click()
    expect(dialog).to_contain_text("This is needed.")
    dialog.get_by_label("Name").fill("Round 1")
    dialog.get_by_label("Description").fill("What the paper reports")
    dialog.get_by_role("button", name="Make it").click()
    listed = page.locator("#versions")
    expect(listed).to_contain_text("Round 1")
    expect(listed.locator("[data-manifest]")).to_have_attribute("data-manifest", "pending")
    with helping_worker(instance.services):
        expect(listed.locator("[data-manifest]")).to_have_attribute("data-manifest", "ready", timeout=30_000)
    expect(listed).to_contain_text("4 annotations")

    path = f"/images/{instance.image_ids[0]}/annotation-changes"
    moved = {"shape": "box", "points": [[1_120, 1_420], [1_200, 1_500]]}
    changes = [{"op": "delete", "id": first}, {"op": "update", "id": second, "geometry": moved}]
    ann.ask("POST", path, {"operations": changes})
    ann.draw((1_000, 1_600))

    listed.get_by_role("link", name="Round 1").click()
    expect(page.locator("#tab")).to_contain_text("Content hash")
    page.locator("#artefact-files").set_input_files(
        [
            {"name": "model.onnx", "mimeType": "application/octet-stream", "buffer": b"weights"},
            {"name": "figures.json", "mimeType": "application/json", "buffer": b"{}"},
        ]
    )
    expect(page.locator("#artefacts > li")).to_have_count(2, timeout=SLOW)
    page.locator("#make-split").click()
    page.get_by_label("Name", exact=True).fill("Fold 1")
    page.get_by_label("Share of validation").fill("0")
    page.get_by_role("button", name="Split", exact=True).click()
    expect(page.locator("#splits [data-leaks='0']")).to_be_visible()

    page.get_by_role("link", name="Open read only").first.click()
    expect(page.locator(".version-bar")).to_contain_text("Version Round 1, read only", timeout=30_000)
    expect(page.locator("[data-count=all]")).to_have_text("4", timeout=SLOW)
    expect(page.locator("#stage")).to_have_attribute("data-shapes", "4", timeout=SLOW)
    expect(page.locator("#review-state")).to_have_attribute("data-state", "to_do")
    expect(page.locator("#verify-image")).to_have_count(0)
    for hidden in ("#tools", "#undo", "#save"):
        expect(page.locator(hidden)).to_be_hidden()
    ann.press("r")
    expect(page.locator("#stage")).to_have_attribute("data-tool", "select")
    ann.press("]")  # to a shape of the chosen type, as it was
    expect(page.locator("#selected-type")).to_be_disabled()
    expect(page.locator("#details")).to_contain_text("a version stays as it was")
    ann.press("Delete")
    ann.press("Control+z")
    expect(page.locator("[data-count=all]")).to_have_text("4")

    page.locator("#version-compare").select_option("now")
    bar = page.get_by_role("region", name="Differences")
    expect(bar).to_contain_text("Round 1 → now", timeout=30_000)
    for kind in ("added", "removed", "changed"):
        expect(bar.locator(f"[data-kind={kind}]")).to_contain_text("1")
    expect(page.locator("#changes-count")).to_have_text("1 of 3")
    expect(page.locator("#changes-what")).to_contain_text("Removed: Mitotic figure")
    ann.press("ArrowRight")
    expect(page.locator("#changes-what")).to_contain_text("Added: Mitotic figure")
    ann.press("ArrowRight")
    expect(page.locator("#changes-what")).to_contain_text("Changed: Mitotic figure, outline")
    expect(page.locator("#stage")).to_have_attribute("data-changes", "3")
    bar.get_by_role("button", name="Added").click()
    expect(page.locator("#changes-count")).to_have_text("2 of 2")
    expect(page.locator("#stage")).to_have_attribute("data-changes", "2")
    bar.get_by_role("button", name="Next difference").click()
    expect(page.locator("#changes-count")).to_have_text("1 of 2")
    ann.press("Escape")
    expect(bar).to_have_count(0)
    assert "diff=" not in page.url
    expect(page.locator("#tools")).to_be_visible()  # this is the present

    page = ann.set_page("versions")
    page.get_by_role("link", name="Changes since").click()
    expect(page.locator("#comparison")).to_have_text("Round 1 → now")
    for kind in ("added", "removed", "changed"):
        expect(page.locator(f"[data-total={kind}]")).to_contain_text("1")
    expect(page.locator("#differences > li")).to_have_count(3)
    page.get_by_label("Which differences").select_option("geometry")
    expect(page.locator("#differences > li")).to_have_count(1)

    page.get_by_role("link", name="All versions").click()
    page.locator("#versions").get_by_role("link", name="Round 1").click()
    page.get_by_label("More about this version").click()
    page.get_by_role("menuitem", name="Delete this version").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_role("button", name="Delete it").click()
    expect(dialog.locator("[role=alert]")).to_contain_text("Say why")
    dialog.get_by_label("Why").fill("It was made too early.")
    dialog.get_by_role("button", name="Delete it").click()
    expect(page.locator("#tab")).to_contain_text("No version yet")
    page.locator("#show-deleted").check()
    expect(page.locator("#versions")).to_contain_text("It was made too early.")
    assert said == []


def test_the_page_shows_how_far_the_experts_of_2020_agree(
    people: People, instance: Instance, shared_data: Path
) -> None:
    with instance.services.database.read() as session:
        team_id = session.get_one(ImageSet, instance.image_set_id).team_id
    files = study_files.participants(shared_data, "EIPH")
    set_id = study_files.put_in(instance.services, team_id, "EIPH 2020", files.items())
    with instance.services.database.write() as session:
        session.execute(update(ImageSet).where(ImageSet.id == set_id).values(mode="cooperative"))
        session.add(ImageSetMember(image_set_id=set_id, user_id=instance.users["ann"], role="manager"))
        raise_epoch(session, "access")
    ann = people("ann")
    page = ann.page
    said = watched(page)
    page.goto(f"{instance.address}/image-sets/{set_id}/agreement")
    answer = page.locator("#agreement-answer")
    expect(answer).to_contain_text("All readers", timeout=60_000)

    table = page.request.get(f"{instance.address}/api/v2/image-sets/{set_id}/agreement.csv?table=items").text()
    rows = list(csv.DictReader(io.StringIO(table)))
    names = sorted(files)
    marks = np.array([[{"": np.nan, "missed": 5.0}.get(row[name]) if row[name] in {"", "missed"} else float(row[name])
                       for name in names] for row in rows])  # fmt: skip
    alpha = krippendorff.alpha(marks.T, level_of_measurement="nominal", value_domain=np.arange(6.0))
    expect(answer.get_by_role("row", name="Krippendorff’s α names")).to_contain_text(f"{alpha:.2f} [")
    both = marks[(marks[:, 0] < 5) & (marks[:, 1] < 5)]
    kappa = cohen_kappa_score(both[:, 0], both[:, 1])
    cell = answer.get_by_role("region", name="Between readers").locator("svg title", has_text=f"{names[0]}").first
    assert cell is not None
    expect(answer.get_by_role("region", name="Between readers")).to_contain_text(f"{kappa:.2f}")
    expect(answer.get_by_role("region", name="Confusion")).to_be_visible()
    page.locator("label.chip", has_text=names[2]).click()
    expect(answer).to_contain_text("2readers", timeout=60_000)

    page.locator("#add-gold").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_label("Title").fill("Board")
    dialog.get_by_role("checkbox").first.check()
    dialog.get_by_role("button", name="Make it the reference").click()
    gold = page.get_by_role("region", name="Hidden references")
    expect(gold).to_contain_text("Board", timeout=SLOW)
    gold.get_by_role("button", name="Drift").click()
    expect(gold.get_by_role("img", name="F1 of readers against the reference over time")).to_be_visible(timeout=SLOW)
    gold.get_by_role("button", name="Release").click()
    expect(gold).to_contain_text("Readers see their own figures")
    assert said == []


def test_a_study_is_designed_read_graded_and_reported(people: People, instance: Instance) -> None:
    set_mode(instance, "competitive")  # in it, readers of a study see nothing of each other
    ann, ben = people("ann"), people("ben")
    said = watched(ann.page) + watched(ben.page)
    page = ann.set_page("studies")
    page.locator("#new-study").click()
    page.get_by_label("Title").fill("Does it help?")
    page.get_by_role("button", name="Remove").last.click()
    page.get_by_label("Ben", exact=True).check()
    page.get_by_label("Questions at the end, one per line").fill("It was quick")
    page.get_by_role("button", name="Save the draft").click()
    expect(page.locator("#tab")).to_contain_text("Draft")
    page.get_by_role("button", name="Start", exact=True).click()
    page.locator("dialog[open]").get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("#tab")).to_contain_text("Running")

    reading = ben.set_page("studies")
    reading.locator("#next-image").click()
    for number in (1, 2):
        bar = reading.get_by_role("region", name="Study")
        expect(bar).to_contain_text(f"image {number} of 2", timeout=30_000)
        reading.mouse.move(500, 400 + number)
        reading.wait_for_timeout(1_200)  # so much is measured at least
        was = reading.url
        reading.locator("#study-done").click()
        reading.wait_for_url(lambda url, was=was: url != was, timeout=SLOW)
    expect(reading.locator("#tab")).to_contain_text("All images are read.", timeout=SLOW)
    reading.locator("label.grade", has_text="2").click()
    reading.get_by_role("button", name="Send").click()
    expect(reading.locator("#tab")).to_contain_text("your answers are kept")

    page = ann.set_page("studies")
    page.get_by_role("button", name="Report").click()
    expect(page.get_by_role("region", name="Active seconds per image")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("region", name="Progress")).to_contain_text("2 of 2")
    expect(page.get_by_role("region", name="Grades")).to_contain_text("It was quick")
    assert said == []
