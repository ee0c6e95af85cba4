"""Predictions in a real Chromium: run the detector, move the threshold, accept, reject, edit, take back, compare."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from exact_core.jobs.helping import helping_worker
from exact_core.storage.models import PredictionRun
from tests.browser.people import Person, instance, people, renew
from tests.browser.viewer_instance import Instance

__all__ = ["instance", "people"]

pytestmark = [pytest.mark.browser, pytest.mark.data, pytest.mark.xdist_group("review")]

PLACE = "#x=1000&y=1000&zoom=1.6"


@pytest.fixture
def ann(people: Callable[[str], Person], instance: Instance) -> Iterator[Person]:
    """Somebody who manages the set; afterwards there are no runs."""
    yield people("ann")
    with instance.services.database.write() as session:
        session.query(PredictionRun).delete()


def run_on_view(page: Page, instance: Instance) -> None:
    """Ask for nuclei of what is seen, and wait for them."""
    page.locator("[data-focus=run-model]").click()
    page.get_by_label("Model", exact=True).select_option(label="Nucleus detector")
    with helping_worker(instance.services):
        page.locator("[data-run=view]").click()
        expect(page.locator("[data-numbers]")).to_contain_text("undecided in view", timeout=60_000)


def in_view(page: Page) -> int:
    """How many are undecided in view, once what follows from the slider is drawn."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    found = re.search(r"([\d,]+) undecided in view", page.locator("[data-numbers]").inner_text())
    assert found, page.locator("[data-numbers]").inner_text()
    return int(found[1].replace(",", ""))


def test_nuclei_are_found_decided_about_and_compared(ann: Person, instance: Instance) -> None:
    page = ann.open(link=PLACE)
    page.keyboard.press("Shift+P")
    expect(page.locator("#predictions .empty")).to_contain_text("No predictions yet")
    run_on_view(page, instance)
    # the threshold filters at once, without the server
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url) if "/predictions/" in request.url else None)
    at_half = in_view(page)
    assert at_half > 30
    slider = page.get_by_role("slider", name="Least score")
    slider.fill("0.25")
    expect(page.locator("[data-least]")).to_have_text("0.25")
    expect(page.locator("[data-numbers]")).not_to_contain_text(f"{at_half} undecided")
    assert in_view(page) > at_half
    slider.fill("0.6")
    expect(page.locator("[data-least]")).to_have_text("0.60")
    assert requests == []
    few = in_view(page)
    assert 0 < few < at_half
    # one by one: two accepted, one rejected, one edited
    page.get_by_label("Annotation type of nucleus").select_option(label="Tumour")
    drawn = page.locator("[data-count=all]")
    page.locator("#main").focus()
    page.keyboard.press("j")
    expect(page.locator("[data-current]")).to_contain_text("score")
    for key, shapes in (("a", 1), ("a", 2), ("r", 2), ("e", 3)):
        before = page.locator("[data-current]").inner_text()
        with page.expect_response(lambda response: response.url.endswith("/decisions") and response.status == 200):
            page.keyboard.press(key)
        expect(drawn).to_have_text(str(shapes), timeout=10_000)
        if key != "e":
            expect(page.locator("[data-current]")).not_to_have_text(before)
    expect(page.locator("[data-numbers]")).to_contain_text(f"{few - 4} undecided in view")
    items = ann.ask("GET", f"/images/{instance.image_ids[0]}/annotations")["items"]
    assert {each["claimed_author"] for each in items} == {"Nucleus detector"}
    assert len(items) == 3
    # agreement with what is drawn, as the threshold moves
    expect(page.locator("[data-f1]")).to_be_visible()
    recall_of = page.locator("[data-agreement]")
    expect(recall_of).to_contain_text(f"{few - 1} predicted, 3 drawn, 3 of both")
    expect(page.locator("[data-f1]")).to_have_attribute("data-f1", f"{6 / (few - 1 + 3):.2f}")
    slider.fill("1")
    expect(recall_of).to_contain_text("0 predicted, 3 drawn")
    slider.fill("0.6")
    # take the last one back, then undo the one before as any edit
    page.locator("#main").focus()
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+U")
    expect(drawn).to_have_text("2", timeout=10_000)
    expect(page.locator("[data-numbers]")).to_contain_text(f"{few - 3} undecided in view")
    # all that is left in view, with the number told before
    page.locator("[data-all=view]").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"Accept {few - 3} predictions?")
    dialog.get_by_role("button", name="Accept").click()
    expect(drawn).to_have_text(str(few - 1), timeout=10_000)
    expect(page.locator("[data-numbers]")).to_contain_text("0 undecided in view")
    page.locator("#undo").click()
    expect(drawn).to_have_text("2", timeout=10_000)
    expect(page.locator("[data-numbers]")).to_contain_text(f"{few - 3} undecided in view", timeout=10_000)
    renew(instance)
