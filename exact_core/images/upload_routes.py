"""``/api/v2/uploads``: resumable uploads by the tus 1.0 protocol (core, creation, termination, expiration)."""

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Annotated

import anyio
from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from exact_core.api.deps import CurrentActor, DbSession, services_of
from exact_core.api.errors import ExactError, Invalid
from exact_core.images.upload_finishing import FinishedImage, finish_group, finish_single
from exact_core.images.uploads import NewUpload, Uploads, UploadState, unfinished_uploads

router = APIRouter(prefix="/uploads", tags=["uploads"])

TUS_VERSION = "1.0.0"
EXTENSIONS = "creation,termination,expiration"
_BYTES_AT_ONCE = 1024 * 1024
_SECONDS_WITHOUT_BYTES = 30.0
_LONGEST_METADATA = 16 * 1024


class UnsupportedTusVersion(ExactError):
    """The client speaks another version of the protocol."""

    status = 412
    code = "tus-version"


class WrongMediaType(ExactError):
    """The body of a PATCH is not marked as a piece of an upload."""

    status = 415
    code = "wrong-media-type"


class TooSlow(ExactError):
    """No byte came for a while; the connection is given up so that another one can go on."""

    status = 408
    code = "upload-timeout"


class UploadOut(BaseModel):
    """How far an upload is."""

    key: str
    image_set_id: int
    name: str
    relative_path: str
    group_key: str
    size_bytes: int
    received_bytes: int
    outcome: str
    image_id: int | None


class UploadedImage(BaseModel):
    """An image that uploads became; ``duplicate`` when the set had the same content already."""

    image_id: int
    name: str
    status: str


class GroupOut(BaseModel):
    """What the files of a folder became."""

    images: list[UploadedImage]
    ignored_files: int


@router.options("")
def describe(request: Request) -> Response:
    """Tell what of the tus protocol is offered."""
    settings = services_of(request).settings
    headers = {"Tus-Version": TUS_VERSION, "Tus-Extension": EXTENSIONS, "Tus-Max-Size": str(settings.max_upload_bytes)}
    return _answer(204, headers)


@router.post("", status_code=201)
def create(
    request: Request,
    actor: CurrentActor,
    upload_length: Annotated[int | None, Header()] = None,
    upload_metadata: Annotated[str, Header()] = "",
    tus_resumable: Annotated[str, Header()] = TUS_VERSION,
) -> Response:
    """Announce a file. ``Upload-Metadata``: ``image_set``, ``name``; for folders ``relative_path``, ``group``."""
    _require_version(tus_resumable)
    if upload_length is None:
        raise Invalid("Upload-Length is missing; this server must know the size of a file before it comes.")
    metadata = _metadata(upload_metadata)
    image_set = metadata.get("image_set", "")
    if not (image_set.isascii() and image_set.isdigit() and len(image_set) < 19):
        raise Invalid("Upload-Metadata must name the image set: image_set is missing or no number.")
    name = metadata.get("name") or metadata.get("filename") or ""
    if name.lower().endswith(".zip"):
        raise Invalid("ZIP files are not unpacked here. Unpack it, and upload the folder or the pictures in it.")
    state = _uploads(request).create(
        actor,
        NewUpload(
            image_set_id=int(image_set),
            name=name,
            size_bytes=upload_length,
            relative_path=metadata.get("relative_path", ""),
            group_key=metadata.get("group", ""),
        ),
    )
    return _answer(201, {"Location": f"/api/v2/uploads/{state.key}"}, state)


@router.get("")
def list_unfinished(
    request: Request, session: DbSession, actor: CurrentActor, image_set_id: int | None = None
) -> list[UploadOut]:
    """List one's own uploads that are not finished, so that they can go on."""
    return [_out(state) for state in unfinished_uploads(_uploads(request), session, actor, image_set_id)]


@router.head("/{key}")
def offset(key: str, request: Request, actor: CurrentActor) -> Response:
    """Tell how many bytes the server has."""
    state = _uploads(request).state(actor, key)
    return _answer(200, {"Upload-Length": str(state.size_bytes), "Cache-Control": "no-store"}, state)


@router.get("/{key}")
def show(key: str, request: Request, actor: CurrentActor) -> UploadOut:
    """Tell how far an upload is and what became of it."""
    return _out(_uploads(request).state(actor, key))


@router.patch("/{key}", status_code=204)
async def receive(
    key: str,
    request: Request,
    actor: CurrentActor,
    upload_offset: Annotated[int | None, Header()] = None,
    content_type: Annotated[str, Header()] = "",
    tus_resumable: Annotated[str, Header()] = TUS_VERSION,
) -> Response:
    """Take the next bytes; the last ones make the file an image of its set, unless it belongs to a group."""
    _require_version(tus_resumable)
    if content_type != "application/offset+octet-stream":
        raise WrongMediaType("The Content-Type of a PATCH must be application/offset+octet-stream.")
    if upload_offset is None or upload_offset < 0:
        raise Invalid("Upload-Offset is missing or negative.")
    uploads = _uploads(request)
    with ExitStack() as stack:
        piece = await run_in_threadpool(stack.enter_context, uploads.receiving(actor, key, upload_offset))
        try:
            async for data in _pieces(request):
                await run_in_threadpool(piece.write, data)
        except ClientDisconnect:
            pass  # what came is kept; the client asks for the offset when it is back
        finally:
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(stack.close)
    state = await run_in_threadpool(uploads.state, actor, key)
    headers: dict[str, str] = {}
    if state.is_complete and not state.group_key:
        done = await run_in_threadpool(finish_single, services_of(request), uploads, actor, key)
        headers = {"X-Exact-Image": str(done.id), "X-Exact-Status": _status(done)}
    return _answer(204, headers, state)


@router.delete("/{key}", status_code=204)
def terminate(key: str, request: Request, actor: CurrentActor) -> Response:
    """Give an upload up."""
    _uploads(request).remove(actor, key)
    return _answer(204, {})


@router.post("/{key}/finish")
def finish_one(key: str, request: Request, actor: CurrentActor) -> UploadedImage:
    """Make the image of a complete upload, when the answer to its last bytes was lost; repeating it is harmless."""
    return _image(finish_single(services_of(request), _uploads(request), actor, key))


@router.post("/groups/{group}/finish")
def finish(group: str, request: Request, actor: CurrentActor) -> GroupOut:
    """Make images of the files of a folder, when all are complete; repeating it gives the same answer."""
    done = finish_group(services_of(request), _uploads(request), actor, group)
    return GroupOut(images=[_image(each) for each in done.images], ignored_files=done.ignored)


def _uploads(request: Request) -> Uploads:
    state = request.app.state
    if not hasattr(state, "uploads"):
        state.uploads = Uploads(services_of(request))
    uploads: Uploads = state.uploads
    return uploads


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """The body in pieces of about a megabyte; gives up a connection that says nothing."""
    stream = request.stream()
    buffer = bytearray()
    while True:
        try:
            async with asyncio.timeout(_SECONDS_WITHOUT_BYTES):
                data = await anext(stream, None)
        except TimeoutError:
            if buffer:
                yield bytes(buffer)
            raise TooSlow(f"No byte came for {_SECONDS_WITHOUT_BYTES:g} seconds; go on from the offset.") from None
        except ClientDisconnect:
            if buffer:
                yield bytes(buffer)
            raise
        if data is None:
            break
        buffer += data
        if len(buffer) >= _BYTES_AT_ONCE:
            yield bytes(buffer)
            buffer.clear()
    if buffer:
        yield bytes(buffer)


def _metadata(header: str) -> dict[str, str]:
    if len(header) > _LONGEST_METADATA:
        raise Invalid("Upload-Metadata is longer than 16 KiB.")
    values: dict[str, str] = {}
    for pair in header.split(","):
        key, _, encoded = pair.strip().partition(" ")
        if not key:
            continue
        try:
            values[key] = base64.b64decode(encoded, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            raise Invalid(f"Upload-Metadata: the value of {key[:40]!r} is not base64 of UTF-8 text.") from None
    return values


def _require_version(version: str) -> None:
    if version != TUS_VERSION:
        raise UnsupportedTusVersion(f"This server speaks tus {TUS_VERSION}.")


def _answer(status: int, headers: dict[str, str], state: UploadState | None = None) -> Response:
    every = {"Tus-Resumable": TUS_VERSION, **headers}
    if state is not None:
        every["Upload-Offset"] = str(state.received_bytes)
        if not state.outcome:
            every["Upload-Expires"] = state.expires_at.strftime("%a, %d %b %Y %H:%M:%S GMT")
    return Response(status_code=status, headers=every)


def _out(state: UploadState) -> UploadOut:
    return UploadOut(**{name: getattr(state, name) for name in UploadOut.model_fields})


def _image(done: FinishedImage) -> UploadedImage:
    return UploadedImage(image_id=done.id, name=done.name, status=_status(done))


def _status(done: FinishedImage) -> str:
    return "duplicate" if done.is_duplicate else "probing"
