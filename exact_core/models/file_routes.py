"""Addresses of the files of a model: the whole as an archive, and each by itself, for browsers that run it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.deps import CurrentActor, services_of
from exact_core.api.errors import NotFound
from exact_core.auth.model_rights import ModelRight
from exact_core.models import places
from exact_core.models.archives import MEDIA_TYPE, pack
from exact_core.models.files import CHECKSUMS
from exact_core.models.routes import Uuid
from exact_core.models.service import files_in, live_model
from exact_core.storage.models import Model

if TYPE_CHECKING:
    from exact_core.services import Services

router = APIRouter(prefix="/api/v2", tags=["models"])

_BINARY = "application/octet-stream"
_MEDIA_TYPES = {".json": "application/json", ".md": "text/markdown; charset=utf-8"}


@router.get(
    "/models/{uuid}/archive",
    summary="Download a model",
    response_class=FileResponse,
    responses={200: {"content": {MEDIA_TYPE: {}}}},
)
def download_model(request: Request, uuid: Uuid, actor: CurrentActor) -> Response:
    """A ZIP archive: the same bytes each time and on every instance, so that parts can be asked for (``Range``)."""
    services = services_of(request)
    with services.database.read() as session:
        model = _with_files(session, actor, uuid)
        tag, name = f'"{model.sha256}-zip"', f"{_plain(model.name)}.zip"
    if _has(request, tag):
        return Response(status_code=304, headers=_headers(tag))
    return FileResponse(_archive(services, model.uuid), media_type=MEDIA_TYPE, filename=name, headers=_headers(tag))


@router.get(
    "/models/{uuid}/files/{name}",
    summary="Download a file of a model",
    response_class=FileResponse,
    responses={200: {"content": {_BINARY: {}}}},
)
def download_file(request: Request, uuid: Uuid, name: str, actor: CurrentActor) -> Response:
    """Byte for byte, with the checksum as its ETag; files of a model never change."""
    return _file(request, actor, uuid, name)


@router.get(
    "/models/{uuid}/files/onnx/{name}",
    summary="Download a file of a model's network",
    response_class=FileResponse,
    responses={200: {"content": {_BINARY: {}}}},
)
def download_network(request: Request, uuid: Uuid, name: str, actor: CurrentActor) -> Response:
    """``model.onnx`` or ``preprocess.json``, for browsers; the model tells their ``integrity``."""
    return _file(request, actor, uuid, f"onnx/{name}")


def _file(request: Request, actor: Actor, uuid: str, name: str) -> Response:
    services = services_of(request)
    with services.database.read() as session:
        model = _with_files(session, actor, uuid)
        known = {each.name: each.sha256 for each in files_in(session, model)}
        known[CHECKSUMS] = model.sha256
    path = places.files_of(services, model.uuid) / name if name in known else None
    if path is None:
        raise NotFound(f"The model {model.name!r} has no file {name[:100]!r}; it has: {', '.join(sorted(known))}.")
    headers = _headers(f'"{known[name]}"')
    if _has(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if not path.is_file():
        raise NotFound(f"The file {name} is missing on the server; an administrator can restore it.")
    media_type = _MEDIA_TYPES.get(path.suffix, _BINARY)
    return FileResponse(path, media_type=media_type, filename=path.name, headers=headers)


def _with_files(session: Session, actor: Actor, uuid: str) -> Model:
    model = live_model(session, actor, uuid, ModelRight.OPEN)
    if not model.sha256:
        raise NotFound(f"The model {model.name!r} is built in: there are no files to download.")
    return model


def _archive(services: Services, uuid: str) -> Path:
    """The archive, packed when it is first asked for; ``cleaning`` removes it after a day."""
    folder = places.files_of(services, uuid)
    path = folder.parent / places.ARCHIVE
    if not folder.is_dir():
        raise NotFound("The files of the model are missing on the server; an administrator can restore them.")
    if not path.is_file():
        with services.blobs.replacing(path) as target:
            pack(folder, target)
    return path


def _has(request: Request, tag: str) -> bool:
    """Whether the client has this very file already."""
    return tag in request.headers.get("if-none-match", "")


def _headers(tag: str) -> dict[str, str]:
    """For browsers: show nothing of it, ask for rights each time, and take an unchanged file from the cache."""
    return {
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "ETag": tag,
    }


def _plain(name: str) -> str:
    kept = "".join(each if each.isalnum() or each in "-_. " else "_" for each in name).strip(". ")
    return kept[:100] or "model"
