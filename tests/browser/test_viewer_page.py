"""The page around the slide: address, magnification, layers, plugins, lost connections, rights and phones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.browser.desk import BOX, PIXEL, Desk, cut_off
from tests.browser.profiles import Profiles
from tests.browser.viewer_instance import Instance

pytestmark = [pytest.mark.browser, pytest.mark.data, pytest.mark.xdist_group("viewer page")]


def test_work_without_a_connection_survives_a_reload_and_is_sent_later(desk: Desk, instance: Instance) -> None:
    desk.open()
    desk.page.route("**/annotation-changes", cut_off)
    desk.press("r")
    desk.click(-100, 0)
    desk.press("r")
    desk.click(100, 0)
    expect(desk.page.locator("#save-state")).to_contain_text("Offline · 2 waiting")
    assert instance.live_shapes() == {}

    asked: list[str] = []
    desk.page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    desk.page.reload()
    desk.ready()
    assert asked == ["beforeunload"]
    expect(desk.page.locator("#save-state")).to_contain_text("2 waiting")
    desk.counted(2)
    desk.page.unroute("**/annotation-changes")
    desk.page.locator("#save-state").click()
    desk.saved()
    assert instance.live_shapes() == {BOX: 2}


def test_a_conflict_shows_both_sides_and_loses_nothing(desk: Desk, instance: Instance) -> None:
    desk.open()
    desk.press("r")
    desk.drag((-50, -50), (50, 50))
    desk.saved()
    change = """async (id) => {
      const token = document.querySelector('meta[name="csrf-token"]').content;
      const read = async () => (await (await fetch(`/api/v2/images/${id}/annotations`)).json()).items;
      let [one] = await read();
      for (let turn = 0; turn < 50 && !one; turn++) {
        await new Promise((resolve) => setTimeout(resolve, 200));
        [one] = await read();
      }
      await fetch(`/api/v2/annotations/${one.id}`, {
        method: 'PATCH', headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': token },
        body: JSON.stringify({ text: 'from elsewhere' }),
      });
    }"""
    desk.page.evaluate(change, instance.image_ids[0])
    desk.press("m")
    desk.drag((0, 0), (120, 0))
    expect(desk.page.locator("#save-state")).to_contain_text("1 problem", timeout=10_000)
    expect(desk.page.locator("#selected-text")).to_have_value("from elsewhere")
    desk.page.locator("#save-state").click()
    desk.page.get_by_role("button", name="Keep mine").click()
    desk.saved()
    read = f"fetch('/api/v2/images/{instance.image_ids[0]}/annotations').then((r) => r.json())"
    [shape] = desk.page.evaluate(read)["items"]
    assert shape["text"] == "from elsewhere"
    assert shape["geometry"]["rings"][0][0][0] == pytest.approx(1100 + 140, abs=4)


def test_copying_the_address_reproduces_the_view(desk: Desk) -> None:
    desk.open()
    desk.press(">")
    desk.press("x")
    desk.page.locator("[data-magnification='10']").click()
    desk.page.wait_for_timeout(1200)
    address = desk.page.url
    assert "rotation=90" in address
    assert "flip=1" in address
    before = desk.page.locator("#stage").get_attribute("data-zoom")
    desk.page.goto("about:blank")
    desk.page.goto(address)
    desk.ready()
    desk.page.wait_for_timeout(600)
    assert desk.page.locator("#stage").get_attribute("data-zoom") == before
    assert desk.page.url == address


def test_magnification_is_typed_and_nonsense_is_refused_in_words(desk: Desk) -> None:
    desk.open()
    field = desk.page.get_by_role("textbox", name="Magnification")
    field.fill("5")
    field.press("Enter")
    expect(field).to_have_value("5×", timeout=5_000)
    field.fill("a lot")
    field.press("Enter")
    expect(desk.page.locator(".toast")).to_contain_text("This is no magnification")
    expect(field).to_have_value("5×")


def test_the_scale_bar_turns_red_past_the_resolution_of_the_file(desk: Desk) -> None:
    desk.open(link="#x=1100&y=1500&zoom=2")
    expect(desk.page.locator(".scale-bar")).to_have_class("scale-bar is-beyond")
    desk.page.get_by_role("button", name="Fit").click()
    expect(desk.page.locator(".scale-bar")).to_have_class("scale-bar")


def test_a_plugin_that_hangs_or_throws_says_so_in_its_own_panel_and_the_others_work(desk: Desk) -> None:
    desk.open()
    panel: Callable[[str], Any] = lambda name: desk.page.locator(f"[data-panel='{name}.panel']")  # noqa: E731
    expect(panel("working")).to_contain_text("zoom 0.50")
    expect(panel("throwing")).to_contain_text("out of luck")
    expect(panel("hanging")).to_contain_text("It did not start within 5 seconds", timeout=12_000)
    desk.page.locator("[data-magnification='20']").click()
    expect(panel("working")).to_contain_text("zoom 1.00", timeout=5_000)
    desk.press("r")
    desk.click(0, 0)
    desk.saved()


def test_layers_of_plugins_are_shown_hidden_and_remembered(desk: Desk) -> None:
    asked: list[str] = []

    def picture(route: Route) -> None:
        asked.append(route.request.url.rsplit("/", 1)[1])
        route.fulfill(body=PIXEL, content_type="image/png")

    desk.page.route("**/plugins/working/*.png", picture)
    desk.open()
    in_overview = desk.page.locator("#overview img.plugin-layer")
    expect(in_overview).to_be_visible()
    assert "slide.png" not in asked, "a layer that is off costs nothing"
    desk.page.locator("#layers summary").click()
    desk.page.get_by_role("switch", name="Map", exact=True).uncheck()
    expect(in_overview).to_be_hidden()
    with desk.page.expect_request("**/slide.png"):
        desk.page.get_by_role("switch", name="Map on the slide").check()
    expect(desk.page.get_by_label("Opacity of Map on the slide")).to_be_visible()

    with desk.page.expect_request("**/slide.png"):
        desk.page.reload()
    desk.ready()
    expect(in_overview).to_be_hidden()
    expect(desk.page.locator("[id='layer-working.slide']")).to_be_checked()


def test_the_slider_of_the_opacity_follows_the_hand_to_the_end(desk: Desk) -> None:
    desk.open()
    desk.page.get_by_text("How shapes are drawn").click()
    slider = desk.page.locator("#display-opacity")
    box = slider.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    desk.page.mouse.move(box["x"] + box["width"] - 8, y)
    desk.page.mouse.down()
    desk.page.mouse.move(box["x"] + 2, y, steps=6)
    desk.page.mouse.up()
    expect(slider).to_have_value("0.1")


def test_others_may_look_but_not_change_and_the_page_says_why(
    desk: Desk, profiles: Profiles, instance: Instance
) -> None:
    desk.open()
    desk.press("r")
    desk.drag((-60, -60), (60, 60))
    desk.saved()
    page, _ = profiles.page(instance, "ben")
    ben = Desk(page, instance)
    ben.open()
    ben.counted(1)
    ben.click(0, 0)
    expect(page.locator("#details")).to_contain_text("Ann", timeout=10_000)
    expect(page.locator(".rich__shape").first).to_be_attached()
    mode_allows = page.locator("#selected-type").is_enabled()
    assert mode_allows == (page.locator(".rich__handle").count() > 0)


def test_on_a_phone_panels_are_sheets_and_a_tap_draws(browser: Browser, desk: Desk, instance: Instance) -> None:
    state = desk.page.context.storage_state()
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, storage_state=state)
    phone = Desk(context.new_page(), instance)
    phone.open(link="")
    page = phone.page
    expect(page.locator("#side")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.locator("#tools [data-tool=ellipse]").tap()
    page.touchscreen.tap(*phone.place(0, 0))
    phone.saved()
    page.locator("#toggle-side").tap()
    expect(page.locator("#side")).to_be_visible()
    phone.counted(1)
    page.locator("[data-close-sheet]").tap()
    expect(page.locator("#side")).to_be_hidden()
    assert phone.errors == []
    context.close()
    desk.open()


def test_the_filling_of_a_tile_at_the_edge_is_cut_off(desk: Desk) -> None:
    """Files fill such tiles up, often with black, which would show as a line when the slide is scaled."""
    desk.open()
    script = """async () => {
      const source = document.querySelector("script[src*='/viewer/']").src;
      const { withoutPadding } = await import(new URL('edge_tiles.js', source));
      const filled = document.createElement('canvas');
      [filled.width, filled.height] = [40, 40];
      const image = new Image();
      image.src = filled.toDataURL();
      await image.decode();
      const ends = (width, height) => new Promise((resolve) => {
        const finish = (data, _, type) => resolve([type, (data.canvas ?? data).width]);
        const job = { tile: { level: 0, x: 1, y: 1 }, finish };
        withoutPadding(job, width, height).finish(image, null, 'image');
      });
      return [await ends(25, 40), await ends(40, 40), await ends(60, 60)];
    }"""
    assert desk.page.evaluate(script) == [["context2d", 25], ["image", 40], ["image", 40]]
