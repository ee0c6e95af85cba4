"""An annotation layer that is opened in a real browser, and shapes to show in it."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser.layer_page import OPENSEADRAGON, Drawing, Scene, served
from tests.conftest import unavailable

RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 136, 0)


WHITE = (255, 255, 255)


TYPES = [
    {"id": 1, "name": "Tumour", "color": "#ff0000", "visible": True},
    {"id": 2, "name": "Stroma", "color": "#0000ff", "visible": True},
    {"id": 3, "name": "Gland", "color": "#008800", "visible": True},
]


RENDERERS = ("webgl2", "canvas2d")


class LayerPage:
    """The page, in words of the tests."""

    def __init__(self, page: Page, scene: Scene) -> None:
        self.page = page
        self.scene = scene
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    def show(self, x: float, y: float, width: float, height: float) -> None:
        """Bring a rectangle of the image to the screen, with its annotations."""
        self.page.evaluate("([x, y, w, h]) => show(x, y, w, h)", [x, y, width, height])

    def do(self, script: str) -> Any:
        """Run a script, and wait until its effect is on the screen."""
        result = self.page.evaluate(f"() => {script}")
        self.page.evaluate("settled()")
        return result

    def pick(self, x: float, y: float, tolerance: float = 5) -> list[int]:
        """Ids of what lies at a place, best first."""
        hits = self.page.evaluate("([x, y, t]) => layer.pick({x, y}, t).map((hit) => hit.id)", [x, y, tolerance])
        return list(hits)

    def statistics(self) -> dict[str, Any]:
        """What the layer says of itself."""
        return dict(self.page.evaluate("layer.statistics()"))

    def colors(self, *places: tuple[float, float]) -> list[tuple[int, int, int]]:
        """Colours of the screen at places of the image."""
        picture = self.picture()
        found = []
        for x, y in places:
            point = self.page.evaluate("([x, y]) => toScreen(x, y)", [x, y])
            ratio = self.page.evaluate("devicePixelRatio")
            found.append(tuple(int(v) for v in picture[round(point["y"] * ratio), round(point["x"] * ratio)]))
        return found

    def ink(self) -> int:
        """Number of pixels that are not white."""
        return int((self.picture() < 250).any(axis=2).sum())

    def picture(self) -> np.ndarray:
        """The viewer's pixels."""
        shot = self.page.locator("#viewer").screenshot()
        return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., LayerPage]]:
    """Open the page on a scene; everything is closed at the end, and no error of the page goes unseen."""
    if not OPENSEADRAGON.is_dir():
        unavailable("OpenSeadragon is not installed; run npm ci in frontend/")
    with ExitStack() as stack:
        pages: list[LayerPage] = []

        def open_page(scene: Scene, renderer: str | None = None, ratio: float = 1) -> LayerPage:
            address = stack.enter_context(served(scene))
            context = browser.new_context(viewport={"width": 800, "height": 600}, device_scale_factor=ratio)
            stack.callback(context.close)
            layer_page = LayerPage(context.new_page(), scene)
            layer_page.page.goto(address + (f"?renderer={renderer}" if renderer else ""))
            layer_page.page.wait_for_function("window.isReady", timeout=30_000)
            pages.append(layer_page)
            return layer_page

        yield open_page
        problems = [problem for page in pages for problem in page.problems]
    assert problems == []


def every_shape() -> Scene:
    """One of each, on one screen of 1000 × 750 px at (1000, 1000)."""
    drawings = [
        Drawing(1, "box", [[(1100, 1100), (1300, 1250)]], 1),
        Drawing(2, "ellipse", [[(1400, 1100), (1600, 1250)]], 2),
        Drawing(
            3,
            "polygon",
            [
                [(1100, 1350), (1300, 1350), (1300, 1500), (1200, 1450), (1100, 1500)],
                [(1140, 1370), (1190, 1370), (1190, 1420), (1140, 1420)],
            ],
            3,
            holes=(1,),
        ),
        Drawing(4, "point", [[(1500, 1400)]], 1),
        Drawing(5, "line", [[(1650, 1100), (1750, 1200)]], 2),
        Drawing(6, "polyline", [[(1650, 1300), (1700, 1400), (1750, 1300), (1800, 1400)]], 1, author_id=8),
        Drawing(7, "rotated_box", [[(1500, 1480), (1550, 1530), (1500, 1580), (1450, 1530)]], 3),
        Drawing(
            8,
            "multi_polygon",
            [
                [(1650, 1450), (1700, 1450), (1700, 1500), (1650, 1500)],
                [(1750, 1450), (1850, 1450), (1850, 1550), (1750, 1550)],
                [(1770, 1470), (1830, 1470), (1830, 1530), (1770, 1530)],
            ],
            2,
            holes=(2,),
        ),
    ]
    return Scene(20_000, 15_000, TYPES, drawings)


def many(number: int, side: int = 40_000, seed: int = 3) -> Scene:
    """Cells as polygons of twelve corners and boxes, spread over an image."""
    dice = random.Random(seed)
    corners = [(round(18 * np.cos(a)), round(18 * np.sin(a))) for a in np.linspace(0, 2 * np.pi, 12, endpoint=False)]
    drawings = []
    for i in range(number):
        x, y = dice.randrange(50, side - 50), dice.randrange(50, side - 50)
        if i % 3 == 0:
            drawings.append(Drawing(i + 1, "box", [[(x - 15, y - 15), (x + 15, y + 15)]], 1 + i % 2))
        else:
            drawings.append(Drawing(i + 1, "polygon", [[(x + dx, y + dy) for dx, dy in corners]], 1 + i % 2))
    return Scene(side, side, TYPES, drawings)
