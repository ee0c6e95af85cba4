"""What a viewer asks of an image, checked against the pixels that other programs read from the same file."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import httpx

from tests.core.annotations import wire_reader
from tests.platform.real_pictures import Pixels, RealPicture, level_of, shrunk

_SERVER_PATH = re.compile(r"(?<![\w.])/\w+/|\.(?:svs|ndpi|tiff?|dcm|png|jpe?g|jp2)\b")


def make_types(client: httpx.Client, image_id: int) -> dict[str, int]:
    set_id = client.get(f"/api/v2/images/{image_id}").json()["image_set_id"]
    team_id = client.get(f"/api/v2/image-sets/{set_id}").json()["team"]["id"]
    product = client.post(
        "/api/v2/products",
        json={"team_id": team_id, "name": "Cells", "types": [{"name": "Cell", "shapes": ["box", "polygon"]}]},
    )
    assert product.status_code == 201, product.text
    chosen = client.put(f"/api/v2/image-sets/{set_id}/products", json={"product_ids": [product.json()["id"]]})
    assert chosen.status_code == 200, chosen.text
    return {kind["name"]: kind["id"] for kind in product.json()["types"]}


def check_picture(client: httpx.Client, image_id: int, picture: RealPicture, file: Path, type_id: int) -> None:
    """Everything that a viewer asks of an image."""
    answer = client.get(f"/api/v2/images/{image_id}/slide-information")
    assert answer.status_code == 200, answer.text
    info = answer.json()
    frames = picture.read(file)
    check_information(info, picture)
    for address, pixels in frames.items():
        check_tiles(client, info, address, pixels, file, picture.tolerance)
        check_thumbnail(client, info, address, pixels, picture.tolerance)
    check_frames(client, info, frames)
    check_shapes(client, info, type_id)


def check_information(info: dict[str, Any], picture: RealPicture) -> None:
    assert (info["width"], info["height"]) == picture.size
    assert (info["mpp_x"], info["mpp_y"]) == (picture.mpp and pytest.approx(picture.mpp, rel=1e-3),) * 2
    assert (info["size_z"], info["size_t"], info["size_c"]) == picture.stack
    sizes = [(level["width"], level["height"]) for level in info["levels"]]
    assert sizes[0] == picture.size
    native = tuple(size for size, level in zip(sizes, info["levels"], strict=True) if level["native"])
    assert native == (picture.levels or (picture.size,))
    assert max(sizes[-1]) <= 1024, "the last level should fit a screen"
    for level in info["levels"]:
        assert level["columns"] == -(-level["width"] // level["tile_width"])
        assert level["rows"] == -(-level["height"] // level["tile_height"])
        assert level["downsample"] == pytest.approx(info["width"] / level["width"], rel=0.02)


def check_tiles(
    client: httpx.Client, info: dict[str, Any], frame: str, pixels: Pixels, file: Path, tolerance: float
) -> None:
    """The liveliest tile and the last one of the first and the last level."""
    for level in {level["index"]: level for level in (info["levels"][0], info["levels"][-1])}.values():
        size = level["width"], level["height"]
        own = pixels if level["index"] == 0 else level_of(file, *size)
        expected = shrunk(pixels, *size) if own is None else own
        for column, row in {liveliest(expected, level), (level["columns"] - 1, level["rows"] - 1)}:
            url = info["tile_url"].format(frame=frame, level=level["index"], column=column, row=row)
            shown = decoded(client.get(url), f"{frame} level {level['index']} tile {column}, {row}")
            x, y = column * level["tile_width"], row * level["tile_height"]
            part = expected[y : y + level["tile_height"], x : x + level["tile_width"]]
            padded = level["tile_height"], level["tile_width"]
            assert shown.shape[:2] in {part.shape[:2], padded}
            assert_same(shown[: part.shape[0], : part.shape[1]], part, tolerance)


def check_frames(client: httpx.Client, info: dict[str, Any], frames: Mapping[str, Pixels]) -> None:
    """Frames of a stack may be much alike: each must look most like itself."""
    for address in frames:
        tile = decoded(client.get(info["tile_url"].format(frame=address, level=0, column=0, row=0)), address)
        height, width = tile.shape[:2]
        differences = {
            other: float(np.abs(tile.astype(int) - pixels[:height, :width]).mean()) for other, pixels in frames.items()
        }
        assert min(differences, key=lambda other: differences[other]) == address, differences


def check_thumbnail(client: httpx.Client, info: dict[str, Any], frame: str, pixels: Pixels, tolerance: float) -> None:
    shown = decoded(client.get(info["thumbnail_url"], params={"size": 128, "frame": frame}), f"thumbnail {frame}")
    scale = min(1.0, 128 / max(info["width"], info["height"]))
    height, width = shown.shape[:2]
    assert (width, height) == (
        pytest.approx(info["width"] * scale, abs=1),
        pytest.approx(info["height"] * scale, abs=1),
    )
    coarse = max(1, width // 4), max(1, height // 4)  # a hair's breadth more or less is no fault of a thumbnail
    assert_same(shrunk(shown, *coarse), shrunk(pixels, *coarse), tolerance)


def check_shapes(client: httpx.Client, info: dict[str, Any], type_id: int) -> None:
    """A box on every frame is in the view of this frame and of all frames, and in that of no other one."""
    frames = [
        {"z": z, "t": t, "c": c}
        for z in range(info["size_z"])
        for t in range(info["size_t"])
        for c in (range(info["size_c"]) if info["size_c"] > 1 else (-1,))
    ]
    drawn = []
    for number, frame in enumerate(frames):
        points = [[number, 1], [info["width"] // 2, info["height"] - 1 - number]]
        operation = {
            "op": "create",
            "uuid": str(uuid.uuid4()),
            "type_id": type_id,
            "geometry": {"shape": "box", "points": points},
            "frame": frame,
        }
        address = f"/api/v2/images/{info['id']}/annotation-changes"
        answer = client.post(address, json={"operations": [operation]})
        assert answer.status_code == 200, answer.text
        drawn.append((answer.json()["annotations"][0]["id"], [points[0][0], points[0][1], *points[1]]))
    for (annotation_id, box), frame in zip(drawn, frames, strict=True):
        shapes = viewed(client, info, **frame)
        assert [(shape["id"], shape["box"]) for shape in shapes] == [(annotation_id, box)], frame
    everything = viewed(client, info)
    assert {shape["id"] for shape in everything} == {annotation_id for annotation_id, _ in drawn}


def viewed(client: httpx.Client, info: dict[str, Any], **frame: int) -> list[dict[str, Any]]:
    whole = {"x0": 0, "y0": 0, "x1": info["width"], "y1": info["height"], "scale": 1}
    answer = client.get(f"/api/v2/images/{info['id']}/annotation-view", params={**whole, **frame})
    assert answer.status_code == 200, answer.text
    return wire_reader.read(answer.content).shapes()


def decoded(answer: Any, what: str) -> Pixels:
    assert answer.status_code == 200, f"{what}: {answer.text}"
    assert answer.headers["content-type"] in {"image/jpeg", "image/png"}
    with Image.open(BytesIO(answer.content)) as picture:
        assert f"image/{(picture.format or '').lower()}" == answer.headers["content-type"]
        return np.asarray(picture.convert("RGB"))


def liveliest(pixels: Pixels, level: dict[str, Any]) -> tuple[int, int]:
    """The tile with the most in it, so that an empty one cannot pass for another."""
    width, height = level["tile_width"], level["tile_height"]
    spread = {
        (column, row): float(pixels[row * height : (row + 1) * height, column * width : (column + 1) * width].std())
        for column in range(level["columns"])
        for row in range(level["rows"])
    }
    return max(spread, key=lambda place: spread[place])


def assert_same(shown: Pixels, expected: Pixels, tolerance: float) -> None:
    """As bright everywhere, but for what JPEG does; colours are stored at half the resolution, hence looser."""
    brightness = np.abs(as_grey(shown) - as_grey(expected))
    assert float(brightness.mean()) < tolerance
    assert float(np.percentile(brightness, 99)) < 8 * tolerance
    assert float(np.abs(shown.astype(int) - expected).mean()) < 3 * tolerance


def as_grey(pixels: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).convert("L"), dtype=np.int16)


def assert_clear(reason: str, *hidden: str) -> None:
    """A sentence for people that names neither a place on the server nor the file."""
    assert len(reason) > 15, reason
    assert reason.endswith((".", "!")), reason
    assert not _SERVER_PATH.search(reason), reason
    assert "Traceback" not in reason
    for name in hidden:
        assert name not in reason, reason


def assert_shows_the_same(client: httpx.Client, image_id: int, whole: Path) -> None:
    """A copy that lacks a few bytes shows what the whole file shows."""
    info = client.get(f"/api/v2/images/{image_id}/slide-information").json()
    expected = level_of(whole, info["width"], info["height"])
    if expected is None:
        with Image.open(whole) as picture:
            expected = np.asarray(picture.convert("RGB"))
    check_tiles(client, info, "0.0.rgb", expected, whole, 4.0)
