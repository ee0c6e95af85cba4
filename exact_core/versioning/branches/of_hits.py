"""An image set of the images that a search finds: a version of the whole set, and a branch of it with these images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exact_core.annotations.access import rights_in
from exact_core.api.errors import Invalid
from exact_core.auth.rights import Right, Rights
from exact_core.search.running import Search
from exact_core.search.service import asked_of, blamed
from exact_core.storage.models import Branch
from exact_core.versioning.access import require_all
from exact_core.versioning.branches.making import create_branch
from exact_core.versioning.service import create_version

if TYPE_CHECKING:
    from exact_core.services import Services
    from exact_core.storage.unit_of_work import UnitOfWork

_BEFORE = "Before {}"


def branch_of_hits(
    services: Services, uow: UnitOfWork, image_set_id: int, query: str, name: str, description: str, mode: str
) -> Branch:
    """Make the image set, locked until a job has filled it; it can be merged back like every branch.

    The version says for good what the new set was made from; it is called like the new set, with "Before" in front.

    Args:
        services: The parts of the instance.
        uow: The transaction; its actor manages the set and sees everything in it.
        image_set_id: The set that is searched.
        query: What an annotation of an image must fulfil for the image to be chosen, as of now.
        name: Of the new set, unique in its team.
        description: Free text; the query when it is empty.
        mode: See :func:`create_branch`.
    """
    session, actor = uow.session, uow.actor
    Rights(session).require(actor, Right.MANAGE, image_set_id)
    require_all(session, actor, image_set_id)
    asked = asked_of(session, services, actor, image_set_id, rights_in(session))
    with blamed(asked, query):
        search = Search(asked, query)
        if not search.is_present:
            raise Invalid("A new image set is made of what is there now: leave out the part about the past.")
        images = search.images_with_hits()
    if not images:
        raise Invalid("No image has an annotation that fits this search.")
    said = f"Images where something fits: {query}" if query else "All images with an annotation"
    version = create_version(services, uow, image_set_id, _BEFORE.format(name.strip()), said)
    return create_branch(
        services, session, actor, version.id, name, description=description or said, mode=mode, images=images
    )
