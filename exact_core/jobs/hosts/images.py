"""Which images a job may read, and how they are opened on the machine that has their files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exact_core.api.context import Actor
from exact_core.api.errors import NotFound
from exact_core.api.images import ImageInfo
from exact_core.auth.rights import Right, Rights
from exact_core.exchange.import_jobs import actor_of
from exact_core.storage.models import Image
from exact_core.tiles.pixels import FilePixelReader
from exact_core.tiles.served_images import slide_of

if TYPE_CHECKING:
    from exact_core.services import Services
    from exact_core.tiles.slide_file import SlideFile


def readable_image(
    services: Services, owner_id: int | None, image_set_id: int, image_id: int
) -> tuple[ImageInfo, SlideFile]:
    """What is known of an image of the job's set, and where its file lies.

    Args:
        services: The parts of the instance.
        owner_id: Who asked for the job; None for the system.
        image_set_id: The set that the job is about.
        image_id: The image.

    Raises:
        NotFound: There is no such image in the set, or the owner of the job may not see it.
        Conflict: The image is not ready; the message says why.
        Forbidden: The account of the owner is no longer active.
    """
    with services.database.read() as session:
        actor = Actor.system() if owner_id is None else actor_of(session, owner_id)
        if Rights(session).require_image(actor, Right.VIEW, image_id) != image_set_id:
            raise NotFound(f"There is no image {image_id} in image set {image_set_id}, which the job is about.")
        image = session.get_one(Image, image_id)
        return ImageInfo.of(image), slide_of(image, services.blobs)


def open_reader(services: Services, owner_id: int | None, image_set_id: int, image_id: int) -> FilePixelReader:
    """Open an image for a job, by a limited process; raises as :func:`readable_image`."""
    image, slide = readable_image(services, owner_id, image_set_id, image_id)
    return FilePixelReader(image, slide, memory_mib=services.settings.decode_memory_mib)
