"""HTTP routes, below ``/api/v2/image-sets/{image_set_id}/plugins/eiph_score``.

The platform has already checked that the user may view the image set and that the plugin is on there.
"""

from hashlib import blake2s
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from exact_core.api import Invalid, Region
from exact_core.api.deps import Annotations, DbSession, ImageInSet, ImageSetAccess, PluginSettings
from exact_eiph_score import service, study
from exact_eiph_score.heat_map import paint
from exact_eiph_score.map_cache import MapCache
from exact_eiph_score.schemas import ScoreAnswer, StudyAnswer
from exact_eiph_score.settings import EiphSettings

router = APIRouter()
heat_maps = MapCache()

Settings = Annotated[EiphSettings, PluginSettings]
Pixel = Annotated[int, Query(ge=-(2**31), lt=2**31, description="Level-0 pixels.")]
Frame = Annotated[int, Query(ge=0, lt=2**15)]


@router.get("/images/{image_id}/score", summary="Score of a field of view")
def score(
    image: ImageInSet,
    reader: Annotations,
    settings: Settings,
    x0: Pixel = 0,
    y0: Pixel = 0,
    x1: Pixel | None = None,
    y1: Pixel | None = None,
    z: Frame = 0,
    t: Frame = 0,
) -> ScoreAnswer:
    """Score the graded cells whose box is centred in the rectangle; without one, in the whole image."""
    right, lower = image.width if x1 is None else x1, image.height if y1 is None else y1
    if right < x0 or lower < y0:
        raise Invalid("The rectangle is empty: x1 must not be less than x0, nor y1 less than y0.")
    region = Region(image.id, image.image_set_id, x0, y0, right, lower, z, t)
    return ScoreAnswer.of(service.score_region(reader, region, settings))


@router.get(
    "/images/{image_id}/heat-map.png",
    summary="Mean grade over the whole slide, as a picture",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}}},
)
def heat_map(
    image: ImageInSet,
    reader: Annotations,
    settings: Settings,
    access: ImageSetAccess,
    request: Request,
    z: Frame = 0,
    t: Frame = 0,
) -> Response:
    """Paint the mean grade per square of the slide; squares with too few cells are clear."""
    # What the picture shows depends on who asks: in a blind set everybody sees only their own cells. Being blind
    # belongs to the key, because roles and the set's mode change without a new revision.
    key = (access.actor.user_id, access.can("see_all"), reader.revision(image.id), settings, z, t)
    etag = f'"{blake2s(repr((image.id, key)).encode(), digest_size=12).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)

    def painted() -> bytes:
        means = service.grade_map(reader, image, settings, z=z, t=t)
        return paint(means, service.square_size(image), image.width, image.height)

    return Response(heat_maps.get(image.id, key, painted), media_type="image/png", headers=headers)


@router.get("/study", summary="Scores of all images")
def read_study(access: ImageSetAccess, session: DbSession, reader: Annotations, settings: Settings) -> StudyAnswer:
    """Score each image of the set from the cells that the user may see."""
    return StudyAnswer.of(study.scores_of(session, reader, access.image_set_id, settings), settings)


@router.get(
    "/study.csv",
    summary="Scores of all images as CSV",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}}}},
)
def download_study(
    access: ImageSetAccess, session: DbSession, reader: Annotations, settings: Settings
) -> StreamingResponse:
    """The same numbers as a file for a spreadsheet."""
    found = study.scores_of(session, reader, access.image_set_id, settings)
    headers = {"Content-Disposition": f'attachment; filename="eiph-scores-{access.image_set_id}.csv"'}
    return StreamingResponse(study.as_csv(found), media_type="text/csv; charset=utf-8", headers=headers)
