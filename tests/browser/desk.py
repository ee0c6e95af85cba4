"""The viewer at work: one server, one slide, one annotator in a real browser."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from exact_sdk.fakedist import FakeDistributions
from playwright.sync_api import Page, Response, Route, expect

from exact_core.kernel.discovery import discover
from exact_core.settings import Settings
from exact_core.storage import migrate
from exact_core.storage.database import Database
from tests.browser.profiles import Profiles, ask
from tests.browser.viewer_instance import Instance, running

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
        self.refused: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("response", self._note_refusal)

    def _note_refusal(self, response: Response) -> None:
        """What the server said to a change that it did not take."""
        if response.status >= 400 and response.request.method != "GET":
            self.refused.append(f"{response.request.post_data} got {response.status} {response.text()}")

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
        said = "\n".join(self.refused)
        expect(self.page.locator("#save-state[data-waiting='0']"), said).to_have_attribute(
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
def desk(profiles: Profiles, instance: Instance) -> Iterator[Desk]:
    """A browser that Ann is logged in with; it has no errors at the end and no shapes are left."""
    page, token = profiles.page(instance)
    desk = Desk(page, instance)
    yield desk
    assert desk.errors == []
    desk.saved()
    page.unroute_all(behavior="ignoreErrors")
    _remove_all(page, instance, token)


def _remove_all(page: Page, instance: Instance, token: str) -> None:
    for image in instance.image_ids:
        found = ask(page, instance, token, "GET", f"/images/{image}/annotations")["items"]
        operations = [{"op": "delete", "id": each["id"]} for each in found]
        if operations:
            ask(page, instance, token, "POST", f"/images/{image}/annotation-changes", {"operations": operations})
    assert instance.live_shapes() == {}


def cut_off(route: Route) -> None:
    route.abort()
