"""The tile endpoint: a small ASGI application beside the framework, because a ready tile costs less than a route.

Order of checks: who asks, may they see the image, have they the tile already, and only then pixels. Nothing here asks
the database for a tile; who may see what comes from the access snapshot, which follows changes within a second.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from exact_core.api.drivers import UnreadableImage
from exact_core.api.errors import ExactError, Forbidden, NotFound, Unauthenticated, Unavailable
from exact_core.api.images import RenderedTile, TileRequest
from exact_core.tiles.cache import TileCache
from exact_core.tiles.frames import BadFrame, Frame, parse_frame
from exact_core.tiles.served_images import ServedImage, ServedImages, open_served_image

if TYPE_CHECKING:
    from exact_core.services import Services

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_Address = tuple[int, Frame, int, int, int]  # image, frame, level, column, row
_CacheKey = tuple[int, str, Frame, int, int, int, str]
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]  # status, headers, body

PREFIX = "/api/v2/images/"
_TILES = "/tiles/"
_MEDIA_TYPES = frozenset({"image/jpeg", "image/png", "image/webp"})
_COLOR = Frame()
_JPEG = (b"content-type", b"image/jpeg")
_ALWAYS = [(b"x-content-type-options", b"nosniff"), (b"vary", b"Cookie, Authorization")]
# Browsers keep a tile but ask each time whether they may still show it: the answer is 304 or a refusal.
_HEADERS = [(b"cache-control", b"private, max-age=0, must-revalidate"), *_ALWAYS]
_PROBLEM_HEADERS = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store"), *_ALWAYS]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A tile that somebody may see and that is not at hand."""

    key: _CacheKey
    image_set_id: int
    etag: bytes
    image: ServedImage | None


class UnreadableTile(ExactError):
    """This part of the picture cannot be decoded; the message is the reason."""

    status = 422
    code = "unreadable-tile"


def is_tile_path(path: str) -> bool:
    """Say whether a request path belongs to the tile endpoint."""
    return path.startswith(PREFIX) and path.startswith(_TILES, path.find("/", len(PREFIX)))


class TileApp:
    """Answers ``GET /api/v2/images/{id}/tiles/{frame}/{level}/{column}_{row}``."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._snapshot = services.snapshot
        self._hooks = services.kernel.hooks
        self._images = ServedImages(services.settings.open_slides)
        self._cache: TileCache[_CacheKey] = TileCache(services.settings.tile_cache_mib * 1024 * 1024)
        self._opening: dict[int, asyncio.Task[ServedImage]] = {}
        self._rendering: dict[_CacheKey, asyncio.Task[tuple[bytes, str]]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["method"] not in ("GET", "HEAD"):
            await _send_problem(send, 405, "method-not-allowed", "Tiles can only be read.", [(b"allow", b"GET, HEAD")])
            return
        try:
            status, headers, body = await self._answer(scope["path"], dict(scope["headers"]))
        except ExactError as problem:
            await _send_problem(send, problem.status, problem.code, problem.message)
            return
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def close(self) -> None:
        """Close the files of images."""
        self._images.close()

    def answer_now(self, path: str, sent: Mapping[bytes, bytes]) -> Answer | None:
        """Answer a GET request without waiting for anything: a ready tile, or "not modified".

        Args:
            path: The request's path, without its query.
            sent: Its headers, names in lower case.

        Returns:
            None when the tile must be waited for.

        Raises:
            ExactError: When the request is refused.
        """
        found = self._look(path, sent)
        return None if isinstance(found, _Wanted) else found

    async def _answer(self, path: str, sent: Mapping[bytes, bytes]) -> Answer:
        found = self._look(path, sent)
        return await self._answer_later(found) if isinstance(found, _Wanted) else found

    def _look(self, path: str, sent: Mapping[bytes, bytes]) -> Answer | _Wanted:
        """Check rights, then look whether the answer is at hand."""
        cookie, authorization, known = sent.get(b"cookie"), sent.get(b"authorization"), sent.get(b"if-none-match")
        actor = self._snapshot.authenticate(
            None if cookie is None else cookie.decode("latin-1"),
            None if authorization is None else authorization.decode("latin-1"),
        )
        if actor is None:
            raise Unauthenticated("Log in, or send a valid access token.")
        if "read" not in actor.scopes:
            raise Forbidden("This access token may not read; make one with the scope 'read'.")
        image_id, frame, level, column, row = parse_address(path)
        access = self._snapshot.image(actor, image_id)
        version, plugins = access.content_version, self._hooks.tile_key(access.image_set_id)
        # After parsing, what follows the prefix holds digits, points, "rgb", "_" and "/" only.
        etag = f'"{version}{plugins and "-" + plugins}/{path[len(PREFIX) :]}"'.encode("latin-1", "replace")
        if known is not None and (known == etag or etag in (each.strip() for each in known.split(b","))):
            return 304, [(b"etag", etag), *_HEADERS], b""
        image = self._images.get(image_id, version) if access.status == "ready" else None
        if image is not None and not plugins:
            image.require(frame, level, column, row)
            body = _ready_tile(image, frame, level, column, row)
            if body is not None:
                return 200, [_JPEG, (b"content-length", b"%d" % len(body)), (b"etag", etag), *_HEADERS], body
        key = (image_id, version, frame, level, column, row, plugins)
        return _Wanted(key, access.image_set_id, etag, image)

    async def _answer_later(self, wanted: _Wanted) -> Answer:
        """Open the image and render the tile where that is needed."""
        image_id, version, frame, level, column, row, plugins = wanted.key
        image = wanted.image
        if image is None:
            image = await self._open(image_id, version)
        image.require(frame, level, column, row)
        body = None if plugins else _ready_tile(image, frame, level, column, row)
        kind = _JPEG
        if body is None:
            kept = self._cache.get(wanted.key) or await self._rendered(wanted.key, image, wanted.image_set_id)
            body, kind = kept[0], (b"content-type", kept[1].encode())
        return 200, [kind, (b"content-length", b"%d" % len(body)), (b"etag", wanted.etag), *_HEADERS], body

    async def _open(self, image_id: int, version: str) -> ServedImage:
        """Open an image in a thread, once for all who wait for it."""
        task = self._opening.get(image_id)
        if task is None:
            task = self._opening[image_id] = asyncio.create_task(asyncio.to_thread(self._open_now, image_id))
            task.add_done_callback(lambda done: self._opened(image_id, done))
        image = await asyncio.shield(task)
        if image.slide.key != version:
            raise Unavailable(f"Image {image_id} is just being replaced; try again in a second.")
        return image

    def _open_now(self, image_id: int) -> ServedImage:
        with self._services.database.read() as session:
            return open_served_image(session, self._services.blobs, image_id)

    def _opened(self, image_id: int, task: asyncio.Task[ServedImage]) -> None:
        self._opening.pop(image_id, None)
        if not task.cancelled() and task.exception() is None:
            self._images.put(image_id, task.result())

    async def _rendered(self, key: _CacheKey, image: ServedImage, image_set_id: int) -> tuple[bytes, str]:
        """Make a tile, once for all who wait for it, and keep it."""
        task = self._rendering.get(key)
        if task is None:
            task = self._rendering[key] = asyncio.create_task(self._render(key, image, image_set_id))
            task.add_done_callback(lambda done: self._has_rendered(key, done))
        return await asyncio.shield(task)

    def _has_rendered(self, key: _CacheKey, task: asyncio.Task[tuple[bytes, str]]) -> None:
        self._rendering.pop(key, None)
        if not task.cancelled():
            task.exception()  # whoever waited has it; if nobody does any more it is not worth a warning

    async def _render(self, key: _CacheKey, image: ServedImage, image_set_id: int) -> tuple[bytes, str]:
        image_id, _, frame, level, column, row, plugins = key
        grid = image.slide.levels[level]
        body = _ready_tile(image, frame, level, column, row)
        if body is None:
            try:
                body = await self._services.decoder.tile(image.slide, grid, column, row, frame)
            except UnreadableImage as problem:
                raise UnreadableTile(f"This part of the image cannot be shown. {problem}") from None
        tile = RenderedTile(body)
        if plugins:
            request = TileRequest(image_id, image_set_id, str(frame), level, column, row)
            changed = await asyncio.to_thread(self._hooks.tile_rendered, tile, request)
            tile = changed if changed.media_type in _MEDIA_TYPES else tile
        self._cache.put(key, tile.data, tile.media_type)
        return tile.data, tile.media_type


def tile_app(services: Services) -> TileApp:
    """Make the tile endpoint of one server process."""
    return TileApp(services)


def parse_address(path: str) -> _Address:
    """Read image, frame, level, column and row from a request path.

    Raises:
        BadFrame: When a part is not a number.
        NotFound: When the path has another form.
    """
    parts = path.split("/")
    if len(parts) != 9 or parts[5] != "tiles":
        raise NotFound("There is nothing at this address.")
    number, level = parts[4], parts[7]
    column, _, row = parts[8].partition("_")
    digits = number + level + column + row
    if not (number and level and column and row and digits.isdecimal() and digits.isascii() and len(digits) <= 45):
        raise BadFrame("A tile's address is /tiles/z.t.c/level/column_row, all of them whole numbers.")
    return int(number), _COLOR if parts[6] == "0.0.rgb" else parse_frame(parts[6]), int(level), int(column), int(row)


def _ready_tile(image: ServedImage, frame: Frame, level: int, column: int, row: int) -> bytes | None:
    ready = image.ready_level(image.slide.levels[level], frame)
    if ready is None:
        return None
    try:
        return ready.read(image.descriptor, frame.t * image.size_z + frame.z, column, row)
    except OSError as problem:
        raise Unavailable(f"The image's file cannot be read now: {problem.strerror}.") from None


async def _send_problem(
    send: Send, status: int, code: str, detail: str, extra: list[tuple[bytes, bytes]] | None = None
) -> None:
    value = {"type": f"about:blank#{code}", "title": code.replace("-", " ").capitalize(), "status": status}
    body = json.dumps({**value, "detail": detail, "code": code}).encode()
    headers = [*_PROBLEM_HEADERS, (b"content-length", str(len(body)).encode()), *(extra or [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
