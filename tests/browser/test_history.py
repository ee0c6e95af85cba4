"""History, trash, reverting and conflicts in a real Chromium: two people at one slide."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect
from sqlalchemy import delete, update

from exact_core.settings import Settings
from exact_core.storage import migrate
from exact_core.storage.database import Database
from exact_core.storage.models import (
    Annotation,
    AnnotationDetail,
    AnnotationRevision,
    AnnotationSummary,
    ChangeSet,
    ImageSet,
)
from tests.browser.desk import Desk
from tests.browser.profiles import Profiles
from tests.browser.viewer_instance import Instance, running

pytestmark = [pytest.mark.browser, pytest.mark.data, pytest.mark.xdist_group("history")]

People = Callable[[str], Desk]


@pytest.fixture(scope="module")
def furnished(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """One instance with one slide for all tests; Ann manages the set, Ben annotates in it."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("history") / "data", secret_key="history-test-" + "0" * 32)
    settings.data_dir.mkdir()
    database = Database(settings.effective_database_url)
    migrate.upgrade(database)
    database.dispose()
    with running(settings, [shared_data / "01-wsi" / "CMU-1-Small-Region.svs"]) as instance:
        yield instance


@pytest.fixture
def instance(furnished: Instance) -> Instance:
    """The instance, in which nothing has happened yet."""
    with furnished.services.database.write() as session:
        for table in (AnnotationRevision, AnnotationDetail, AnnotationSummary, Annotation, ChangeSet):
            session.execute(delete(table))
        session.execute(update(ImageSet).values(revision=0))
    return furnished


@pytest.fixture
def people(profiles: Profiles, instance: Instance) -> Iterator[People]:
    """``people("ben")`` is Ben's browser with the slide open."""
    desks: dict[str, Desk] = {}

    def sit_down(name: str) -> Desk:
        if name not in desks:
            page, _ = profiles.page(instance, name)
            desks[name] = Desk(page, instance)
            desks[name].open()
        return desks[name]

    yield sit_down
    for desk in desks.values():
        assert desk.errors == []


def shapes(desk: Desk) -> list[dict[str, Any]]:
    """What the server has on the image."""
    script = f"fetch('/api/v2/images/{desk.instance.image_ids[0]}/annotations').then((r) => r.json())"
    found: list[dict[str, Any]] = desk.page.evaluate(script)["items"]
    return found


def look_again(desk: Desk, count: int) -> None:
    """See what others have done, as the page does by itself every twenty seconds."""
    desk.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    desk.counted(count)
    desk.page.wait_for_timeout(400)


def ghosts(desk: Desk) -> Locator:
    return desk.page.locator(".ghosts .rich__line")


def draw_box(desk: Desk, *corners: tuple[float, float]) -> None:
    desk.press("r")
    desk.drag(*corners)
    desk.saved()


def test_two_people_change_one_shape_and_the_second_decides(people: People) -> None:
    ann, ben = people("ann"), people("ben")
    draw_box(ann, (-60, -60), (40, 40))
    look_again(ben, 1)
    ben.click(-10, -10)
    expect(ben.page.locator("#details")).to_contain_text("Ann", timeout=10_000)
    # Ann moves and relabels it; Ben, who has not seen that, moves it elsewhere.
    ann.press("m")
    ann.drag((-10, -10), (-10, 90))
    ann.saved()
    ben.drag((-10, -10), (140, -10))
    card = ben.page.locator("#conflicts")
    expect(card).to_be_visible(timeout=10_000)
    expect(card).to_contain_text("Ann changed this shape before you")
    expect(card).to_contain_text("Move Mitotic figure")
    expect(card).to_contain_text("Moved by")
    expect(ghosts(ben)).to_have_count(2)
    expect(ben.page.locator(".ghost__label")).to_have_text(["theirs", "yours"])
    # Nothing is lost before the decision, also by putting it off.
    [theirs] = shapes(ann)
    assert theirs["revision"] == 2
    card.get_by_role("button", name="Decide later").click()
    expect(card).to_be_hidden()
    expect(ben.page.locator("#save-state")).to_contain_text("1 problem")
    ben.page.locator("#save-state").click()
    card.get_by_role("button", name="Keep mine").click()
    expect(card).to_be_hidden()
    ben.saved()
    [mine] = shapes(ann)
    assert mine["id"] == theirs["id"]
    [[(x0, _), _]] = mine["geometry"]["rings"]
    [[(old, _), _]] = theirs["geometry"]["rings"]
    assert x0 == pytest.approx(old + 300, abs=6)


def test_theirs_is_taken_and_mine_can_still_be_used_after_all(people: People) -> None:
    ann, ben = people("ann"), people("ben")
    draw_box(ann, (-60, -60), (40, 40))
    look_again(ben, 1)
    ben.click(-10, -10)
    expect(ben.page.locator("#details")).to_contain_text("Ann", timeout=10_000)
    ann.press("m")
    ann.page.fill("#selected-text", "from Ann")
    ann.press("Tab")
    ann.saved()
    ben.page.fill("#selected-text", "from Ben")
    ben.press("Tab")
    card = ben.page.locator("#conflicts")
    expect(card).to_contain_text("Remark: “from Ann”", timeout=10_000)
    card.get_by_role("button", name="Take theirs").click()
    expect(ben.page.locator("#selected-text")).to_have_value("from Ann")
    ben.saved()
    assert shapes(ann)[0]["text"] == "from Ann"
    ben.page.get_by_role("button", name="Keep mine after all").click()
    ben.saved()
    ben.page.wait_for_timeout(500)
    assert shapes(ann)[0]["text"] == "from Ben"


def test_ones_own_change_brings_a_shape_back_that_somebody_deleted(people: People) -> None:
    ann, ben = people("ann"), people("ben")
    draw_box(ann, (-60, -60), (40, 40))
    [drawn] = shapes(ann)
    look_again(ben, 1)
    ben.click(-10, -10)
    expect(ben.page.locator("#details")).to_contain_text("Ann", timeout=10_000)
    ann.press("m")
    ann.press("Delete")
    ann.saved()
    ben.drag((-10, -10), (140, -10))
    card = ben.page.locator("#conflicts")
    expect(card).to_contain_text("Ann deleted this shape before you", timeout=10_000)
    expect(ghosts(ben)).to_have_count(1)
    card.get_by_role("button", name="Keep mine").click()
    ben.saved()
    ben.counted(1)
    [again] = shapes(ann)
    assert (again["id"], again["author"]["name"]) == (drawn["id"], "Ann")


def test_the_history_of_a_shape_is_beside_it_and_goes_back_to_a_state(people: People) -> None:
    ann = people("ann")
    draw_box(ann, (-100, -100), (0, 0))
    ann.press("m")
    ann.drag((-50, -50), (50, 0))
    ann.saved()
    ann.page.select_option("#attribute-grade", "high")
    ann.saved()
    first = shapes(ann)[0]
    ann.page.locator("#details [data-focus=selection-history]").click()
    rows = ann.page.locator("#shape-history [data-revision]")
    expect(rows).to_have_count(3, timeout=10_000)
    expect(rows.nth(0)).to_contain_text("grade: low → high")
    expect(rows.nth(1)).to_contain_text("Moved by")
    expect(rows.nth(2)).to_contain_text("Drew Mitotic figure")
    expect(rows.nth(0)).to_contain_text("Now")
    assert ghosts(ann).count() == 0
    rows.nth(1).hover()
    expect(ghosts(ann)).to_have_count(2)
    rows.nth(2).get_by_role("button", name="Restore this state").click()
    expect(rows).to_have_count(4, timeout=10_000)
    [back] = shapes(ann)
    assert back["attributes"]["grade"] == "low"
    assert back["geometry"] != first["geometry"]
    expect(ann.page.locator("#attribute-grade")).to_have_value("low")
    ann.page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(rows).to_have_count(5, timeout=10_000)
    assert shapes(ann)[0]["geometry"] == first["geometry"]
    # The keyboard alone: close it, open it again, look at a state.
    ann.page.locator("#stage").focus()
    ann.press("Shift+H")
    expect(ann.page.locator("#shape-history")).to_be_hidden()
    ann.press("Shift+H")
    rows.nth(4).focus()
    expect(ghosts(ann)).to_have_count(1)


def test_what_was_deleted_comes_back_from_the_trash(people: People) -> None:
    ann, ben = people("ann"), people("ben")
    for x in (-200, 0):
        draw_box(ann, (x, -60), (x + 80, 20))
    look_again(ben, 2)
    ben.press("Control+a")
    ben.press("Delete")
    ben.counted(0)
    ben.saved()
    look_again(ann, 0)
    ann.press("h")
    ann.page.get_by_role("tab", name="Trash").click()
    items = ann.page.locator("#history-bin [data-annotation]")
    expect(items).to_have_count(2, timeout=10_000)
    expect(items.first).to_contain_text("by Ben")
    items.first.hover()
    expect(ghosts(ann)).to_have_count(1)
    items.first.get_by_role("button", name="Restore").click()
    expect(items).to_have_count(1)
    ann.counted(1)
    expect(ann.page.locator("#details")).to_be_visible()
    ann.page.get_by_label("Choose all that are shown").check()
    ann.page.locator("#history-bin .trash__bar").get_by_role("button", name="Restore").click()
    expect(ann.page.locator("#history-bin")).to_contain_text("The trash is empty")
    ann.counted(2)
    ann.page.locator(".toast").last.get_by_role("button", name="Undo").click()
    ann.counted(1)


def test_a_session_is_set_back_after_a_preview_and_the_toast_undoes_it(people: People) -> None:
    ann, ben = people("ann"), people("ben")
    draw_box(ben, (-200, -60), (-120, 20))
    draw_box(ben, (0, -60), (80, 20))
    look_again(ann, 2)
    ann.press("m")
    ann.click(40, -20)
    expect(ann.page.locator("#details")).to_contain_text("Ben", timeout=10_000)
    ann.page.fill("#selected-text", "checked")
    ann.press("Tab")
    ann.saved()
    ann.press("Escape")
    ann.page.locator("#stage").focus()
    ann.press("h")
    groups = ann.page.locator("#history-log .log__group")
    expect(groups).to_have_count(2, timeout=10_000)
    expect(groups.nth(1)).to_contain_text("Ben")
    expect(groups.nth(1)).to_contain_text("Drew Mitotic figure")
    groups.nth(1).locator(".log__entry").first.hover()
    expect(ghosts(ann)).to_have_count(1)
    groups.nth(1).get_by_role("button", name="Revert", exact=True).click()
    dialog = ann.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Revert of Ben's session")
    expect(dialog).to_contain_text("1 shape will be deleted")
    expect(dialog).to_contain_text("1 shape left alone. It was changed since")
    assert len(shapes(ann)) == 2
    dialog.get_by_label("Reason").fill("wrong protocol")
    dialog.get_by_role("button", name="Set back").click()
    ann.counted(1)
    expect(ann.page.locator(".toast")).to_contain_text("1 shape deleted")
    expect(groups.first).to_contain_text("wrong protocol")
    ann.page.locator(".toast").get_by_role("button", name="Undo").click()
    ann.counted(2)
    ann.page.get_by_label("Person").select_option(label="Ben")
    expect(groups).to_have_count(1)
    ann.page.get_by_label("Kind of change").select_option("import")
    expect(ann.page.locator("#history-log")).to_contain_text("Nothing fits")


def test_the_set_has_its_history_and_its_manager_sets_it_to_a_revision(people: People, instance: Instance) -> None:
    ann = people("ann")
    page = ann.page
    page.goto(f"{instance.address}/image-sets/{instance.image_set_id}/history")
    expect(page.locator("#tab")).to_contain_text("Nothing has happened yet")
    ann.open()
    for x in (-200, 0, 150):
        draw_box(ann, (x, -60), (x + 80, 20))
    page.goto(f"{instance.address}/image-sets/{instance.image_set_id}/history")
    entries = page.locator("#tab .log__entry")
    expect(entries).to_have_count(3)
    entries.nth(2).hover()
    entries.nth(2).get_by_role("button", name="Set everything back to after this change").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Set to revision 1")
    expect(dialog).to_contain_text("2 shapes will be deleted")
    dialog.get_by_role("button", name="Set back").click()
    expect(page.locator(".toast")).to_contain_text("2 shapes deleted")
    assert len(shapes(ann)) == 1
    page.locator("#set-trash").click()
    items = page.locator("#tab [data-annotation]")
    expect(items).to_have_count(2)
    items.first.get_by_role("button", name="Restore").click()
    expect(items).to_have_count(1)
    assert len(shapes(ann)) == 2
    page.locator("#set-trash").click()
    expect(entries.first).to_contain_text("Brought back")
    entries.first.locator("a").click()
    ann.ready()
    expect(page.locator("#details")).to_be_visible(timeout=10_000)
