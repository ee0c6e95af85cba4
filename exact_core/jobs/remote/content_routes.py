"""What a remote worker reads and sends for the job that it holds: pixels, models, predictions, files."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from exact_core.api.contributions import ArtefactKind
from exact_core.api.errors import NotFound
from exact_core.exchange.receiving import receive
from exact_core.jobs.hosts.local import LocalHost
from exact_core.jobs.hosts.protocol import ENDINGS, NewFile, NewModel, NewRun
from exact_core.jobs.hosts.wire import model_as_json
from exact_core.jobs.remote.leasing import lease_lost
from exact_core.jobs.remote.routes import HeldLease
from exact_core.jobs.remote.schemas import ModelOut
from exact_core.models.archives import unpack
from exact_core.models.files import NAMES
from exact_core.tiles.region_routes import AskedWindow
from exact_core.tiles.samples import samples_header

router = APIRouter(prefix="/work/leases/{lease}", tags=["remote workers"])

_Kept = TypeVar("_Kept")
NO_STORE = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}
BYTES = "application/octet-stream"


@router.get("/images/{image}/region", response_class=Response)
def read_region(image: int, context: HeldLease, window: AskedWindow) -> Response:
    """The samples of a rectangle; ``X-Exact-Shape`` and ``X-Exact-Dtype`` say what the bytes are."""
    samples = LocalHost(context).read(image, window)
    facts = samples_header(samples)
    headers = {"X-Exact-Shape": ",".join(map(str, facts["shape"])), "X-Exact-Dtype": facts["dtype"], **NO_STORE}
    little = samples.astype(samples.dtype.newbyteorder("<"), copy=False)
    return Response(little.tobytes(), media_type=BYTES, headers=headers)


@router.get("/models/{model}")
def describe_model(model: str, context: HeldLease) -> ModelOut:
    """A model that the owner of the job may use, by its uuid, and the names of its files; a built-in one has none."""
    found = LocalHost(context).model(model)
    names = [] if found.folder is None else [name for name in NAMES if (found.folder / name).is_file()]
    return ModelOut(model=model_as_json(found, with_folder=False), files=names)


@router.get("/models/{model}/file", response_class=FileResponse)
def fetch_model_file(model: str, name: Annotated[str, Query(max_length=100)], context: HeldLease) -> FileResponse:
    """One file of a model; part of it when ``Range`` asks for a part."""
    folder = LocalHost(context).model(model).folder
    if folder is None or name not in NAMES or not (folder / name).is_file():
        raise NotFound(f"The model {model} has no file {name!r}.")
    return FileResponse(folder / name, media_type=BYTES, headers=NO_STORE)


@router.post("/models", openapi_extra={"requestBody": {"content": {"application/zip": {}}}})
async def keep_model(
    request: Request,
    context: HeldLease,
    name: Annotated[str, Query(min_length=1, max_length=200)],
    kind: Annotated[str, Query(min_length=1, max_length=200)],
    version_id: int | None = None,
) -> ModelOut:
    """Keep a model that the job made: its files in a ZIP archive, checked like any upload."""

    def keep(archive: Path) -> ModelOut:
        folder = archive.with_name("model")
        folder.mkdir()
        unpack(archive, folder)
        model = LocalHost(context).keep_model(folder, NewModel(name, kind, version_id))
        return ModelOut(model=model_as_json(model, with_folder=False), files=[])

    return await received(request, context, keep)


@router.post("/predictions", status_code=204, openapi_extra={"requestBody": {"content": {BYTES: {}}}})
async def keep_predictions(
    request: Request,
    context: HeldLease,
    image_id: int,
    model: Annotated[str, Query(min_length=1, max_length=100)],
    label: Annotated[list[Annotated[str, Query(max_length=200)]] | None, Query(max_length=1000)] = None,
) -> None:
    """Keep what was predicted in an image, as one recording: all of it, once, or nothing."""
    new = NewRun(image_id, model, tuple(label or ()))
    await received(request, context, lambda path: LocalHost(context).keep_run(path, new))


@router.post("/files", status_code=204, openapi_extra={"requestBody": {"content": {BYTES: {}}}})
async def attach_file(
    request: Request,
    context: HeldLease,
    version_id: int,
    name: Annotated[str, Query(min_length=1, max_length=200)],
    kind: ArtefactKind,
    media_type: Annotated[str, Query(max_length=100)] = BYTES,
    description: Annotated[str, Query(max_length=2000)] = "",
) -> None:
    """Keep a file with a version of the job's image set; the same file under the same name is kept once."""
    new = NewFile(version_id, name, str(kind), media_type, description)
    await received(request, context, lambda path: LocalHost(context).attach(path, new))


async def received(request: Request, context: HeldLease, keep: Callable[[Path], _Kept]) -> _Kept:
    """Take the body of a request into a file of this request's own, and let somebody keep it."""
    blobs, most = context.services.blobs, context.services.settings.max_upload_bytes
    with blobs.temporary_folder("work") as folder:
        path = folder / "body" / "content"
        await receive(context.services, blobs.relative(path), request.stream(), most)
        try:
            return await run_in_threadpool(keep, path)
        except tuple(ENDINGS.values()):
            raise lease_lost() from None
