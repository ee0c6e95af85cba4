"""The tile endpoint: rights before everything, exact bytes, honest caching, plugins that change tiles."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import openslide
import pytest
import simplejpeg
import tifffile
from exact_sdk.fakedist import FakeDistributions
from sqlalchemy import delete, update

from exact_core.activation.service import change_switch
from exact_core.api.context import Actor
from exact_core.auth.credentials import make_token, open_session, revoke_token
from exact_core.kernel.discovery import discover
from exact_core.opening import close_services, open_services
from exact_core.services import Services
from exact_core.settings import Settings
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import Image, ImageSetMember, User
from exact_core.tiles.endpoint import TileApp, is_tile_path, parse_address, tile_app
from exact_core.tiles.frames import BadFrame, Frame
from exact_core.tiles.probe import ProbeReport
from tests.core.tiles.pictures import tissue, write_jpeg_pyramid
from tests.core.tiles.web import Browser
from tests.statements import statements_of

STAINS = """
    import io
    from PIL import Image, ImageOps
    from exact_core.api import *

    @hookimpl
    def exact_plugin_info():
        return PluginInfo("Stains", "Turns tiles into their negative.")

    @hookimpl
    def exact_tile_rendered(tile, request, settings):
        if request.level == 1:
            raise RuntimeError("broken on purpose")
        image = ImageOps.invert(Image.open(io.BytesIO(tile.data)))
        out = io.BytesIO()
        image.save(out, "PNG")
        return RenderedTile(out.getvalue(), "image/png")
"""


@pytest.fixture
def services(tmp_path: Path, settings: Settings, database: object) -> Iterator[Services]:
    """An instance with one plugin that can change tiles."""
    with FakeDistributions(tmp_path / "site") as distributions:
        distributions.add("stains", STAINS)
        services = open_services(settings, discover([str(distributions.folder)]))
        yield services
        close_services(services)


@pytest.fixture
def app(services: Services) -> Iterator[TileApp]:
    app = tile_app(services)
    yield app
    app.close()


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def add_image(
    services: Services, make_image: Callable[..., int], probe: Callable[[Path], ProbeReport]
) -> Callable[..., int]:
    """``add_image(set_id, path)`` probes a file and stores it as import does."""

    def add(image_set_id: int, path: Path, version: str = "v1") -> int:
        report = probe(path)
        assert not report.unreadable
        index = f"derived/{path.name}-{version}.index"
        if report.tile_index:
            services.blobs.write(index, report.tile_index)
        return make_image(
            image_set_id, file_path=str(path), is_external=True, content_version=version, source_driver=report.driver,
            width=report.width, height=report.height, size_z=report.size_z, size_t=report.size_t, size_c=report.size_c,
            frames=report.frames, levels=list(report.levels), tile_index_path=index if report.tile_index else "",
        )  # fmt: skip

    return add


@pytest.fixture
def browser_of(services: Services, app: TileApp, runner: asyncio.Runner) -> Callable[[Actor], Browser]:
    """``browser_of(ann)`` is a browser in which somebody is logged in."""

    def make(actor: Actor) -> Browser:
        with services.database.write() as session:
            user = session.get_one(User, actor.user_id)
            key = open_session(session, user, services.settings.secret, days=1, user_agent="test")
        return Browser(runner, app, cookie=f"theme=dark; exact_session={key}")

    return make


@pytest.fixture
def ann(make_user: Callable[..., Actor]) -> Actor:
    return make_user("ann")


@pytest.fixture
def set_id(make_image_set: Callable[..., int], ann: Actor) -> int:
    """A set that Ann may view."""
    return make_image_set(roles={ann: "viewer"})


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    return write_jpeg_pyramid(tmp_path / "slide.tif", tissue(1300, 1700), levels=2)


@pytest.fixture
def image_id(add_image: Callable[..., int], set_id: int, slide: Path) -> int:
    return add_image(set_id, slide)


@pytest.fixture
def browser(browser_of: Callable[[Actor], Browser], ann: Actor) -> Browser:
    return browser_of(ann)


def _url(image_id: int, level: int = 0, column: int = 0, row: int = 0, frame: str = "0.0.rgb") -> str:
    return f"/api/v2/images/{image_id}/tiles/{frame}/{level}/{column}_{row}"


def test_a_tile_is_the_files_own_and_shows_openslides_pixels(browser: Browser, image_id: int, slide: Path) -> None:
    answer = browser.get(_url(image_id, 0, 2, 3))
    assert answer.status == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["vary"] == "Cookie, Authorization"
    assert "private" in answer.headers["cache-control"]
    with tifffile.TiffFile(slide) as tiff:
        page = tiff.pages[0]
        tiff.filehandle.seek(page.dataoffsets[3 * 7 + 2])
        raw = tiff.filehandle.read(page.databytecounts[3 * 7 + 2])
    assert answer.body.endswith(raw[-1000:])
    with openslide.OpenSlide(slide) as opened:
        expected = np.asarray(opened.read_region((512, 768), 0, (256, 256)).convert("RGB"))
    assert np.array_equal(simplejpeg.decode_jpeg(answer.body), expected)


def test_other_pictures_are_rendered_once_and_kept(
    browser: Browser, services: Services, set_id: int, tmp_path: Path, add_image: Callable[..., int]
) -> None:
    path = tmp_path / "plain.tif"
    tifffile.imwrite(path, tissue(700, 900), photometric="rgb", metadata=None)
    number = add_image(set_id, path)
    first = browser.get(_url(number, 0, 1, 1))
    assert simplejpeg.decode_jpeg(first.body).shape == (188, 388, 3)
    services.decoder.close()  # from here on only the cache can answer
    assert browser.get(_url(number, 0, 1, 1)).body == first.body
    assert browser.get(_url(number, 0, 0, 1)).status == 503


def test_nobody_gets_nothing(runner: asyncio.Runner, app: TileApp, image_id: int) -> None:
    for headers in ({}, {"cookie": "exact_session=forged"}, {"authorization": "Bearer exact_abc_def"}):
        answer = Browser(runner, app, **headers).get(_url(image_id))
        assert (answer.status, answer.json()["code"]) == (401, "unauthenticated")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["cache-control"] == "no-store"


def test_strangers_cannot_tell_a_foreign_image_from_none(
    browser_of: Callable[[Actor], Browser], make_user: Callable[..., Actor], browser: Browser, image_id: int
) -> None:
    etag = browser.get(_url(image_id)).headers["etag"]
    stranger = browser_of(make_user("eve"))
    foreign = stranger.get(_url(image_id), if_none_match=etag)
    missing = stranger.get(_url(999_999))
    assert foreign.status == missing.status == 404
    assert foreign.json()["detail"].replace(str(image_id), "N") == missing.json()["detail"].replace("999999", "N")


def test_an_access_token_serves_until_it_is_revoked(
    services: Services, runner: asyncio.Runner, app: TileApp, ann: Actor, image_id: int
) -> None:
    with services.database.write() as session:
        row, token = make_token(session, ann.user_id, "script", ["read"], 1)
        number = row.id
    script = Browser(runner, app, authorization=f"Bearer {token}")
    assert script.get(_url(image_id)).status == 200
    with services.database.write() as session:
        revoke_token(session, ann.user_id, number)
    assert script.get(_url(image_id)).status == 401


def test_a_browser_that_has_the_tile_gets_304_without_pixels(browser: Browser, image_id: int, slide: Path) -> None:
    first = browser.get(_url(image_id))
    etag = first.headers["etag"]
    assert etag.startswith('"')
    slide.unlink()
    for known in (etag, f'"other", {etag}'):
        again = browser.get(_url(image_id), if_none_match=known)
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)
    assert browser.get(_url(image_id), if_none_match='"other"').status == 200  # the file is still open


def test_every_tile_has_an_etag_of_its_own(browser: Browser, image_id: int) -> None:
    urls = [_url(image_id, *place) for place in ((0, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 0))]
    assert len({browser.get(url).headers["etag"] for url in urls}) == len(urls)


def test_head_has_the_headers_and_no_body(browser: Browser, image_id: int) -> None:
    get, head = browser.get(_url(image_id)), browser.get(_url(image_id), "HEAD")
    assert (head.status, head.body, head.headers) == (200, b"", get.headers)


def test_other_methods_are_refused(browser: Browser, image_id: int) -> None:
    answer = browser.get(_url(image_id), "POST")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


BAD_ADDRESSES = {
    "0.0.rgb/0/7_0": 404, "0.0.rgb/0/0_6": 404, "0.0.rgb/9/0_0": 404, "1.0.rgb/0/0_0": 404, "0.0.3/0/0_0": 404,
    "0.0.rgb/0/0": 400, "0.0.rgb/0/-1_0": 400, "0.0.rgb/0/1e3_0": 400, "0.0.rgb/x/0_0": 400, "rgb/0/0_0": 400,
    "0.0.rgb/0/0_0/more": 404, "0.0.rgb/0": 404, "0.0.rgb/0/" + "9" * 400 + "_0": 400, "0.0.rgb/0/٣_0": 400,
    "0.0.rgb/0/0_0.jpeg": 400,
}  # fmt: skip


def test_a_bad_address_is_a_clear_problem(browser: Browser, image_id: int) -> None:
    for path, status in BAD_ADDRESSES.items():
        answer = browser.get(f"/api/v2/images/{image_id}/tiles/{path}")
        assert answer.status == status, path
        assert answer.json()["status"] == status, path
        assert answer.json()["detail"], path


def test_a_revoked_right_ends_access_within_a_second_also_for_known_tiles(
    services: Services, browser: Browser, ann: Actor, set_id: int, image_id: int
) -> None:
    services.snapshot.start()
    try:
        etag = browser.get(_url(image_id)).headers["etag"]
        with services.database.write() as session:
            session.execute(delete(ImageSetMember).where(ImageSetMember.user_id == ann.user_id))
            raise_epoch(session, "access")
        time.sleep(1.0)
        assert browser.get(_url(image_id), if_none_match=etag).status == 404
        assert browser.get(_url(image_id)).status == 404
    finally:
        services.snapshot.stop()


def test_a_tile_asks_the_database_nothing(services: Services, browser: Browser, image_id: int) -> None:
    services.snapshot.start()
    try:
        for column in range(2):
            browser.get(_url(image_id, 0, column, 0))
        started = time.monotonic()
        with statements_of(services.database.engine) as asked:
            tiles = [browser.get(_url(image_id, 0, column, row)) for row in range(6) for column in range(7)]
        assert all(tile.status == 200 for tile in tiles)
        polls = 2 * int((time.monotonic() - started) / 0.4 + 2)  # the snapshot's own thread compares its counter
        assert len([query for query in asked if "image" in query.lower()]) == 0
        assert len(asked) <= 2 * polls
    finally:
        services.snapshot.stop()


def test_new_pixels_have_new_tiles(
    services: Services, browser: Browser, image_id: int, tmp_path: Path, probe: Callable[[Path], ProbeReport]
) -> None:
    before = browser.get(_url(image_id))
    path = write_jpeg_pyramid(tmp_path / "new.tif", tissue(1300, 1700, seed=9), levels=2)
    services.blobs.write("derived/new.index", probe(path).tile_index)
    with services.database.write() as session:
        changes = {"pyramid_path": str(path), "tile_index_path": "derived/new.index", "content_version": "v2"}
        session.execute(update(Image).where(Image.id == image_id).values(**changes))
        raise_epoch(session, "images")
    after = browser.get(_url(image_id), if_none_match=before.headers["etag"])
    assert after.status == 200
    assert after.body != before.body


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"status": "probing"}, "still being read"),
        ({"status": "converting"}, "still being converted"),
        ({"status": "unreadable", "status_reason": "The file is cut off."}, "The file is cut off."),
    ],
)
def test_an_image_that_is_not_ready_says_why(
    services: Services, browser: Browser, image_id: int, values: dict[str, str], words: str
) -> None:
    assert browser.get(_url(image_id)).status == 200
    with services.database.write() as session:
        session.execute(update(Image).where(Image.id == image_id).values(**values))
        raise_epoch(session, "images")
    answer = browser.get(_url(image_id))
    assert answer.status == 409
    assert words in answer.json()["detail"]


def test_a_file_that_changed_in_place_is_not_served(browser: Browser, image_id: int, slide: Path) -> None:
    with slide.open("ab") as file:
        file.write(b"more")
    answer = browser.get(_url(image_id))
    assert answer.status == 409
    assert "has changed" in answer.json()["detail"]


def test_a_file_that_has_gone_is_unavailable_and_its_path_is_not_told(
    browser: Browser, image_id: int, slide: Path
) -> None:
    slide.unlink()
    answer = browser.get(_url(image_id))
    assert answer.status == 503
    assert str(slide.parent) not in answer.json()["detail"]


def test_files_kept_open_are_bounded(
    services: Services, app: TileApp, browser: Browser, set_id: int, tmp_path: Path, add_image: Callable[..., int]
) -> None:
    app._images._most = 3
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(8):
        path = write_jpeg_pyramid(tmp_path / f"{number}.tif", tissue(300, 300, number), levels=1)
        assert browser.get(_url(add_image(set_id, path, f"v{number}"))).status == 200
    assert len(app._images) == 3
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 3 * 2 + 4


def test_a_damaged_part_fails_that_tile_only(
    browser: Browser, set_id: int, tmp_path: Path, add_image: Callable[..., int]
) -> None:
    path = tmp_path / "big.tif"
    tifffile.imwrite(path, tissue(2500, 2500), tile=(512, 512), photometric="rgb", compression="deflate", metadata=None)
    number = add_image(set_id, path)
    with tifffile.TiffFile(path) as tiff:
        offset, count = tiff.pages[0].dataoffsets[17], tiff.pages[0].databytecounts[17]
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(bytes(count))
    answer = browser.get(_url(number, 0, 17 % 5, 17 // 5))
    assert (answer.status, answer.json()["code"]) == (422, "unreadable-tile")
    assert browser.get(_url(number, 0, 0, 0)).status == 200


def test_a_plugin_changes_tiles_only_where_it_is_on(
    services: Services, browser: Browser, make_image_set: Callable[..., int], ann: Actor, set_id: int,
    image_id: int, slide: Path, add_image: Callable[..., int], make_user: Callable[..., Actor],
) -> None:  # fmt: skip
    other = add_image(make_image_set(roles={ann: "viewer"}), slide)
    plain = browser.get(_url(image_id))
    boss = make_user("boss", is_admin=True)
    change_switch(services.database, services.kernel, boss, set_id, "stains", enabled=True)
    changed = browser.get(_url(image_id), if_none_match=plain.headers["etag"])
    assert (changed.status, changed.headers["content-type"]) == (200, "image/png")
    assert changed.headers["etag"] != plain.headers["etag"]
    assert browser.get(_url(image_id)).body == changed.body
    assert browser.get(_url(other)).body == plain.body
    failed = browser.get(_url(image_id, 1))  # the plugin is broken there
    assert (failed.status, failed.headers["content-type"]) == (200, "image/jpeg")
    assert browser.get(_url(image_id), if_none_match=changed.headers["etag"]).status == 304


def test_many_who_ask_at_once_share_one_opening_and_one_rendering(
    services: Services, browser: Browser, set_id: int, tmp_path: Path, add_image: Callable[..., int]
) -> None:
    path = tmp_path / "plain.tif"
    tifffile.imwrite(path, tissue(700, 900), photometric="rgb", metadata=None)
    number = add_image(set_id, path)

    async def ask() -> set[bytes]:
        answers = await asyncio.gather(*[browser.asks(_url(number)) for _ in range(200)])
        return {answer.body for answer in answers}

    assert len(browser.run(ask())) == 1


def test_only_tile_addresses_reach_the_endpoint() -> None:
    assert is_tile_path("/api/v2/images/5/tiles/0.0.rgb/0/0_0")
    for path in ("/api/v2/images/5/thumbnail", "/api/v2/images/5/x/tiles/1", "/tiles/", "/api/v2/images/tiles/"):
        assert not is_tile_path(path)


def test_an_address_is_read_into_numbers() -> None:
    assert parse_address("/api/v2/images/5/tiles/1.2.3/4/6_7") == (5, Frame(1, 2, 3), 4, 6, 7)
    with pytest.raises(BadFrame):
        parse_address("/api/v2/images/5/tiles/0.0.rgb/0/6x7")
