"""HTTP routes, below ``/api/v2/image-sets/{image_set_id}/plugins/kept_sample``.

EXACT has already checked that the person may view the image set and that the plugin is on there. They are ordinary
functions: each runs in a thread of its own, so that waiting for the database stops nobody.
"""

from typing import Annotated

from exact_core.api import Region
from exact_core.api.deps import (
    Annotations,
    DbSession,
    ImageInSet,
    ImageSetAccess,
    Plugin,
    PluginSettings,
    Transaction,
)
from fastapi import APIRouter, Query
from sqlalchemy import select

from exact_kept_sample import service
from exact_kept_sample.schemas import CountAnswer, CountParams, JobStarted, NoteText, PredictParams
from exact_kept_sample.settings import KeptSampleSettings
from exact_kept_sample.tables import Note

router = APIRouter()

Settings = Annotated[KeptSampleSettings, PluginSettings]
Pixel = Annotated[int, Query(ge=-(2**31), lt=2**31, description="Level-0 pixels.")]


@router.get("/images/{image_id}/count", summary="Shapes in a field of view")
def count(
    image: ImageInSet,
    reader: Annotations,
    settings: Settings,
    x0: Pixel = 0,
    y0: Pixel = 0,
    x1: Pixel | None = None,
    y1: Pixel | None = None,
) -> CountAnswer:
    """Count the shapes whose centre lies in the rectangle; without one, in the whole image."""
    right, lower = image.width if x1 is None else x1, image.height if y1 is None else y1
    found = service.count_shapes(reader, Region(image.id, image.image_set_id, x0, y0, right, lower), settings)
    return CountAnswer(total=found.total, note=found.note)


@router.get("/images/{image_id}/note", summary="The note about an image")
def read_note(image: ImageInSet, session: DbSession) -> NoteText:
    """What was written about the image last; empty when nothing was."""
    note = session.scalar(select(Note).where(Note.image_id == image.id))
    return NoteText(text=note.text if note else "")


@router.put("/images/{image_id}/note", summary="Write the note about an image")
def write_note(image: ImageInSet, access: ImageSetAccess, transaction: Transaction, body: NoteText) -> NoteText:
    """Keep a note, in place of the one before."""
    access.require("annotate")
    with transaction() as session:
        note = session.scalar(select(Note).where(Note.image_id == image.id))
        if note is None:
            note = Note(image_id=image.id)
            session.add(note)
        note.text = body.text
        note.author_id = access.actor.user_id
    return body


@router.post("/jobs/count", status_code=202, summary="Count the images of the set in the background")
def count_images(access: ImageSetAccess, plugin: Plugin, transaction: Transaction, body: CountParams) -> JobStarted:
    """Put the job into the queue; its progress is in the list of jobs."""
    access.require("annotate")
    with transaction() as session:
        job_id = plugin.enqueue(
            session,
            "count",
            owner_id=access.actor.user_id,
            image_set_id=access.image_set_id,
            params=body.model_dump(),
        )
    return JobStarted(job_id=job_id)


@router.post("/jobs/predict", status_code=202, summary="Score values with the model in the background")
def predict(access: ImageSetAccess, plugin: Plugin, transaction: Transaction, body: PredictParams) -> JobStarted:
    """Put the job into the queue; the scores are the job's result."""
    access.require("annotate")
    with transaction() as session:
        job_id = plugin.enqueue(
            session,
            "predict",
            owner_id=access.actor.user_id,
            image_set_id=access.image_set_id,
            params=body.model_dump(),
        )
    return JobStarted(job_id=job_id)
