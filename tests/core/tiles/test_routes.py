"""Slide information, thumbnails, label pictures: rights first, then what the viewer needs."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
import tifffile
from fastapi.testclient import TestClient
from PIL import Image

from exact_core.api.context import Actor
from exact_core.auth.credentials import open_session
from exact_core.opening import close_services, open_services
from exact_core.services import Services
from exact_core.settings import Settings
from exact_core.storage.models import User
from exact_core.tiles.probe import ProbeReport
from tests import serving
from tests.core.tiles.pictures import tissue, write_jpeg_pyramid


@pytest.fixture
def services(settings: Settings, database: object) -> Iterator[Services]:
    services = open_services(settings, [])
    yield services
    close_services(services)


@pytest.fixture
def client_of(services: Services) -> Callable[[Actor | None], TestClient]:
    """``client_of(ann)`` asks as somebody who is logged in; ``client_of(None)`` as nobody."""
    app = serving.application(services)

    def make(actor: Actor | None) -> TestClient:
        if actor is None:
            return serving.Client(app)
        with services.database.write() as session:
            user = session.get_one(User, actor.user_id)
            key = open_session(session, user, services.settings.secret, days=1, user_agent="test")
        return serving.Client(app, cookies={"exact_session": key})

    return make


@pytest.fixture
def add_image(
    services: Services, make_image: Callable[..., int], probe: Callable[[Path], ProbeReport]
) -> Callable[[int, Path], int]:
    def add(image_set_id: int, path: Path) -> int:
        report = probe(path)
        assert not report.unreadable
        services.blobs.write(f"derived/{path.name}.index", report.tile_index)
        return make_image(
            image_set_id, file_path=str(path), is_external=True, content_version="v1", source_driver=report.driver,
            width=report.width, height=report.height, size_z=report.size_z, size_t=report.size_t, size_c=report.size_c,
            frames=report.frames, levels=list(report.levels), mpp_x=report.mpp_x, mpp_y=report.mpp_y,
            tile_index_path=f"derived/{path.name}.index" if report.tile_index else "",
            has_associated=list(report.associated), private_name="Jane Doe.svs",
        )  # fmt: skip

    return add


def test_a_viewer_learns_what_it_needs(
    client_of: Callable[..., TestClient], make_user: Callable[..., Actor], make_image_set: Callable[..., int],
    add_image: Callable[[int, Path], int], tmp_path: Path,
) -> None:  # fmt: skip
    ann = make_user("ann")
    number = add_image(
        make_image_set(roles={ann: "viewer"}), write_jpeg_pyramid(tmp_path / "a.tif", tissue(1300, 1700))
    )
    answer = client_of(ann).get(f"/api/v2/images/{number}/slide-information")
    assert answer.status_code == 200
    facts = answer.json()
    assert (facts["width"], facts["height"], facts["mpp_x"]) == (1700, 1300, 0.25)
    assert facts["frames"]["default"] == "0.0.rgb"
    assert [level["downsample"] for level in facts["levels"]] == [1, 2, 4]
    assert facts["tile_url"] == f"/api/v2/images/{number}/tiles/{{frame}}/{{level}}/{{column}}_{{row}}"
    assert "Jane" not in answer.text


@pytest.mark.parametrize("what", ["slide-information", "thumbnail", "picture?x=0&y=0&side=9", "associated/label"])
def test_nobody_and_strangers_get_nothing(
    client_of: Callable[..., TestClient], make_user: Callable[..., Actor], make_image_set: Callable[..., int],
    add_image: Callable[[int, Path], int], tmp_path: Path, what: str,
) -> None:  # fmt: skip
    number = add_image(make_image_set(), write_jpeg_pyramid(tmp_path / "a.tif", tissue(600, 700)))
    assert client_of(None).get(f"/api/v2/images/{number}/{what}").status_code == 401
    assert client_of(make_user("eve")).get(f"/api/v2/images/{number}/{what}").status_code == 404


def test_a_thumbnail_is_made_once_and_asked_for_again_cheaply(
    services: Services, client_of: Callable[..., TestClient], make_user: Callable[..., Actor],
    make_image_set: Callable[..., int], add_image: Callable[[int, Path], int], tmp_path: Path,
) -> None:  # fmt: skip
    ann = make_user("ann")
    number = add_image(
        make_image_set(roles={ann: "viewer"}), write_jpeg_pyramid(tmp_path / "a.tif", tissue(1300, 1700))
    )
    client = client_of(ann)
    url = f"/api/v2/images/{number}/thumbnail"
    first = client.get(url, params={"size": 200})
    assert (first.status_code, first.headers["content-type"]) == (200, "image/jpeg")
    assert simplejpeg.decode_jpeg(first.content).shape == (196, 256, 3)
    piece = client.get(f"/api/v2/images/{number}/picture", params={"x": -50, "y": 1200, "side": 300, "size": 100})
    assert simplejpeg.decode_jpeg(piece.content).shape == (128, 128, 3)
    asked = {"If-None-Match": piece.headers["etag"]}
    same = client.get(f"/api/v2/images/{number}/picture", params={"x": -50, "y": 1200, "side": 300}, headers=asked)
    assert same.status_code == 200  # of another size
    assert simplejpeg.decode_jpeg(same.content).shape == (256, 256, 3)
    assert client.get(str(piece.request.url), headers=asked).status_code == 304
    wide = {"x": -(2**30), "y": -(2**30), "side": 2**31 - 1}
    assert client.get(f"/api/v2/images/{number}/picture", params=wide).status_code == 200
    services.decoder.close()  # what is on disk needs no process
    assert client.get(url, params={"size": 256}).content == first.content
    again = client.get(url, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(url, params={"size": 64}).status_code == 503
    assert client.get(url, params={"size": 5}).status_code == 422
    assert client.get(url, params={"frame": "9.0.rgb"}).status_code == 404
    assert client.get(url, params={"frame": "nonsense"}).status_code == 400


@pytest.mark.data
def test_label_pictures_need_their_own_right(
    client_of: Callable[..., TestClient], make_user: Callable[..., Actor], make_image_set: Callable[..., int],
    add_image: Callable[[int, Path], int], tmp_path: Path, shared_data: Path,
) -> None:  # fmt: skip
    path = tmp_path / "slide.svs"
    shutil.copyfile(shared_data / "01-wsi" / "CMU-1-Small-Region.svs", path)
    viewer, manager = make_user("vera"), make_user("mark")
    number = add_image(make_image_set(roles={viewer: "viewer", manager: "manager"}), path)
    url = f"/api/v2/images/{number}"
    assert client_of(viewer).get(f"{url}/associated/label").status_code == 403
    assert client_of(viewer).get(f"{url}/slide-information").json()["associated"] == []
    seen = client_of(manager)
    assert seen.get(f"{url}/slide-information").json()["associated"] == ["label", "macro", "thumbnail"]
    label = seen.get(f"{url}/associated/label")
    assert label.headers["cache-control"] == "private, no-store"
    assert simplejpeg.decode_jpeg(label.content).shape == (463, 387, 3)
    assert seen.get(f"{url}/associated/other").status_code == 404


def test_a_region_has_the_samples_of_the_file(
    client_of: Callable[..., TestClient], make_user: Callable[..., Actor], make_image_set: Callable[..., int],
    add_image: Callable[[int, Path], int], tmp_path: Path,
) -> None:  # fmt: skip
    ann, eve = make_user("ann"), make_user("eve")
    deep = np.arange(300 * 200, dtype=np.uint16).reshape(200, 300)
    tifffile.imwrite(tmp_path / "deep.tif", deep, photometric="minisblack")
    image_set = make_image_set(roles={ann: "viewer"})
    number = add_image(image_set, tmp_path / "deep.tif")
    client = client_of(ann)
    asked = {"x": -10, "y": 20, "width": 60, "height": 30, "format": "raw"}
    raw = client.get(f"/api/v2/images/{number}/region", params=asked)
    shape = [int(side) for side in raw.headers["x-exact-shape"].split(",")]
    samples = np.frombuffer(raw.content, raw.headers["x-exact-dtype"]).reshape(shape)
    assert np.array_equal(samples[:, 10:], deep[20:50, :50])
    assert not samples[:, :10].any()
    picture = client.get(f"/api/v2/images/{number}/region", params={**asked, "format": "png"})
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(picture.content))), samples)
    shown = client.get(f"/api/v2/images/{number}/region", params={**asked, "format": "jpeg"})
    assert simplejpeg.decode_jpeg(shown.content).shape == (30, 60, 3)
    same = {"If-None-Match": raw.headers["etag"]}
    assert client.get(f"/api/v2/images/{number}/region", params=asked, headers=same).status_code == 304
    assert client_of(eve).get(f"/api/v2/images/{number}/region", params=asked).status_code == 404
    too_much = client.get(f"/api/v2/images/{number}/region", params={**asked, "width": 9000, "height": 9000})
    assert too_much.status_code == 422
    no_level = client.get(f"/api/v2/images/{number}/region", params={**asked, "level": 9})
    assert (no_level.status_code, "level: the image has" in no_level.json()["detail"]) == (422, True)


def test_a_region_in_colour_is_white_outside(
    client_of: Callable[..., TestClient], make_user: Callable[..., Actor], make_image_set: Callable[..., int],
    add_image: Callable[[int, Path], int], tmp_path: Path,
) -> None:  # fmt: skip
    ann = make_user("ann")
    number = add_image(make_image_set(roles={ann: "viewer"}), write_jpeg_pyramid(tmp_path / "a.tif", tissue(600, 700)))
    asked = {"x": 690, "y": -5, "width": 20, "height": 10}
    answer = client_of(ann).get(f"/api/v2/images/{number}/region", params=asked)
    pixels = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert (pixels[:5] == 255).all()
    assert (pixels[:, 10:] == 255).all()
    assert (pixels[5:, :10] != 255).any()
