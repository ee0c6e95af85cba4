"""What the annotation layer draws, in a real browser: looked at pixel by pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.browser.layer_opened import BLUE, GREEN, RED, RENDERERS, TYPES, WHITE, every_shape, many
from tests.browser.layer_page import OPENSEADRAGON, Drawing, Scene
from tests.conftest import unavailable

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("layer")]


@pytest.fixture(scope="module", autouse=True)
def openseadragon() -> None:
    """The layer is tested over the real thing."""
    if not OPENSEADRAGON.is_dir():
        unavailable("OpenSeadragon is not installed; run npm ci in frontend/")


@pytest.mark.parametrize("renderer", RENDERERS)
def test_every_shape_has_its_edge_in_its_types_colour_and_nothing_inside(opened, renderer):
    page = opened(every_shape(), renderer)
    page.show(1000, 1000, 1000, 750)
    assert page.statistics()["renderer"] == renderer
    edges = {
        (1200, 1100): RED,
        (1300, 1200): RED,
        (1500, 1100): BLUE,
        (1400, 1175): BLUE,
        (1200, 1350): GREEN,
        (1165, 1370): GREEN,
        (1500, 1400): RED,
        (1700, 1150): BLUE,
        (1675, 1350): RED,
        (1525, 1505): GREEN,
        (1675, 1450): BLUE,
        (1800, 1470): BLUE,
    }
    for place, wanted, found in zip(edges, edges.values(), page.colors(*edges), strict=True):
        assert np.abs(np.subtract(found, wanted)).max() < 110, (place, found)
        assert np.argmax(np.subtract(255, wanted)) in np.flatnonzero(np.subtract(255, found) > 120), (place, found)
    inside = [(1200, 1175), (1500, 1175), (1120, 1400), (1165, 1395), (1500, 1530), (1675, 1475), (1800, 1500)]
    assert set(page.colors(*inside)) == {WHITE}


@pytest.mark.parametrize("renderer", RENDERERS)
def test_filling_tints_areas_and_leaves_holes_and_lines_alone(opened, renderer):
    page = opened(every_shape(), renderer)
    page.show(1000, 1000, 1000, 750)
    page.do("layer.setFill(true)")
    filled = page.colors((1200, 1175), (1500, 1175), (1120, 1400), (1500, 1530), (1675, 1475), (1760, 1500))
    assert filled[0][0] == 255
    assert 150 < filled[0][1] < 230
    assert filled[1][2] == 255
    assert 150 < filled[1][0] < 230
    assert all(color != WHITE for color in filled)
    # Holes, the notch of the polygon, the corner beside the ellipse, and the bends of a polyline.
    assert set(page.colors((1165, 1395), (1200, 1480), (1405, 1105), (1800, 1500), (1700, 1340))) == {WHITE}
    page.do("layer.setFill(false)")
    assert page.colors((1200, 1175)) == [WHITE]


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_hidden_type_disappears_and_comes_back_in_a_new_colour_without_a_request(opened, renderer):
    page = opened(every_shape(), renderer)
    page.show(1000, 1000, 1000, 750)
    asked = page.statistics()["requests"]
    page.do("layer.setTypeVisible(1, false)")
    assert page.colors((1200, 1100), (1500, 1400)) == [WHITE, WHITE]
    assert page.pick(1200, 1100) == []
    assert page.colors((1200, 1350))[0] != WHITE
    page.do("(layer.setTypeVisible(1, true), layer.setTypeColor(1, '#0000ff'))")
    red, _, blue = page.colors((1200, 1100))[0]
    assert blue > red + 100
    assert page.pick(1200, 1100) == [1]
    assert page.statistics()["requests"] == asked


@pytest.mark.parametrize("renderer", RENDERERS)
def test_authors_single_shapes_and_the_whole_layer_can_be_hidden(opened, renderer):
    page = opened(every_shape(), renderer)
    page.show(1000, 1000, 1000, 750)
    page.do("layer.setAuthorVisible(8, false)")
    assert page.colors((1675, 1350)) == [WHITE]
    page.do("(layer.setAuthorVisible(8, true), layer.setHidden(new Set([1, 2, 4])))")
    assert page.colors((1675, 1350))[0] != WHITE
    assert page.colors((1200, 1100), (1500, 1100), (1500, 1400)) == [WHITE] * 3
    assert page.pick(1200, 1100) == []
    page.do("layer.setHidden(new Set())")
    assert WHITE not in page.colors((1200, 1100), (1500, 1100), (1500, 1400))
    page.do("layer.setOpacity(0.3)")
    assert 130 < page.colors((1500, 1400))[0][1] < 230
    page.do("layer.setVisible(false)")
    assert page.ink() == 0, page.statistics()
    assert page.pick(1200, 1100) == []


@pytest.mark.parametrize("renderer", RENDERERS)
def test_shapes_follow_the_view_when_it_turns_mirrors_and_zooms(opened, renderer):
    page = opened(every_shape(), renderer)
    page.show(1000, 1000, 1000, 750)
    on_edges = [(1500, 1480 + 50), (1500, 1400), (1200, 1250), (1675, 1450)]
    edges, empty = on_edges[1:], [(1500, 1530), (1200, 1175), (1600, 1350)]
    turns = [
        "viewer.viewport.setRotation(90, true)",
        "viewer.viewport.setFlip(true)",
        "viewer.viewport.setRotation(37, true)",
        "viewer.viewport.zoomBy(1.3, null, true)",
    ]
    for turn in turns:
        page.do(turn)
        assert WHITE not in page.colors(*edges), turn
        assert set(page.colors(*empty)) == {WHITE}, turn


def test_shapes_lie_where_openseadragon_draws_the_image(opened):
    """The dark square of the image and the box around it stay together, however the view is turned."""
    scene = Scene(4096, 4096, TYPES, [Drawing(1, "box", [[(1024, 1024), (1536, 1536)]], 1)])
    scene.dark = (1024, 1024, 1536, 1536)
    page = opened(scene)
    for turn in ("viewer.viewport.setRotation(0, true)", "viewer.viewport.setRotation(30, true)",
                 "viewer.viewport.setFlip(true)"):  # fmt: skip
        page.do(turn)
        page.show(700, 700, 1200, 1200)
        page.page.wait_for_timeout(300)
        picture = page.picture().astype(int)
        dark = (picture.max(axis=2) < 60).astype(bool)
        red = (picture[..., 0] > 200) & (picture[..., 1] < 60)
        assert dark.sum() > 10_000, turn
        for axis in (0, 1):
            inner, outer = np.flatnonzero(dark.any(axis=axis)), np.flatnonzero(red.any(axis=axis))
            assert 0 <= inner[0] - outer[0] <= 4, turn
            assert 0 <= outer[-1] - inner[-1] <= 4, turn


@pytest.mark.parametrize("renderer", RENDERERS)
def test_picking_finds_shapes_by_edge_and_by_area_and_knows_their_geometry(opened, renderer):
    page = opened(every_shape(), renderer)
    page.show(1000, 1000, 1000, 750)
    assert page.pick(1302, 1200) == [1]
    assert page.pick(1200, 1175) == [1]
    assert page.pick(1165, 1395) == []
    assert page.pick(1500, 1404) == [4]
    assert page.pick(1352, 1300) == []
    [hit] = page.page.evaluate("layer.pick({x: 1120, y: 1400}, 5)")
    assert hit["shape"] == "polygon"
    assert hit["typeId"] == 3
    assert hit["authorId"] == 7
    assert hit["inside"] is True
    assert hit["geometry"]["rings"] == [[list(v) for v in ring] for ring in page.scene.drawings[2].rings]
    inside = page.page.evaluate("layer.pickBox([1390, 1050, 1900, 1420]).map((shape) => shape.id)")
    assert sorted(inside) == [2, 4, 5, 6]


@pytest.mark.parametrize("renderer", RENDERERS)
def test_local_edits_show_at_once_and_give_way_to_what_the_server_says(opened, renderer):
    page = opened(every_shape(), renderer)
    page.show(1000, 1000, 1000, 750)
    moved = "{shape: 'box', points: [[1320, 1120], [1380, 1180]]}"
    page.do(f"layer.upsert({{uuid: 'u', id: 1, type_id: 2, geometry: {moved}}})")
    assert page.colors((1200, 1100)) == [WHITE]
    assert page.colors((1350, 1120))[0][2] > 200
    page.do("layer.upsert({uuid: 'n', type_id: 3, geometry: {shape: 'line', points: [[1330, 1600], [1390, 1600]]}})")
    assert page.colors((1360, 1600))[0] != WHITE
    page.do("layer.remove(3)")
    assert page.colors((1200, 1350)) == [WHITE]

    scene = page.scene
    scene.drawings = [d for d in scene.drawings if d.id not in (1, 3)]
    scene.drawings.append(Drawing(1, "box", [[(1320, 1120), (1380, 1180)]], 2, revision=2))
    scene.changed()
    page.do(
        f"(layer.upsert({{uuid: 'u', id: 1, revision: 2, type_id: 2, geometry: {moved}}}),"
        "layer.remove(3, 2), layer.refresh())"
    )
    assert page.page.evaluate("layer.revision") == 2
    assert page.pick(1350, 1120) == [1]
    assert page.page.evaluate("layer.get('u')") is None
    assert page.page.evaluate("layer.get('n').shape") == "line"
    assert page.colors((1200, 1350)) == [WHITE]


def test_a_highlighted_shape_is_thicker_and_filled(opened):
    page = opened(every_shape())
    page.show(1000, 1000, 1000, 750)
    before = page.ink()
    page.do("layer.setHighlighted(new Set([1]))")
    assert page.colors((1200, 1175)) != [WHITE]
    assert page.colors((1500, 1175)) == [WHITE]
    page.do("layer.setHighlighted(new Set())")
    assert page.ink() == before


def test_lines_keep_their_width_on_screens_of_twice_the_pixels(opened):
    scene = Scene(20_000, 15_000, TYPES, [Drawing(1, "line", [[(1000, 1375), (2000, 1375)]], 1)])
    widths = {}
    for ratio in (1, 2):
        page = opened(scene, ratio=ratio)
        page.show(1000, 1000, 1000, 750)
        column = page.picture()[:, 400 * ratio].astype(int)
        widths[ratio] = (255 - column[:, 1]).sum() / 255 / ratio
    assert widths[1] == pytest.approx(2, abs=0.3)
    assert widths[2] == pytest.approx(2, abs=0.3)


def test_shapes_are_sharp_a_million_pixels_from_the_corner(opened):
    x, y = 999_000, 899_000
    scene = Scene(1_000_000, 900_000, TYPES, [Drawing(1, "box", [[(x, y), (x + 10, y + 8)]], 1)], coordinates="int32")
    page = opened(scene)
    page.show(x - 5, y - 5, 20, 18)
    assert WHITE not in page.colors((x + 5, y), (x, y + 4), (x + 10, y + 4), (x + 5, y + 8))
    assert set(page.colors((x + 5, y + 4), (x - 1, y + 4), (x + 5, y - 1))) == {WHITE}
    assert page.pick(x + 5, y + 0.1) == [1]


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_hundred_thousand_shapes_are_dots_from_afar_and_outlines_near_by(opened, renderer):
    page = opened(many(100_000), renderer)
    page.show(0, 0, 40_000, 30_000)
    far = page.statistics()
    assert far["kind"] == "centroids"
    assert far["shapes"] > 70_000
    assert page.ink() > 50_000
    drawing = page.scene.drawings[300]
    x, y = (drawing.box[0] + drawing.box[2]) / 2, (drawing.box[1] + drawing.box[3]) / 2
    page.show(x - 2000, y - 1500, 4000, 3000)
    near = page.statistics()
    assert near["kind"] == "shapes"
    assert near["requests"] < 12
    assert near["drawnShapes"] < 4000
    assert drawing.id in page.pick(*drawing.rings[0][0], 2)
    page.show(x - 50, y - 40, 100, 80)
    assert page.colors(drawing.rings[0][0])[0] != WHITE


@pytest.mark.parametrize("renderer", RENDERERS)
def test_from_very_far_counts_are_shown_as_soft_heat(opened, renderer):
    scene = many(20_000)
    scene.drawings = [d for d in scene.drawings if d.box[0] < 20_000]
    scene.most = 5000
    page = opened(scene, renderer)
    page.show(0, 0, 40_000, 30_000)
    assert page.page.evaluate("layer.kind") == "summary"
    full, none = page.colors((10_000, 15_000), (30_000, 15_000))
    assert none == WHITE
    assert min(full) < 220
    between = [color[1] for color in page.colors(*((x, 15_000) for x in range(18_000, 24_001, 500)))]
    assert max(np.abs(np.diff(between))) < 60
    page.do("(layer.setTypeVisible(1, false), layer.setTypeVisible(2, false))")
    assert page.colors((10_000, 15_000)) == [WHITE]


@pytest.mark.parametrize("number", [1, 12])
def test_outlines_of_tens_of_thousands_of_corners_are_drawn_to_their_end(opened, number):
    """One needs several draw calls; twelve are so many that lines become thin."""
    angles = np.linspace(0, 2 * np.pi, 40_000, endpoint=False)
    drawings = []
    for i in range(number):
        radius = 3000 + 400 * i
        ring = np.stack([8000 + radius * np.cos(angles), 8000 + radius * np.sin(angles)], axis=1).round().astype(int)
        drawings.append(Drawing(i + 1, "polygon", [ring], 1))
    page = opened(Scene(16_000, 16_000, TYPES, drawings))
    page.show(0, 0, 16_000, 16_000)
    assert page.statistics()["drawnVertices"] == number * 40_000
    picture = (page.picture()[..., 1] < 200).sum()
    assert picture > 2 * math.pi * 3000 * number * (600 / 16_000)
    for angle in (0.01, 1.6, 3.2, 4.8, 6.27):
        x, y = 8000 + 3000 * math.cos(angle), 8000 + 3000 * math.sin(angle)
        page.show(x - 40, y - 30, 80, 60)
        assert (page.picture()[..., 1] < 200).any(), angle
