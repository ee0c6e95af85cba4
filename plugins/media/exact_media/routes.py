"""HTTP routes, below ``/api/v2/image-sets/{image_set_id}/plugins/media``.

The platform has already checked that the user may view the image set and that the plugin is on there.
"""

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Path, Query, Request, Response

from exact_core.api import Conflict, Forbidden, Invalid, PluginContext
from exact_core.api.deps import (
    Annotations,
    DbSession,
    ImageInSet,
    ImageSetAccess,
    Plugin,
    PluginSettings,
    SetAccess,
    annotation_reader,
    image_in_set,
)
from exact_media import service, transcoding, versions
from exact_media.kinds import TYPES, Kind, remark
from exact_media.mapping import MapParams
from exact_media.probing import facts_of
from exact_media.schemas import ImageMediaOut, JobOut, KeptOut, KindOut, MediaOut, OutlineOut, SummaryOut
from exact_media.serving import send
from exact_media.settings import MediaSettings
from exact_media.store import Incoming, MediaStore, receive, too_large
from exact_media.tables import MediaFile

router = APIRouter()

Settings = Annotated[MediaSettings, PluginSettings]
Id = Annotated[int, Path(ge=1, lt=2**63)]
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {}}},
    206: {"description": "A part, as asked for by Range."},
    304: {"description": "The browser's copy is current."},
    416: {"description": "The part lies behind the end."},
}


@router.get("/summary", summary="How much is attached in the image set")
def summary(session: DbSession, access: ImageSetAccess) -> SummaryOut:
    """How many files of each kind are attached; in a blind set only for who sees the work of all."""
    found = service.totals(session, access.image_set_id) if access.can("see_all") else []
    kinds = [KindOut(kind=kind, files=files, size_bytes=size, duration=long) for kind, files, size, long in found]
    return SummaryOut(kinds=kinds, can_make_maps=access.actor.is_admin)


@router.get("/images/{image_id}/media", summary="What is attached to an image")
def image_media(
    image: ImageInSet, session: DbSession, reader: Annotations, access: ImageSetAccess, settings: Settings
) -> ImageMediaOut:
    """What is attached to the image itself, and which of its annotations have something to play."""
    return ImageMediaOut(
        items=[MediaOut.of(access, link) for link in service.of_image(session, image.id)],
        annotations=service.with_media(session, reader, image.id),
        can_attach=access.can("edit_images"),
        can_attach_to_annotations=access.can("annotate"),
        can_convert=transcoding.ffmpeg() is not None,
        max_bytes=settings.max_bytes,
    )


@router.get("/images/{image_id}/annotations/{annotation_id}/media", summary="What is attached to an annotation")
def annotation_media(
    image: ImageInSet, annotation_id: Id, session: DbSession, reader: Annotations, access: ImageSetAccess
) -> list[MediaOut]:
    """What is attached to an annotation, oldest first."""
    found = service.of_annotation(session, reader, image.id, annotation_id)
    return [MediaOut.of(access, link) for link in found]


@router.post(
    "/images/{image_id}/media",
    status_code=201,
    summary="Attach a file",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def attach(
    request: Request,
    image_id: Id,
    access: ImageSetAccess,
    settings: Settings,
    plugin: Plugin,
    name: Annotated[str, Query(min_length=1, max_length=1000, description="What the file is called.")],
    annotation_id: Annotated[int | None, Query(ge=1, lt=2**63, description="None: to the image itself.")] = None,
) -> MediaOut:
    """Attach the body of the request, a file, to an annotation or to the image itself.

    Its type is told from its content and must be on the list; whatever the name ends with does not count.
    """
    place = service.Place(access.image_set_id, image_id, annotation_id)
    await to_thread.run_sync(_require_place, request, access, plugin, place)
    announced = request.headers.get("content-length", "0")
    size = int(announced) if announced.isascii() and announced.isdigit() else 0
    if size > settings.max_bytes:
        raise too_large(settings.max_bytes)
    store = MediaStore(plugin.files)
    await to_thread.run_sync(store.require_room, size)
    with store.incoming(settings.max_bytes) as incoming:
        await receive(incoming, request.stream())
        return await to_thread.run_sync(_keep, request, access, plugin, place, name, incoming)


def _require_place(request: Request, access: SetAccess, plugin: PluginContext, place: service.Place) -> None:
    """Refuse a place that is not there, or not the actor's to attach to."""
    with plugin.read() as session:
        image_in_set(place.image_id, access, session)
        service.require_attach(access, place.annotation_id)
        if place.annotation_id is not None:
            reader = annotation_reader(request, session, access.actor)
            service.require_seen(reader, place.image_id, place.annotation_id)


def _keep(
    request: Request, access: SetAccess, plugin: PluginContext, place: service.Place, name: str, incoming: Incoming
) -> MediaOut:
    guessed = incoming.type
    assert guessed is not None
    facts = facts_of(incoming.path, guessed)
    _require_place(request, access, plugin, place)  # a long upload may outlast a right, or a shape
    with plugin.write() as session:
        at = plugin.now()
        file = service.keep_file(session, MediaStore(plugin.files), incoming, facts, at)
        link = service.attach(session, file, place, name, access.actor.user_id, at)
        answer = MediaOut.of(access, link, remark(name, TYPES[file.media_type]))
    service.remove_unused_now_and_then(plugin)
    return answer


@router.get("/media/{media_id}", summary="Describe something attached")
def describe(media_id: Id, session: DbSession, reader: Annotations, access: ImageSetAccess) -> MediaOut:
    """Facts of something attached; 404 when its annotation or image is gone."""
    return MediaOut.of(access, service.find(session, reader, access, media_id))


@router.get("/media/{media_id}/content", summary="The file itself", response_class=Response, responses=_BYTES)
def content(
    request: Request,
    media_id: Id,
    session: DbSession,
    reader: Annotations,
    access: ImageSetAccess,
    plugin: Plugin,
    playable: Annotated[bool, Query(description="The form that browsers play, where there is one.")] = False,
) -> Response:
    """The file, or the part of it that ``Range`` names."""
    link = service.find(session, reader, access, media_id)
    file = link.file
    if playable and file.playable_id is not None:
        file = session.get_one(MediaFile, file.playable_id)
    name = service.download_name(access, link, file)
    session.close()  # sending takes as long as somebody listens
    return send(request, MediaStore(plugin.files).path_of(file.sha256), file, name)


@router.get("/media/{media_id}/outline", summary="How loud a sound is along its length")
def outline(
    media_id: Id, session: DbSession, reader: Annotations, access: ImageSetAccess, plugin: Plugin
) -> OutlineOut:
    """The loudest sample of each of 2000 equal stretches of a sound, to draw it without decoding it."""
    file = service.find(session, reader, access, media_id).file
    if file.kind != Kind.SOUND:
        raise Invalid(f"A {file.kind} has no outline.")
    session.close()
    return OutlineOut(peaks=MediaStore(plugin.files).outline(file.sha256))


@router.delete("/media/{media_id}", status_code=204, summary="Take something off")
def remove(media_id: Id, session: DbSession, reader: Annotations, access: ImageSetAccess, plugin: Plugin) -> None:
    """Take a file off its annotation or image; the file itself goes when nothing else needs it."""
    link = service.find(session, reader, access, media_id)
    service.remove(plugin, access, link)


@router.post("/media/{media_id}/conversion", status_code=202, summary="Convert to what browsers play")
def convert(media_id: Id, session: DbSession, reader: Annotations, access: ImageSetAccess, plugin: Plugin) -> JobOut:
    """Ask for a form of the file that browsers play; a job makes it.

    Also of types that they usually play: what is inside may be more than one of them knows.
    """
    access.require("annotate")
    link = service.find(session, reader, access, media_id)
    if link.file.kind == Kind.PICTURE:
        raise Conflict("Every browser shows this picture as it is.")
    if transcoding.ffmpeg() is None:
        raise Invalid(transcoding.MISSING)
    file_id = link.file_id
    with plugin.write() as writing:
        job_id = plugin.enqueue(
            writing,
            "convert",
            owner_id=access.actor.user_id or None,
            image_set_id=access.image_set_id,
            params={"file_id": file_id},
        )
    return JobOut(job_id=job_id)


@router.post("/maps", status_code=202, summary="Make a map of spectrograms")
def make_map(params: MapParams, access: ImageSetAccess, plugin: Plugin) -> JobOut:
    """Make a map of the recordings in a folder of the server; a job does it. Administrators only."""
    if not access.actor.is_admin:
        raise Forbidden("Only administrators may name folders of the server.")
    with plugin.write() as session:
        job_id = plugin.enqueue(
            session,
            "map",
            owner_id=access.actor.user_id or None,
            image_set_id=access.image_set_id,
            params=params.model_dump(),
        )
    return JobOut(job_id=job_id)


@router.get("/versions/{version_id}/media", summary="Files that a version keeps")
def version_media(version_id: Id, session: DbSession, access: ImageSetAccess) -> list[KeptOut]:
    """The files that a version keeps, whatever became of the annotations since."""
    access.require("see_all")
    found = versions.kept_files(session, access.image_set_id, version_id)
    return [KeptOut.model_validate(file, from_attributes=True) for file in found]


@router.get(
    "/versions/{version_id}/media/{sha256}/content",
    summary="A file that a version keeps",
    response_class=Response,
    responses=_BYTES,
)
def version_content(
    request: Request,
    version_id: Id,
    sha256: Annotated[str, Path(pattern="^[0-9a-f]{1,80}$")],
    session: DbSession,
    access: ImageSetAccess,
    plugin: Plugin,
) -> Response:
    """A file of a version, or the part of it that ``Range`` names."""
    access.require("see_all")
    file = versions.kept_file(session, access.image_set_id, version_id, sha256)
    session.close()
    name = f"{sha256[:12]}{TYPES[file.media_type].extensions[0]}"
    return send(request, MediaStore(plugin.files).path_of(sha256), file, name)
