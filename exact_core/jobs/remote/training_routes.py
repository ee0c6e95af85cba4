"""What a remote worker reads and sends for a training that it holds."""

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse

from exact_core.jobs.hosts.local import LocalHost
from exact_core.jobs.hosts.wire import figures_from_json, training_set_as_json
from exact_core.jobs.remote.content_routes import BYTES, NO_STORE, received
from exact_core.jobs.remote.routes import HeldLease
from exact_core.jobs.remote.schemas import CurvePoint

router = APIRouter(prefix="/work/leases/{lease}", tags=["remote workers"])


@router.get("/training-set")
def describe_training_set(context: HeldLease) -> dict[str, object]:
    """The version, classes and split that the training was started with."""
    return training_set_as_json(LocalHost(context).training_set(), with_manifest=False)


@router.get("/training-set/manifest", response_class=FileResponse)
def fetch_manifest(context: HeldLease) -> FileResponse:
    """The manifest of that version, gzipped."""
    manifest = LocalHost(context).training_set().manifest
    return FileResponse(manifest, media_type="application/gzip", headers=NO_STORE)


@router.post("/curve", status_code=204)
def add_point(body: CurvePoint, context: HeldLease) -> None:
    """Add a point to the curves of the training."""
    LocalHost(context).curve(body.step, figures_from_json(body.values))


@router.post("/evaluations", status_code=204, openapi_extra={"requestBody": {"content": {BYTES: {}}}})
async def keep_evaluation(request: Request, context: HeldLease) -> None:
    """Have the trained model judged, by arrays as safetensors."""
    await received(request, context, LocalHost(context).keep_evaluation)
