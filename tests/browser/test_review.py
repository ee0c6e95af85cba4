"""Modes in a real Chromium: blind readers, the walk by keys, whole images, a second opinion up to its decision."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from sqlalchemy import select, update

from exact_core.storage.models import AnnotationType
from tests.browser.people import START, Person, instance, people, set_mode
from tests.browser.viewer_instance import Instance

__all__ = ["instance", "people"]

pytestmark = [pytest.mark.browser, pytest.mark.data, pytest.mark.xdist_group("review")]

NEAR = {"kind": "detection", "distance_um": 10}


# --- blind --------------------------------------------------------------------------------------------------


def test_two_people_in_a_blind_set_see_nothing_of_each_other(
    people: Callable[[str], Person], instance: Instance
) -> None:
    set_mode(instance, "competitive")
    ben, cleo, ann = people("ben"), people("cleo"), people("ann")
    for person, places in ((ben, [(1_000, 1_400), (1_100, 1_500)]), (cleo, [(1_000, 1_400)])):
        person.open()
        person.draw(*places)
    ben.ask("POST", f"/images/{instance.image_ids[0]}/verify", {"accept": True})
    made = ann.ask("POST", f"/image-sets/{instance.image_set_id}/versions", {"name": "Pilot"})["id"]
    for person, own in ((ben, 2), (cleo, 1)):
        page = person.open()
        expect(page.locator("[data-count=all]")).to_have_text(str(own), timeout=10_000)
        expect(page.locator("#stage")).to_have_attribute("data-shapes", str(own), timeout=10_000)
        expect(page.locator("[data-fold=authors]")).to_have_count(0)
        state = "done" if person is ben else "to_do"
        expect(page.locator("#review-state")).to_have_attribute("data-state", state)
        other = "Cleo" if person is ben else "Ben"
        assert other not in page.content()
        page = person.set_page()
        expect(page.locator(".image-card").first).to_contain_text("2 shapes" if person is ben else "1 shape")
        expect(page.locator(f".image-card [data-state={'done' if person is ben else 'to_do'}]")).to_have_count(
            1 if person is ben else 0
        )
        page = person.set_page("review")
        expect(page.locator("#tab .card").first).to_be_visible()
        assert other not in page.locator("#tab").inner_text()
        expect(page.get_by_role("heading", name="Log")).to_have_count(0)
        expect(page.locator("#tab-agreement")).to_have_count(0)
        page = person.set_page("search")
        expect(page.locator("#hits [data-hit]")).to_have_count(own)
        expect(page.locator(".search-facets")).to_contain_text(str(own))
        assert other not in page.locator("#tab").inner_text()
        page = person.set_page("history")
        expect(page.locator("#tab .log__entry")).to_have_count(1)
        assert other not in page.locator("#tab").inner_text()
        for tab, shown in (("", "Pilot"), (f"?version={made}", "Open read only"), (f"?from={made}&to=now", "differs")):
            page = person.set_page(f"versions{tab}")
            expect(page.locator("#tab")).to_contain_text(shown, timeout=10_000)
            assert other not in page.content()
        page = person.open(query=f"?version={made}", ready=".version-bar")
        expect(page.locator("[data-count=all]")).to_have_text(str(own), timeout=10_000)
        expect(page.locator("#stage")).to_have_attribute("data-shapes", str(own), timeout=10_000)
        expect(page.locator("[data-fold=authors]")).to_have_count(0)
        assert other not in page.content()
    page = ann.open()
    expect(page.locator("[data-count=all]")).to_have_text("3", timeout=10_000)
    page.locator("[data-fold=authors] summary").click()
    expect(page.locator("[data-fold=authors]")).to_contain_text("Cleo")

    page = ann.set_page("settings")
    page.get_by_role("button", name="Unblind…").click()
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text("cannot be taken back")
    dialog.get_by_role("button", name="Unblind").click()
    expect(dialog.locator("[role=alert]")).to_contain_text("say why")
    dialog.get_by_label("Reason").fill("All readers are done with the pilot.")
    dialog.get_by_role("button", name="Unblind").click()
    expect(page.locator("#set-facts")).to_contain_text("Unblinded")
    expect(page.locator("#unblind")).to_have_count(0)
    page = ann.set_page("review")
    expect(page.locator(".audit").first).to_contain_text("All readers are done with the pilot.")
    page = cleo.open()
    expect(page.locator("[data-count=all]")).to_have_text("3", timeout=10_000)
    expect(page.locator("[data-fold=authors]")).to_have_count(1)
    page = cleo.set_page("search?q=author:Ben")
    expect(page.locator("#hits [data-hit]")).to_have_count(2)
    page = cleo.set_page("history")
    expect(page.locator("#tab")).to_contain_text("Ben")
    expect(page.locator("#tab-agreement")).to_have_count(1)


# --- versions -----------------------------------------------------------------------------------------------


def test_a_version_shows_what_was_verified_though_its_image_is_in_the_bin(
    people: Callable[[str], Person], instance: Instance
) -> None:
    ann, ben = people("ann"), people("ben")
    ben.open()
    accepted, _ = ben.draw((1_000, 1_400), (1_100, 1_500))
    image = instance.image_ids[0]
    ann.ask("POST", f"/images/{image}/verifications", {"verdicts": [{"id": accepted, "verdict": "accepted"}]})
    ann.ask("PUT", f"/images/{image}/review-state", {"state": "dubious", "reason": "A fold in the tissue"})
    made = ann.ask("POST", f"/image-sets/{instance.image_set_id}/versions", {"name": "Round 1"})["id"]
    ann.ask("POST", f"/images/{image}/verifications", {"verdicts": [{"id": accepted, "verdict": "rejected"}]})
    ann.ask("PUT", f"/images/{image}/review-state", {"state": "in_work"})
    ann.ask("DELETE", f"/images/{image}")
    try:
        page = ann.set_page(f"versions?version={made}")
        row = page.locator(f"#version-images [data-image='{image}']")
        expect(row).to_contain_text("In the bin now")
        expect(row.locator("[data-state=dubious]")).to_be_visible()
        page.locator("#export-version").click()
        dialog = page.locator("dialog[open]")
        expect(dialog.get_by_label("State")).to_have_value(str(made))
        expect(dialog.get_by_label("State").locator("option:checked")).to_have_text("Version Round 1")
        dialog.get_by_label("Close").click()
        row.get_by_role("link", name="Open read only").click()
        page.wait_for_url(re.compile(f"version={made}"))
        page = ann.open(query=f"?version={made}", link=f"{START}&annotation={accepted}")
        expect(page.locator(".version-bar")).to_contain_text("Image in the bin now")
        expect(page.locator("#to-present, #version-compare [value=now]")).to_have_count(0)
        expect(page.locator("#review-state")).to_have_attribute("data-state", "dubious")
        expect(page.locator("[data-count=all]")).to_have_text("2", timeout=10_000)
        expect(page.locator("#verdicts [data-verdict=accepted]")).to_be_visible()
        expect(page.locator("#verdicts")).to_contain_text("You: accepted")
        expect(page.locator("#verdicts button")).to_have_count(0)
        page.locator("#review-state").click()
        page.get_by_role("menuitemcheckbox", name="Show verdicts on the slide").click()
        expect(page.locator("[data-marks='1']")).to_have_count(1)
        page.locator("#exchange").click()
        page.get_by_role("menuitem", name="Export annotations").click()
        expect(page.locator("dialog[open]").get_by_label("State")).to_have_value(str(made))
    finally:
        ann.ask("POST", f"/images/{image}/restore")


# --- searching ----------------------------------------------------------------------------------------------


def test_hits_of_a_search_are_relabelled_after_a_preview_and_with_one_undo(
    people: Callable[[str], Person], instance: Instance
) -> None:
    with instance.services.database.write() as session:
        session.execute(update(AnnotationType).where(AnnotationType.name == "Cell").values(shapes=["point", "box"]))
    ann = people("ann")
    ann.open()
    ids = ann.draw(*((300 + 200 * n, 400) for n in range(3)))
    ann.draw((300, 900), type_name="Cell")
    page = ann.set_page("search")
    hits = page.locator("#hits [data-hit]")
    expect(hits).to_have_count(4)
    search = page.locator("[data-search]")
    search.fill("clas")
    expect(page.get_by_role("option").first).to_contain_text("class")
    search.fill('class:"Mitotic figure" verifed:no')
    search.press("Enter")
    expect(page.locator(".search-box__error")).to_contain_text("Did you mean")
    page.locator(".search-box__error button").click()
    expect(hits).to_have_count(3)
    expect(search).to_have_value('class:"Mitotic figure" verified:no')

    page.get_by_role("button", name="Saved searches").click()
    page.get_by_role("menuitem", name="Save this search").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_label("Name").fill("Mitoses to look at")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator(".toast").last).to_contain_text("Saved as Mitoses to look at")

    for id_ in ids[:2]:
        page.locator(f"[data-hit='{id_}'] input").check()
    bar = page.locator(".selection-bar")
    expect(bar).to_contain_text("2 selected")
    bar.get_by_role("button", name="Change").click()
    dialog.get_by_label("Class").select_option(label="Cell")
    expect(dialog.get_by_role("status")).to_contain_text("2 of 2 annotations will change")
    expect(dialog.locator(".bulk__table")).to_contain_text("Cell")
    dialog.get_by_role("button", name="Change", exact=True).click()
    expect(page.locator(".toast", has_text="2 annotations changed")).to_be_visible()
    expect(hits).to_have_count(1)
    page.locator(".toast", has_text="2 annotations changed").get_by_role("button", name="Undo").click()
    expect(page.locator(".toast", has_text="2 annotations set back")).to_be_visible()
    expect(hits).to_have_count(3)

    page = ann.set_page("search")
    expect(hits).to_have_count(4)
    page.get_by_role("button", name="Saved searches").click()
    page.get_by_role("menuitem", name="Mitoses to look at").click()
    expect(hits).to_have_count(3)
    page.locator(f"[data-hit='{ids[2]}'] a").click()
    expect(page.locator("#details")).to_be_visible(timeout=30_000)  # the shape is selected on its slide
    expect(page.locator("#search")).to_contain_text("3")


# --- verifying ----------------------------------------------------------------------------------------------


def test_shapes_are_verified_one_by_one_with_keys_alone(people: Callable[[str], Person], instance: Instance) -> None:
    ben, ann = people("ben"), people("ann")
    ben.open()
    ids = ben.draw(*((300 + 300 * n, 400 + 90 * n) for n in range(6)))
    page = ann.open()
    ann.press("Shift+V")
    walk = page.locator(".walk")
    expect(walk).to_contain_text("0 of 6 verified")
    expect(walk).to_contain_text("drawn by Ben")
    first = walk.locator("[data-walk]").get_attribute("data-walk")
    at_cell = re.compile(r"^(0\.9|[1-9])")  # a cell of 50 pixels
    expect(page.locator("#stage")).to_have_attribute("data-zoom", at_cell, timeout=15_000)
    expect(page.locator("#verdicts [data-verdict=unverified]")).to_be_visible()
    ann.press("a")
    expect(walk).to_contain_text("1 of 6 verified")
    ann.press("r")
    expect(walk).to_contain_text("2 of 6 verified")
    ann.press("d")
    expect(walk).to_contain_text("3 of 6 verified")
    ann.press("1")  # its own type: accepted as it is
    expect(walk).to_contain_text("4 of 6 verified")
    here = walk.locator("[data-walk]").get_attribute("data-walk")
    ann.press("ArrowLeft")
    expect(walk.locator("[data-walk] [data-verdict]")).to_have_attribute("data-verdict", "accepted")
    ann.press("ArrowRight")
    expect(walk.locator("[data-walk]")).to_have_attribute("data-walk", str(here))
    ann.press("Escape")
    expect(walk).to_have_count(0)
    expect(page.locator("#stage")).to_have_attribute("data-tool", "select")  # R is a tool again, but chose none before
    ann.press("r")
    expect(page.locator("#stage")).to_have_attribute("data-tool", "box")

    page.reload()  # at once: what the server does not have yet comes after it
    expect(page.locator("#review-state")).to_be_visible(timeout=30_000)
    ann.press("Shift+V")  # goes on where it was left
    expect(walk.locator("[data-walk]")).to_have_attribute("data-walk", str(here))
    expect(walk).to_contain_text("4 of 6 verified")
    ann.press("a")
    expect(walk).to_contain_text("5 of 6 verified")
    ann.press("a")
    expect(walk).to_contain_text("Every shape is verified")
    states = list(ann.walked().values())
    assert sorted(states) == ["accepted"] * 4 + ["dubious", "rejected"]
    assert first in {str(each) for each in ids}

    page.select_option("#walk-state", "rejected")
    expect(walk.locator("[data-walk] [data-verdict]")).to_have_attribute("data-verdict", "rejected")
    expect(page.locator("#details")).to_contain_text("You: rejected")
    page.get_by_role("button", name="End the walk").click()


def test_a_shape_is_relabelled_and_accepted_with_one_key(people: Callable[[str], Person], instance: Instance) -> None:
    with instance.services.database.write() as session:
        session.execute(update(AnnotationType).where(AnnotationType.name == "Cell").values(shapes=["point", "box"]))
    ann = people("ann")
    ann.open()
    (cell,) = ann.draw((1_000, 1_400))
    page = ann.open()
    ann.press("Shift+V")
    expect(page.locator(".walk strong")).to_have_text("Mitotic figure")
    ann.press("4")
    expect(page.locator("#stage-hint")).to_contain_text("cannot become it")
    ann.press("2")
    expect(page.locator(".walk")).to_contain_text("Every shape is verified")
    shape = ann.ask("GET", f"/annotations/{cell}")
    with instance.services.database.read() as session:
        assert session.scalar(select(AnnotationType.name).where(AnnotationType.id == shape["type_id"])) == "Cell"
    assert ann.walked() == {cell: "accepted"}
    page.select_option("#walk-state", "accepted")
    expect(page.locator(".walk strong")).to_have_text("Cell")
    ann.press("Escape")
    ann.press("Control+z")  # a relabelling is an edit
    expect(page.locator("#stage-hint, .toast").first).to_contain_text("Change")
    assert ann.walked() == {cell: "outdated"}


def test_an_empty_image_is_verified_and_the_queue_leads_on(people: Callable[[str], Person], instance: Instance) -> None:
    ann, ben = people("ann"), people("ben")
    page = ann.set_page("review")
    page.get_by_role("button", name="Assign").click()
    dialog = page.locator("dialog[open]")
    expect(dialog).to_be_visible()
    for box in dialog.locator("input[name=reader]").all():
        box.set_checked(False)
    dialog.get_by_label("Ben").check()
    dialog.get_by_label("How").select_option("each")
    dialog.get_by_role("button", name="Assign").click()
    expect(page.locator(".toast").first).to_contain_text("2 assignments made")
    expect(page.locator(".table")).to_contain_text("Ben")

    page = ben.set_page("review")
    expect(page.locator("#tab")).to_contain_text("2 items left of 2")
    page.get_by_role("link", name="Begin").click()
    expect(page.locator("#verify-image")).to_be_visible(timeout=30_000)
    assert page.url.split("#")[0] == instance.viewer(0)
    ben.press("Control+Enter")
    expect(page.locator("#review-state")).to_have_attribute("data-state", "done")
    ben.press("n")
    page.wait_for_url(re.compile(re.escape(instance.viewer(1))))
    page.locator("#verify-image").click(timeout=30_000)
    expect(page.locator("#review-state")).to_have_attribute("data-state", "done")
    page.locator("#next-item").click()
    expect(page.locator(".toast", has_text="Your queue is empty")).to_be_visible()

    page = ann.set_page()
    expect(page.locator(".image-card [data-state=done]")).to_have_count(2)
    page.locator("#filter-review").select_option("to_do")
    expect(page.locator("#tab")).to_contain_text("No image fits")


def test_a_state_is_set_by_hand_and_doubt_needs_a_word(people: Callable[[str], Person]) -> None:
    ben = people("ben")
    page = ben.open()
    page.locator("#review-state").click()
    expect(page.get_by_role("menuitemcheckbox", name="Reviewed")).to_have_count(
        1
    )  # all who annotate review each other here
    page.get_by_role("menuitemcheckbox", name="Dubious").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_role("button", name="Mark as dubious").click()
    expect(dialog.locator("[role=alert]")).to_contain_text("what is dubious")
    dialog.get_by_label("Why").fill("Out of focus at the left edge")
    dialog.get_by_role("button", name="Mark as dubious").click()
    expect(page.locator("#review-state")).to_have_attribute("data-state", "dubious")


# --- second opinion -----------------------------------------------------------------------------------------


def test_a_second_opinion_goes_from_settings_to_a_decision(people: Callable[[str], Person], instance: Instance) -> None:
    ann, ben, cleo, judge = people("ann"), people("ben"), people("cleo"), people("judge")
    page = ann.set_page("settings")
    page.get_by_text("Second opinion", exact=True).click()
    page.get_by_label("Readers per item").fill("2")
    page.get_by_label("Centres at most so far apart").fill("10")
    page.get_by_role("group", name="Adjudicators").get_by_label("Judge").check()
    page.locator("#save-mode").click()
    expect(page.locator("#set-facts")).to_contain_text("Second opinion")

    for person, places in (
        (ben, [(1_000, 1_400), (1_200, 1_600), (700, 1_300)]),
        (cleo, [(1_004, 1_402), (1_500, 1_900)]),
    ):
        person.open()
        person.draw(*places)
        page = person.open()
        expect(page.locator("[data-count=all]")).to_have_text(str(len(places)), timeout=10_000)
        page.locator("#verify-image").click()
        expect(page.locator("#review-state")).to_have_attribute("data-state", "done")
    assert len(ben.walked()) == 3

    page = judge.set_page("review")
    expect(page.locator("#tab")).to_contain_text("Needs a decision")
    expect(page.locator("#tab")).to_contain_text("3 differences")
    page.locator("#decide-next").click()
    panel = page.locator(".adjudication")
    expect(panel).to_contain_text("Reader A", timeout=30_000)
    expect(panel).to_contain_text("1 the same")
    text = panel.inner_text()
    assert "Ben" not in text
    assert "Cleo" not in text
    expect(page.locator(".rich__line")).not_to_have_count(0)
    judge.press("1")
    judge.press("2")
    expect(page.locator("#decision-missing")).to_contain_text("1 difference is not decided yet")
    judge.press("ArrowLeft")
    judge.press("ArrowRight")
    judge.press("0")
    expect(page.locator("#decision-reason")).to_be_focused()
    page.keyboard.type("Looked at in focus.")
    judge.press("Control+Enter")
    expect(page.locator(".toast", has_text="Nothing else needs a decision")).to_be_visible()
    expect(panel).to_contain_text("Decided")
    expect(panel).to_contain_text("Looked at in focus.")
    states = ann.walked()
    assert len(states) == 5
    assert set(states.values()) == {"accepted", "rejected"}
    expect(ann.open().locator("#review-state")).to_have_attribute("data-state", "reviewed")
    page = ben.open()
    expect(page.locator("[data-count=all]")).to_have_text("5", timeout=10_000)  # closed: shown, without names
    assert "Cleo" not in page.content()
