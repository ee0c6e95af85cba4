"""FastAPI dependencies for routes, of the core and of plugins; import them from ``exact_core.api.deps``.

They reach everything through ``request.app.state.services``. Author, rights and settings always come from here,
never from what a client sends::

    @router.get("/images/{image_id}/score")
    def score(image: ImageInSet, session: DbSession, reader: Annotations,
              settings: Annotated[ScoreSettings, PluginSettings]) -> Score: ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from exact_core.api.annotations import AnnotationReader
from exact_core.api.context import Actor, PluginContext
from exact_core.api.errors import Forbidden, NotFound, Unauthenticated
from exact_core.api.images import ImageInfo
from exact_core.api.tables import core

if TYPE_CHECKING:
    from exact_core.services import Services

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def services_of(request: Request) -> Services:
    """The parts of the running instance; for handlers of the core."""
    return cast("Services", request.app.state.services)


def current_actor(request: Request) -> Actor:
    """The person that makes the request; 401 for nobody, 403 for a token that may only read and wants to write."""
    actor = getattr(request.state, "actor", None)
    if not isinstance(actor, Actor):
        headers = request.headers
        actor = services_of(request).snapshot.authenticate(headers.get("cookie"), headers.get("authorization"))
        if actor is None:
            raise Unauthenticated("Log in, or send a valid access token.")
        request.state.actor = actor
    if "read" not in actor.scopes:
        raise Forbidden("This access token is a worker's: it opens the jobs that the worker holds, and nothing else.")
    if request.method not in _SAFE_METHODS and "write" not in actor.scopes:
        raise Forbidden("This access token may only read; make one with the scope 'write'.")
    return actor


CurrentActor = Annotated[Actor, Depends(current_actor)]
"""The person that makes the request."""


def read_session(request: Request) -> Iterator[Session]:
    """A session that only reads and is rolled back after the answer."""
    with services_of(request).database.read() as session:
        yield session


DbSession = Annotated[Session, Depends(read_session)]
"""A session that only reads; changes of a plugin's own tables go through ``Transaction``."""


def transaction(request: Request) -> Callable[[], AbstractContextManager[Session]]:
    """What opens a session that writes: committed when its block ends well, rolled back when it raises."""
    return services_of(request).database.write


Transaction = Annotated[Callable[[], AbstractContextManager[Session]], Depends(transaction)]
"""``with transaction() as session:`` changes tables of the plugin's own, and is committed before the answer is sent.

Take ``transaction: Transaction`` as an argument of the route. One writer at a time holds the database on SQLite: read
and compute before, keep the block short."""


@dataclass(frozen=True, slots=True)
class SetAccess:
    """What the actor may do in the image set of the address.

    Attributes:
        image_set_id: The image set.
        actor: Who asks.
    """

    image_set_id: int
    actor: Actor
    _services: Services

    def can(self, right: str) -> bool:
        """Whether the actor has a right there, of the core (``annotate``) or of a plugin (``screening.reset``)."""
        return self._services.snapshot.can(self.actor, right, self.image_set_id)

    def require(self, right: str) -> None:
        """Raise ``Forbidden`` unless the actor has the right there."""
        if not self.can(right):
            raise Forbidden(f"You do not have the right {right!r} in image set {self.image_set_id}.")


def image_set_access(request: Request, image_set_id: int, actor: CurrentActor) -> SetAccess:
    """Access to the image set of the address; 404 unless the actor may view it."""
    access = SetAccess(image_set_id, actor, services_of(request))
    if not access.can("view"):
        raise NotFound(f"There is no image set {image_set_id} that you may see.")
    return access


ImageSetAccess = Annotated[SetAccess, Depends(image_set_access)]
"""What the actor may do in the image set of the address."""


def image_in_set(image_id: int, access: ImageSetAccess, session: DbSession) -> ImageInfo:
    """The image of the address; 404 unless it belongs to the image set of the address."""
    image = _image(session, image_id)
    if image is None or image.image_set_id != access.image_set_id:
        raise NotFound(f"There is no image {image_id} in image set {access.image_set_id}.")
    return image


ImageInSet = Annotated[ImageInfo, Depends(image_in_set)]
"""The image ``{image_id}`` of the address, checked to belong to the image set of the address."""


def visible_image(request: Request, image_id: int, actor: CurrentActor, session: DbSession) -> ImageInfo:
    """The image of the address; 404 unless the actor may view its image set."""
    services_of(request).snapshot.image(actor, image_id)
    image = _image(session, image_id)
    if image is None:
        raise NotFound(f"There is no image {image_id} that you may see.")
    return image


VisibleImage = Annotated[ImageInfo, Depends(visible_image)]
"""The image ``{image_id}`` of an address outside of an image set's, checked to be visible to the actor."""


def annotation_reader(request: Request, session: DbSession, actor: CurrentActor) -> AnnotationReader:
    """Counts of the annotations that the actor may see."""
    return services_of(request).annotation_reader(session, actor)


Annotations = Annotated[AnnotationReader, Depends(annotation_reader)]
"""Counts of the annotations that the actor may see."""


def thumbnail_reader(request: Request) -> Callable[[int, int], bytes]:
    """What gives a small picture of an image."""
    return services_of(request).thumbnails


Thumbnails = Annotated[Callable[[int, int], bytes], Depends(thumbnail_reader)]
"""``thumbnails(image.id, 1024)`` is the whole image as a JPEG: its default frame, in all colours.

The longer side is at most the one asked for (64, 128, 256, 512 or 1024 pixels; others are rounded up); the picture is
made once and kept. Ask for images that the actor may view only: of ``ImageInSet`` or ``VisibleImage``. Raises
``ExactError`` when the file cannot be shown."""


def plugin_settings(request: Request) -> Any:
    """The plugin's validated settings in the image set of the address."""
    # missing only when the address itself is not valid, and then the answer is 422 anyway
    return getattr(request.state, "plugin_settings", None)


PluginSettings = Depends(plugin_settings)
"""For ``Annotated[MySettings, PluginSettings]`` in image-set routes: the plugin's validated settings there."""


def calling_plugin(request: Request) -> PluginContext:
    """What the plugin that serves this route may reach beyond the request."""
    return services_of(request).kernel.context_of(request.state.plugin)


Plugin = Annotated[PluginContext, Depends(calling_plugin)]
"""The folder, the jobs and the writing sessions of the plugin that serves this route."""


def _image(session: Session, image_id: int) -> ImageInfo | None:
    image = session.get(core.Image, image_id)
    if image is None or image.deleted_at is not None:
        return None
    return ImageInfo.of(image)
