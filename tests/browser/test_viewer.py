"""The viewer in a real Chromium on a real instance: drawing, undo, autosave without a connection, links, plugins."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from exact_sdk.fakedist import FakeDistributions
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import select

from exact_core.annotations.packing import unpack
from exact_core.kernel.discovery import discover
from exact_core.settings import Settings
from exact_core.storage import migrate
from exact_core.storage.database import Database
from exact_core.storage.models import LIVE, AnnotationRevision
from tests.browser.viewer_instance import Instance, running

pytestmark = [pytest.mark.browser, pytest.mark.data]

POINT, BOX, ELLIPSE, LINE, POLYLINE, POLYGON = range(1, 7)
IMAGE, ABSENT = 9, 10
START = "#x=1100&y=1500&zoom=0.5"

PLUGIN = """
from exact_core.api import Frontend, Overlay, OverlayPlace, Panel, PluginInfo, Slot, hookimpl

@hookimpl
def exact_plugin_info():
    return PluginInfo(title="{title}", default_enabled=True)

@hookimpl
def exact_frontend():
    return Frontend(panels=(Panel("{name}.panel", "{title}", Slot.VIEWER_RIGHT),))

@hookimpl
def exact_overlays(image):
    if "{name}" != "working":
        return []
    overview = Overlay("working.map", "Map", "map.png", places=(OverlayPlace.NAVIGATOR,), is_shown=True)
    return [overview, Overlay("working.slide", "Map on the slide", "slide.png")]
"""
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
MODULES = {
    "hanging": "await new Promise(() => {}); export default () => {};",
    "throwing": "export default () => { throw new Error('out of luck'); };",
    "working": """
        export default (ctx) => ctx.panels.mount('working.panel', (element) => {
          const show = () => { element.textContent = `zoom ${ctx.viewer.view().zoom.toFixed(2)}`; };
          ctx.viewer.on('view-changed', show);
          show();
        });
    """,
}


@pytest.fixture(scope="module")
def instance(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """One instance for all tests, with three plugins of which one never finishes loading and one throws."""
    folder = tmp_path_factory.mktemp("viewer")
    settings = Settings(data_dir=folder / "data", secret_key="viewer-test-" + "0" * 32)
    settings.data_dir.mkdir()
    database = Database(settings.effective_database_url)
    migrate.upgrade(database)
    database.dispose()
    slide = shared_data / "01-wsi" / "CMU-1-Small-Region.svs"
    stack = [shared_data / "01-wsi" / "frames" / "qupath-cells-2z.ome.tif"]
    with ExitStack() as after:
        fakes = after.enter_context(FakeDistributions(folder / "site"))
        for name, module in MODULES.items():
            source = PLUGIN.format(name=name, title=name.title())
            fakes.add(name, source, files={"static/index.js": module})
        candidates = tuple(discover([str(fakes.folder)]))
        yield after.enter_context(running(settings, [slide, *stack], candidates))


class Desk:
    """The page, in words of the tests."""

    def __init__(self, page: Page, instance: Instance) -> None:
        self.page = page
        self.instance = instance
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, number: int = 0, link: str = START) -> None:
        self.page.goto(self.instance.viewer(number) + link)
        self.ready()

    def ready(self) -> None:
        expect(self.page.locator("#stage-state")).to_be_hidden(timeout=30_000)
        expect(self.page.locator("#tools [data-tool=select]")).to_be_visible()

    def place(self, x: float, y: float) -> tuple[float, float]:
        """A spot of the stage, counted from its middle, as a spot of the window."""
        box = self.page.locator("#stage").bounding_box()
        assert box is not None
        return box["x"] + box["width"] / 2 + x, box["y"] + box["height"] / 2 + y

    def click(self, x: float, y: float) -> None:
        self.page.mouse.click(*self.place(x, y))
        self.page.wait_for_timeout(450)  # the next click is not the second half of a double-click

    def drag(self, *points: tuple[float, float]) -> None:
        self.page.mouse.move(*self.place(*points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.place(*point), steps=4)
        self.page.mouse.up()

    def press(self, keys: str) -> None:
        self.page.keyboard.press(keys)

    def saved(self) -> None:
        self.page.wait_for_timeout(250)  # the light does not flicker for what takes a moment only
        expect(self.page.locator("#save-state[data-waiting='0']")).to_have_attribute(
            "data-state", "saved", timeout=15_000
        )

    def keeps(self, shapes: dict[int, int]) -> None:
        """The database comes to hold so many shapes of each kind."""
        for _ in range(100):
            if self.instance.live_shapes() == shapes:
                break
            self.page.wait_for_timeout(100)
        assert self.instance.live_shapes() == shapes

    def counted(self, count: int) -> None:
        expect(self.page.locator("[data-count=all]")).to_have_text(str(count), timeout=10_000)

    def undo(self, times: int = 1) -> None:
        for _ in range(times):
            self.press("Control+z")
            self.page.wait_for_timeout(150)


@pytest.fixture
def desk(browser: Browser, instance: Instance) -> Iterator[Desk]:
    """A browser that Ann has logged in with by her link; it has no errors at the end and no shapes are left."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(instance.login_link())
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(lambda url: "/login" not in url)
    desk = Desk(page, instance)
    yield desk
    assert desk.errors == []
    desk.saved()
    _remove_all(page, instance)
    context.close()


def _remove_all(page: Page, instance: Instance) -> None:
    page.unroute_all(behavior="ignoreErrors")
    script = """async (ids) => {
      const token = document.querySelector('meta[name="csrf-token"]').content;
      for (const id of ids) {
        const found = await (await fetch(`/api/v2/images/${id}/annotations`)).json();
        const operations = found.items.map((one) => ({ op: 'delete', id: one.id }));
        if (operations.length === 0) continue;
        const body = JSON.stringify({ operations });
        const headers = { 'Content-Type': 'application/json', 'X-CSRF-Token': token };
        const answer = await fetch(`/api/v2/images/${id}/annotation-changes`, { method: 'POST', headers, body });
        if (!answer.ok) throw new Error(await answer.text());
      }
    }"""
    page.evaluate(script, instance.image_ids)
    assert instance.live_shapes() == {}


def cut_off(route: Route) -> None:
    route.abort()


def test_every_shape_is_drawn_with_the_mouse_and_is_there_after_a_reload(desk: Desk, instance: Instance) -> None:
    desk.open()
    desk.press("r")
    desk.drag((-300, -250), (-220, -180))
    desk.press("r")
    desk.click(-100, -220)
    desk.press("o")
    desk.click(50, -220)
    desk.press(".")
    desk.click(200, -220)
    desk.press("l")
    desk.drag((-300, -50), (-200, 0))
    desk.press("v")
    for spot in ((-100, -50), (-50, 0), (0, -50)):
        desk.click(*spot)
    desk.press("Enter")
    desk.press("p")
    for spot in ((-300, 100), (-200, 90), (-190, 180)):
        desk.click(*spot)
    desk.page.mouse.dblclick(*desk.place(-280, 190))
    desk.drag((100, 100), (180, 100), (180, 180), (100, 180), (102, 104))
    desk.counted(8)
    desk.saved()
    everything = {POINT: 1, BOX: 2, ELLIPSE: 1, LINE: 1, POLYLINE: 1, POLYGON: 2}
    assert instance.live_shapes() == everything

    desk.page.reload()
    desk.ready()
    desk.counted(8)
    expect(desk.page.locator("#stage")).to_have_attribute(
        "data-shapes", re.compile("^[78]$")
    )  # without the selected one
    expect(desk.page.locator("#undo")).to_be_enabled()
    desk.undo()
    desk.counted(7)
    assert instance.live_shapes() == everything | {POLYGON: 1}
    desk.press("Control+Shift+z")
    desk.counted(8)
    assert instance.live_shapes() == everything


def test_a_click_places_a_shape_of_the_types_default_size_in_micrometres(desk: Desk) -> None:
    desk.open()
    desk.press("1")
    desk.click(0, 0)
    expect(desk.page.locator("[data-fact=Size]")).to_contain_text("µm")
    sizes = [float(text) for text in desk.page.locator("[data-fact=Size]").inner_text().replace(" µm", "").split(" × ")]
    assert all(abs(size - 25) < 0.6 for size in sizes)


def test_a_selected_shape_is_moved_resized_given_attributes_and_deleted(desk: Desk, instance: Instance) -> None:
    desk.open()
    desk.press("r")
    desk.drag((-100, -100), (0, 0))
    desk.saved()
    desk.press("m")
    desk.drag((-50, -50), (50, 0))
    desk.drag((100, 50), (150, 100))
    expect(desk.page.locator("[data-fact=Size]")).to_contain_text("×")
    desk.page.select_option("#attribute-grade", "high")
    desk.page.fill("#selected-text", "m r o 1 looks odd")
    desk.press("Tab")
    desk.saved()
    expect(desk.page.locator("#stage")).to_have_attribute("data-tool", "select")  # typing chose no tool
    found = desk.page.evaluate(f"fetch('/api/v2/images/{instance.image_ids[0]}/annotations').then((r) => r.json())")
    [shape] = found["items"]
    assert (shape["text"], shape["attributes"]["grade"]) == ("m r o 1 looks odd", "high")
    [[(x0, y0), (x1, y1)]] = shape["geometry"]["rings"]
    assert (x1 - x0, y1 - y0) == (pytest.approx(300, abs=3), pytest.approx(300, abs=3))
    desk.press("Delete")
    desk.counted(0)
    desk.undo()
    desk.counted(1)


def test_vertices_are_pulled_put_in_and_taken_away(desk: Desk) -> None:
    desk.open()
    desk.press("p")
    for spot in ((-100, -100), (100, -100), (100, 100), (-100, 100)):
        desk.click(*spot)
    desk.press("Enter")
    desk.saved()
    desk.press("m")
    desk.click(0, 0)
    vertices = desk.page.locator("[data-fact=Vertices]")
    expect(vertices).to_have_text("4")
    desk.drag((100, 100), (150, 150))
    desk.drag((0, -100), (0, -160))
    expect(vertices).to_have_text("5")
    desk.page.keyboard.down("Alt")
    desk.page.mouse.click(*desk.place(0, -160))
    desk.page.keyboard.up("Alt")
    expect(vertices).to_have_text("4")
    desk.saved()


def test_undo_inside_a_drawing_takes_points_back_and_nothing_else(desk: Desk) -> None:
    desk.open()
    desk.press("r")
    desk.click(-250, -200)
    desk.saved()
    desk.press("p")
    for spot in ((0, 0), (100, 0), (100, 100), (0, 100)):
        desk.click(*spot)
    desk.undo()
    desk.press("Enter")
    expect(desk.page.locator("[data-fact=Vertices]")).to_have_text("3")
    desk.counted(2)


def test_shapes_are_relabelled_by_key_and_never_into_a_type_that_is_drawn_otherwise(desk: Desk) -> None:
    desk.open()
    desk.press("1")
    desk.press(".")
    desk.click(0, 0)
    desk.press("m")
    desk.click(0, 0)
    expect(desk.page.locator("#selected-type option:checked")).to_have_text("Mitotic figure")
    desk.press("2")
    expect(desk.page.locator("#selected-type option:checked")).to_have_text("Cell")
    desk.press("4")
    expect(desk.page.locator("#stage-hint")).to_contain_text("Tumour is drawn as polygon")
    expect(desk.page.locator("#selected-type option:checked")).to_have_text("Cell")
    desk.saved()


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


def test_an_outline_that_crosses_itself_is_mended_freehand_and_told_when_clicked(
    desk: Desk, instance: Instance
) -> None:
    desk.open()
    desk.press("p")
    desk.drag((0, 0), (0, 60), (80, 0), (150, 80), (80, 150), (-20, 80), (-30, 30), (30, 20), (60, -60))
    desk.counted(1)
    desk.saved()
    assert instance.live_shapes() == {POLYGON: 1}

    for spot in ((-300, 100), (-200, 200), (-200, 100), (-300, 200)):
        desk.click(*spot)
    desk.press("Enter")
    expect(desk.page.locator("#stage-hint")).to_contain_text("crosses itself")
    desk.press("Backspace")
    desk.press("Enter")
    desk.counted(2)
    desk.saved()
    assert instance.live_shapes() == {POLYGON: 2}


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


def test_a_whole_image_is_labelled_and_said_not_to_hold_something(desk: Desk, instance: Instance) -> None:
    desk.open()
    labels = desk.page.get_by_role("region", name="Whole image")
    unusable = labels.get_by_role("switch", name="Not usable")
    none = labels.get_by_role("switch", name="No Mitotic figure")
    expect(unusable).to_have_attribute("aria-checked", "false")
    unusable.click()
    none.click()
    for switch in (unusable, none):
        expect(switch).to_have_attribute("aria-checked", "true")
    desk.keeps({IMAGE: 1, ABSENT: 1})
    # An absence is no mitotic figure: the row of the type counts what is drawn.
    expect(desk.page.get_by_role("button", name=re.compile("^Mitotic figure")).locator(".types__count")).to_have_text(
        "0"
    )

    desk.page.reload()
    desk.ready()
    expect(none).to_have_attribute("aria-checked", "true")
    labels.get_by_role("button", name="Details: No Mitotic figure").click()
    details = desk.page.get_by_role("region", name="Selected shape")
    expect(details.get_by_role("heading", name="Not in this image")).to_be_visible()
    details.get_by_label("Remark").fill("looked at every field")
    details.get_by_label("Remark").blur()
    desk.saved()
    none.click()
    expect(none).to_have_attribute("aria-checked", "false")
    desk.keeps({IMAGE: 1})
    desk.undo()
    expect(none).to_have_attribute("aria-checked", "true")
    desk.press("6")  # the key of the type that is a label only
    expect(unusable).to_have_attribute("aria-checked", "false")
    desk.keeps({ABSENT: 1})


def test_a_frame_of_a_stack_is_labelled_by_itself(desk: Desk, instance: Instance) -> None:
    desk.open(1, "")
    labels = desk.page.get_by_role("region", name="Whole image")
    unusable = labels.get_by_role("switch", name="Not usable")
    labels.get_by_role("button", name="This frame").click()
    unusable.click()
    desk.saved()
    expect(unusable).to_have_attribute("aria-checked", "true")
    labels.get_by_role("button", name="Image", exact=True).click()
    expect(unusable).to_have_attribute("aria-checked", "false")
    unusable.click()
    desk.saved()
    slider = desk.page.locator("#frames input[type=range]").first
    slider.evaluate("(input) => { input.value = '1'; input.dispatchEvent(new Event('input')); }")
    expect(unusable).to_have_attribute("aria-checked", "true")
    labels.get_by_role("button", name="This frame").click()
    expect(unusable).to_have_attribute("aria-checked", "false")
    slider.evaluate("(input) => { input.value = '0'; input.dispatchEvent(new Event('input')); }")
    expect(unusable).to_have_attribute("aria-checked", "true")
    labels.get_by_role("button", name="Details: Not usable").click()
    expect(desk.page.locator("[data-fact='Said of']")).to_have_text(re.compile("(Focus|Time) 1"))
    with instance.services.database.read() as session:
        row = AnnotationRevision
        frames = session.execute(select(row.z, row.t, row.c).where(row.valid_to == LIVE)).all()
    assert sorted(map(tuple, frames)) == [(-1, -1, -1), (0, 0, -1)]


def test_near_by_a_vertex_is_set_between_pixels_and_from_afar_it_stays_there(desk: Desk, instance: Instance) -> None:
    def box() -> list[float]:
        with instance.services.database.read() as session:
            row = AnnotationRevision
            packed = session.scalars(select(row.geometry).where(row.valid_to == LIVE)).one()
        return [value for vertex in unpack(packed).xy.tolist() for value in vertex]

    desk.open(link="#x=1000&y=1000&zoom=16")
    expect(desk.page.locator("#stage")).to_have_attribute("data-zoom", "16", timeout=10_000)
    desk.press("r")
    desk.drag((-84, -40), (90, 60))
    desk.saved()
    drawn = box()
    assert [value * 16 for value in drawn] == [round(value * 16) for value in drawn]
    assert drawn[2] - drawn[0] == 174 / 16
    assert drawn[3] - drawn[1] == 100 / 16
    assert any(value % 1 for value in drawn)

    desk.open(link="#x=1000&y=1000&zoom=1")
    expect(desk.page.locator("#stage")).to_have_attribute("data-zoom", "1", timeout=10_000)
    desk.page.wait_for_timeout(500)
    desk.press("m")
    desk.click(0, 0)
    expect(desk.page.get_by_role("heading", name="Box")).to_be_visible()
    desk.press("ArrowRight")
    desk.page.wait_for_timeout(700)
    desk.saved()
    moved = box()
    assert [moved[0] - drawn[0], moved[1] - drawn[1]] == [moved[2] - drawn[2], moved[3] - drawn[3]]
    assert moved[0] > drawn[0]


def test_others_may_look_but_not_change_and_the_page_says_why(desk: Desk, browser: Browser, instance: Instance) -> None:
    desk.open()
    desk.press("r")
    desk.drag((-60, -60), (60, 60))
    desk.saved()
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(instance.login_link("ben"))
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(lambda url: "/login" not in url)
    ben = Desk(page, instance)
    ben.open()
    ben.counted(1)
    ben.click(0, 0)
    expect(page.locator("#details")).to_contain_text("Ann", timeout=10_000)
    expect(page.locator(".rich__shape").first).to_be_attached()
    mode_allows = page.locator("#selected-type").is_enabled()
    assert mode_allows == (page.locator(".rich__handle").count() > 0)
    context.close()


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
