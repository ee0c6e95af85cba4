"""Views, lists and counts: what is in a rectangle, bounded, cacheable, and the same however it is asked."""

from __future__ import annotations

import random
import zlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from imagecodecs import zstd_decode

from exact_core.annotations import views
from exact_core.annotations.reader import ScopedReader
from exact_core.api.annotations import Region
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from tests.core.annotations import wire_reader
from tests.core.annotations.conftest import Lab, box
from tests.statements import statements_of

PLAIN = {"accept-encoding": "identity"}


def look(lab: Lab, x0: float, y0: float, x1: float, y1: float, who: str = "ann", **more: Any) -> wire_reader.View:
    response = lab.get(who, "annotation-view", x0=x0, y0=y0, x1=x1, y1=y1, **more)
    assert response.status_code == 200, response.text
    return wire_reader.read(response.content)


@pytest.fixture
def scattered(lab: Lab) -> list[dict[str, Any]]:
    """Shapes of all sizes all over the image, some of them on other frames."""
    numbers = random.Random(7)
    operations = []
    for _ in range(300):
        size = numbers.choice([3, 40, 600, 3_000])
        x, y = numbers.randrange(0, 20_000 - size), numbers.randrange(0, 10_000 - size)
        name = numbers.choice(["Cell", "Nucleus"])
        frame = {"z": numbers.choice([0, 1, -1]), "t": numbers.choice([0, 1])}
        operations.append(box(lab.types[name], x, y, x + size, y + size, frame=frame))
    response = lab.change("ann", *operations)
    assert response.status_code == 200
    return response.json()["annotations"]


def test_a_view_has_exactly_the_shapes_that_meet_it_with_their_outlines(
    lab: Lab, scattered: list[dict[str, Any]]
) -> None:
    for rectangle in ((0, 0, 19_999, 9_999), (3_000, 2_000, 5_000, 3_000), (10, 10, 11, 11), (15_000, 0, 19_999, 400)):
        x0, y0, x1, y1 = rectangle
        view = look(lab, *rectangle)
        expected = {}
        for annotation in scattered:
            (left, top), (right, bottom) = annotation["geometry"]["rings"][0]
            if left <= x1 and right >= x0 and top <= y1 and bottom >= y0:
                expected[annotation["id"]] = annotation
        found = {shape["id"]: shape for shape in view.shapes()}
        assert view.header["kind"] == "shapes"
        assert found.keys() == expected.keys()
        for id_, shape in found.items():
            assert shape["rings"] == expected[id_]["geometry"]["rings"]
            assert shape["type_id"] == expected[id_]["type_id"]
            assert shape["author_id"] == lab.people["ann"].user_id
            assert shape["revision"] == 1
            assert shape["box"] == [value for point in expected[id_]["geometry"]["rings"][0] for value in point]


def test_frames_are_told_apart_and_shapes_of_every_frame_are_in_each(lab: Lab, scattered: list[dict[str, Any]]) -> None:
    for z, t in ((0, 0), (1, 1), (2, 0), (-1, 1), (0, -1)):
        view = look(lab, 0, 0, 19_999, 9_999, z=z, t=t)
        expected = {
            each["id"]
            for each in scattered
            if (z == -1 or each["frame"]["z"] in (z, -1)) and (t == -1 or each["frame"]["t"] in (t, -1))
        }
        assert view.ids() == expected


def test_all_shapes_survive_the_way_to_the_viewer(lab: Lab) -> None:
    from exact_core.storage.models import AnnotationType

    every = [shape.value for shape in Shape]
    with lab.database.write() as session:
        session.get_one(AnnotationType, lab.types["Cell"]).shapes = every
    hole = [[20, 20], [40, 40], [40, 20]]
    outline = [[0, 0], [90, 0], [90, 90], [0, 90]]
    far = [[15_000, 5_000], [15_009, 5_000], [15_000, 5_008]]
    geometries: list[dict[str, Any]] = [
        {"shape": "point", "rings": [[[5, 6]]]},
        {"shape": "box", "rings": [[[5, 6], [70, 80]]]},
        {"shape": "ellipse", "rings": [[[-5, -6], [70, 80]]]},
        {"shape": "line", "rings": [[[0, 0], [50_0, 3]]]},
        {"shape": "polyline", "rings": [[[0, 0], [5, 3], [9, 0]]]},
        {"shape": "polygon", "rings": [outline, hole]},
        {"shape": "rotated_box", "rings": [[[10, 0], [20, 10], [10, 20], [0, 10]]]},
        {"shape": "multi_polygon", "rings": [outline, hole, far], "holes": [False, True, False]},
        {"shape": "image", "rings": []},
        {"shape": "absent", "rings": []},
    ]
    sent = [{**box(lab.types["Cell"]), "geometry": geometry} for geometry in geometries]
    annotations = lab.change("ann", *sent).json()["annotations"]
    for coordinates, extra in (("int16-delta", []), ("int32", [{"shape": "line", "rings": [[[0, 0], [0, 9_999]]]}])):
        view = look(lab, 0, 0, 19_999, 9_999)
        assert view.header["coordinates"] == coordinates if not extra else True
        for number, (shape, geometry) in enumerate(zip(view.shapes(), geometries, strict=False)):
            found = next(each for each in view.shapes() if each["id"] == annotations[number]["id"])
            assert found["rings"] == geometry["rings"]
            assert found["shape"] == every.index(geometry["shape"]) + 1
            assert shape["id"]
        holes = next(each for each in view.shapes() if each["id"] == annotations[7]["id"])["holes"]
        assert holes == [False, True, False]


def test_fractions_survive_the_way_to_the_viewer_beside_whole_pixels(lab: Lab) -> None:
    geometries = [
        {"shape": "polygon", "points": [[5.5, 6.25], [90.125, 6], [90, 80.00390625]]},
        {"shape": "box", "points": [[10, 20], [30, 40]]},
        {"shape": "point", "points": [[7.5, 8.5]]},
    ]
    sent = [{**box(lab.types["Cell"]), "geometry": geometry} for geometry in geometries]
    drawn = lab.change("ann", *sent).json()["annotations"]
    assert [each["geometry"]["rings"][0] for each in drawn] == [each["points"] for each in geometries]
    for far in (False, True):
        if far:
            lab.change(
                "ann", {**box(lab.types["Cell"]), "geometry": {"shape": "box", "points": [[0.5, 0], [19_000, 50]]}}
            )
        view = look(lab, 0, 0, 19_999, 9_999)
        assert view.header["coordinates"] == ("int32" if far else "int16-delta")
        assert view.arrays["fraction_bits"].dtype == np.uint8
        found = {shape["id"]: shape for shape in view.shapes()}
        for one in drawn:
            assert found[one["id"]]["rings"] == one["geometry"]["rings"]
        assert found[drawn[0]["id"]]["box"] == [5, 6, 91, 81]
        assert found[drawn[2]["id"]]["box"] == [7, 8, 8, 9]
    lab.draw("ann", 18_000, 9_000, 18_100, 9_100)
    assert "fraction_bits" not in look(lab, 18_000, 9_000, 18_100, 9_100).arrays


def test_far_vertices_switch_the_whole_view_to_int32(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(width=200_000, height=100_000)
    lab.draw("ann", 10, 10, 90_000, 80_000)
    lab.draw("ann", 500, 600, 700, 800)
    view = look(lab, 0, 0, 1_000, 1_000)
    assert view.header["coordinates"] == "int32"
    rings = sorted(shape["rings"][0] for shape in view.shapes())
    assert rings == [[[10, 10], [90_000, 80_000]], [[500, 600], [700, 800]]]


def test_small_shapes_become_centroids_and_large_ones_and_points_stay_whole(lab: Lab) -> None:
    small = lab.draw("ann", 100, 100, 120, 140)
    large = lab.draw("ann", 3_000, 3_000, 6_000, 5_000)
    point = lab.change(
        "ann", {**box(lab.types["Cell"]), "geometry": {"shape": "point", "points": [[700, 800]]}}
    ).json()["annotations"][0]
    view = look(lab, 0, 0, 19_999, 9_999, scale=0.02)
    assert view.header["kind"] == "centroids"
    assert view.arrays["id"].tolist() == [small["id"]]
    assert view.arrays["xy"].tolist() == [110, 120]
    assert {shape["id"] for shape in view.shapes("large_")} == {large["id"], point["id"]}
    assert view.header["large"] == 2
    assert look(lab, 0, 0, 19_999, 9_999, scale=1).header["kind"] == "shapes"


def test_more_shapes_than_the_limit_become_centroids_but_the_largest_stay(
    lab: Lab, scattered: list[dict[str, Any]]
) -> None:
    view = look(lab, 0, 0, 19_999, 9_999, limit=50)
    assert view.header["kind"] == "centroids"
    assert view.header["large"] == 50
    assert view.ids() == {each["id"] for each in scattered}
    kept = [shape["box"][2] - shape["box"][0] for shape in view.shapes("large_")]
    assert min(kept) == 3_000


def test_far_too_many_become_counts_per_cell(
    lab: Lab, scattered: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "MAX_CENTROIDS", 100)
    view = look(lab, 0, 0, 19_999, 9_999, limit=50, scale=0.05)
    assert view.header["kind"] == "summary"
    expected: Counter[tuple[int, int, int]] = Counter()
    for each in scattered:
        (left, top), (right, bottom) = each["geometry"]["rings"][0]
        expected[each["type_id"], (left + right) // 2 // 2048, (top + bottom) // 2 // 2048] += 1
    cells = view.arrays["cell"].reshape(-1, 2).tolist()
    found = {
        (view.header["types"][kind], column, row): int(count)
        for kind, (column, row), count in zip(view.arrays["type"], cells, view.arrays["count"], strict=True)
    }
    assert found == expected
    assert all(shape["box"][2] - shape["box"][0] > 512 for shape in view.shapes("large_"))
    assert view.header["large"] > 0


def test_an_empty_view_is_a_view(lab: Lab) -> None:
    view = look(lab, 0, 0, 100, 100)
    assert view.header["n"] == 0
    assert view.shapes() == []


def test_a_view_that_has_not_changed_is_not_sent_again(lab: Lab) -> None:
    lab.draw("ann")
    url = f"/api/v2/images/{lab.image_id}/annotation-view"
    params = {"x0": 0, "y0": 0, "x1": 100, "y1": 100}
    first = lab["ann"].get(url, params=params)
    assert first.headers["cache-control"] == "private, no-cache"
    again = lab["ann"].get(url, params=params, headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert again.status_code == 304
    assert again.content == b""
    lab.draw("ben")
    changed = lab["ann"].get(url, params=params, headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200


def test_views_are_packed_as_the_client_likes(lab: Lab, scattered: list[dict[str, Any]]) -> None:
    url = f"/api/v2/images/{lab.image_id}/annotation-view?x0=0&y0=0&x1=19999&y1=9999"

    def raw(accept: str) -> tuple[bytes, str | None]:
        with lab["ann"].stream("GET", url, headers={"Accept-Encoding": accept}) as response:
            return b"".join(response.iter_raw()), response.headers.get("content-encoding")

    plain, none = raw("identity")
    small, zstd = raw("gzip, deflate, br, zstd")
    zipped, gzip = raw("gzip, zstd;q=0")
    assert (none, zstd, gzip) == (None, "zstd", "gzip")
    assert bytes(zstd_decode(small)) == plain
    assert zlib.decompress(zipped, 31) == plain
    assert max(len(small), len(zipped)) < len(plain)


@pytest.mark.parametrize(
    "params",
    [
        {"x0": 5, "y0": 0, "x1": 1, "y1": 1},
        {"x0": 0, "y0": 0, "x1": "nan", "y1": 1},
        {"x0": 0, "y0": 0, "x1": 1e30, "y1": 1},
        {"x0": 0, "y0": 0, "x1": 1},
        {"x0": 0, "y0": 0, "x1": 1, "y1": 1, "scale": 0},
        {"x0": 0, "y0": 0, "x1": 1, "y1": 1, "limit": 10**9},
        {"x0": 0, "y0": 0, "x1": 1, "y1": 1, "z": -2},
    ],
)
def test_a_view_of_nonsense_is_refused(lab: Lab, params: dict[str, Any]) -> None:
    assert lab.get("ann", "annotation-view", **params).status_code == 422


def test_a_view_takes_few_queries_however_many_shapes(lab: Lab, scattered: list[dict[str, Any]]) -> None:
    look(lab, 0, 0, 10, 10)  # warms the snapshot
    services_engine = lab["ann"].app.state.services.database.engine  # type: ignore[attr-defined]
    with statements_of(lab.database.engine, services_engine, beginnings=False) as statements:
        look(lab, 0, 0, 5_000, 5_000)
    reading = [statement for statement in statements if "annotation" in statement]
    assert len(reading) == 1
    assert len(statements) <= 3  # the image with its revision, the rows, and the snapshot's epoch at most


def test_lists_page_in_the_order_of_drawing_and_filter(lab: Lab, scattered: list[dict[str, Any]]) -> None:
    lab["ann"].delete(f"/api/v2/annotations/{scattered[10]['id']}")
    expected = [each["id"] for each in scattered if each["id"] != scattered[10]["id"]]
    found: list[int] = []
    cursor = None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = lab.get("ann", "annotations", limit=70, **more).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == expected
    newest = lab.get("ann", "annotations", limit=3, newest_first=True).json()["items"]
    assert [item["id"] for item in newest] == expected[:-4:-1]
    nucleus = lab.types["Nucleus"]
    only = lab.get("ann", "annotations", limit=1000, type_id=nucleus).json()["items"]
    assert {item["type_id"] for item in only} == {nucleus}
    assert lab.get("ann", "annotations", author_id=lab.people["ben"].user_id).json()["items"] == []
    assert lab.get("ann", "annotations", cursor="x").status_code == 422


def test_counts_per_type_and_author_follow_every_change(lab: Lab) -> None:
    first = lab.draw("ann")
    lab.draw("ann", type_name="Nucleus")
    lab.draw("ben", frame={"z": 1})
    counts = lab.get("ann", "annotation-counts").json()
    assert {each["name"]: each["count"] for each in counts["types"]} == {"Cell": 2, "Nucleus": 1}
    assert {each["author"]["name"]: each["count"] for each in counts["authors"]} == {"Ann": 2, "Ben": 1}
    assert lab.get("ann", "annotation-counts", z=0).json()["total"] == 2
    lab["ann"].delete(f"/api/v2/annotations/{first['id']}")
    counts = lab.get("ann", "annotation-counts").json()
    assert {each["name"]: each["count"] for each in counts["types"]} == {"Cell": 1, "Nucleus": 1}


@pytest.mark.parametrize("corners", [(0, 0, 20_000, 10_000), (333, 777, 13_001, 9_001), (5_000, 5_000, 5_600, 5_400)])
@pytest.mark.parametrize("frame", [(0, 0), (-1, -1), (1, 0)])
def test_region_counts_and_grids_equal_a_count_by_hand(
    lab: Lab, scattered: list[dict[str, Any]], corners: tuple[int, int, int, int], frame: tuple[int, int]
) -> None:
    lab.change("ann", {**box(lab.types["Slide"]), "geometry": {"shape": "image"}})  # lies in no region
    x0, y0, x1, y1 = corners
    region = Region(lab.image_id, lab.image_set_id, *corners, z=frame[0], t=frame[1])
    inside = []
    for each in scattered:
        (left, top), (right, bottom) = each["geometry"]["rings"][0]
        x, y = (left + right) // 2, (top + bottom) // 2
        shown = all(asked == -1 or each["frame"][axis] in (asked, -1) for axis, asked in zip("zt", frame, strict=True))
        if shown and x0 <= x < x1 and y0 <= y < y1:
            inside.append((each["type_id"], x, y))
    with lab.database.read() as session:
        reader = ScopedReader(session, lab.people["ann"])
        found = {kind.id: n for kind, n in reader.count_by_type(region).items()}
        assert found == Counter(type_id for type_id, _, _ in inside)
        for cell in (100, 1000, 2048, 4096):
            expected: dict[tuple[int, int], Counter[int]] = {}
            for type_id, x, y in inside:
                expected.setdefault((x // cell, y // cell), Counter())[type_id] += 1
            grid = reader.grid_counts(region, cell)
            assert {place: {kind.id: n for kind, n in counts.items()} for place, counts in grid.items()} == expected
        assert reader.revision(lab.image_id) == 2
        with pytest.raises(Invalid):
            reader.grid_counts(region, 0)


def test_centroids_of_negative_boxes_are_rounded_like_everywhere(lab: Lab) -> None:
    from exact_core.storage.models import AnnotationType

    with lab.database.write() as session:
        session.get_one(AnnotationType, lab.types["Cell"]).shapes = ["ellipse"]
    ellipse = {"shape": "ellipse", "points": [[-9, -8], [10, 9]]}
    lab.change("ann", {**box(lab.types["Cell"]), "geometry": ellipse})
    view = look(lab, 0, 0, 19_999, 9_999, scale=0.01)
    assert view.arrays["xy"].tolist() == [0, 0]
    assert np.array_equal(look(lab, -50, -50, 5, 5).arrays["box"], [-9, -8, 10, 9])
