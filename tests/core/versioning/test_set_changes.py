"""The hash of a version holds after changes of a whole set, and tells them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from exact_core.services import Services
from exact_core.storage.models import ChangeSet
from exact_core.versioning.manifest_job import check_version
from tests.core.annotations.test_digest import computed_again
from tests.core.versioning.conftest import Lab, make_version


def change(lab: Lab, q: str, **body: Any) -> int:
    url = f"/api/v2/image-sets/{lab.image_set_id}/annotation-bulk-edits"
    answer = lab["lead"].post(url, json={"q": q, **body})
    assert answer.status_code == 200, answer.text
    revision: int = answer.json()["revision"]
    return revision


def test_versions_between_bulk_changes_keep_their_hash(
    lab: Lab, make_image: Callable[..., int], services: Services, work: Callable[[], int]
) -> None:
    kinds = [{"name": "grade", "kind": "choice", "choices": ["low", "high"]}]
    lab["lead"].patch(f"/api/v2/annotation-types/{lab.types['Cell']}", json={"attributes": kinds})
    first, second = lab.image_id, make_image(lab.image_set_id, width=9000, height=9000)
    for number, image in enumerate((first, second, second)):
        lab.image_id = image
        lab.draw("ann" if number else "ben", 10, 10 + number, 50, 70, text="x", attributes={"grade": "low"})
    lab.image_id = first
    made = [make_version(lab, "drawn")]
    revision = change(lab, "class:Cell", attributes={"grade": "high"})
    made.append(make_version(lab, "graded"))
    revision = change(lab, "attr.grade:high", type_id=lab.types["Nucleus"], reason="all nuclei")
    made.append(make_version(lab, "relabelled"))
    url = f"/api/v2/image-sets/{lab.image_set_id}/annotation-bulk-edits/{revision}/undo"
    assert lab["lead"].post(url).json()["changed"] == 3
    made.append(make_version(lab, "back"))
    change(lab, "", delete=True)
    made.append(make_version(lab, "deleted"))
    assert len({each["content_digest"] for each in made}) == 5
    work()
    for each in made:
        assert check_version(services, each["id"], deep=True).holds, each["name"]
    with lab.database.read() as session:
        log = select(ChangeSet.digest).where(ChangeSet.image_set_id == lab.image_set_id).order_by(ChangeSet.revision)
        assert computed_again(session, lab.image_set_id) == list(session.scalars(log))
