"""What does not occur, fractions of pixels, and exports of the past with images that are gone by now."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from exact_core.api.contributions import Shape
from exact_core.api.errors import Forbidden, NotFound
from exact_core.exchange.document import Report
from exact_core.exchange.exporting import Filters, Wanted, open_document
from exact_core.exchange.extras import ABSENT_SUFFIX
from exact_core.exchange.registry import BUILT_IN
from exact_core.exchange.slide_files import SlideFiles
from exact_core.exchange.slide_properties import slide_number, slide_property
from exact_core.jobs.runner import JobRunner
from exact_core.review.matching import ReadShape as Work
from exact_core.review.matching import compare
from exact_core.review.settings import StopRule
from exact_core.storage.models import AnnotationType, Image, User, now
from exact_core.storage.unit_of_work import UnitOfWork
from exact_core.versioning.service import create_version, delete_version
from tests.core.exchange.conftest import Desk
from tests.core.exchange.test_database_round_trips import Drawn, draw_all, empty

SQUARE = [[100, 100], [200.5, 100], [200.5, 200.25], [100, 200.25]]


def drawn(geometry: Drawn, kind: str = "Nucleus") -> Drawn:
    return {"geometry": geometry, "type": kind, "text": "", "attributes": {}, "frame": (0, 0, -1)}


def name_version(desk: Desk, name: str = "v1") -> int:
    """A version of the desk's set."""
    with UnitOfWork(desk.database, desk.services.kernel.hooks, desk.people["lead"]) as uow:
        return create_version(desk.services, uow, desk.image_set_id, name).id


@pytest.mark.parametrize("name", BUILT_IN)
def test_absence_comes_back_or_is_told(name: str, desk: Desk) -> None:
    draw_all(desk, [drawn({"shape": "absent"}), drawn({"shape": "polygon", "rings": [SQUARE]}, "Cell")])
    report = Report()
    content = desk.export(name, report=report)
    empty(desk)
    desk.bring(content, f"slide-0{'.zip' if name == 'yolo' else ''}", format=name)
    shapes = {row.type_id: row.shape for row in desk.rows()}
    told = [loss for loss in report.losses if "absent" in loss]
    nucleus = desk.types["Nucleus"]
    if nucleus in shapes:
        assert shapes[nucleus] is Shape.ABSENT
    else:
        assert any("left out" in loss or "no place" in loss for loss in told), report.losses
    assert len(shapes) >= 1


def test_other_programs_do_not_take_absence_for_presence(desk: Desk) -> None:
    draw_all(desk, [drawn({"shape": "absent"})])
    for name in ("geojson", "darwin", "aperio-xml", "asap-xml", "ndpa", "ome-xml"):
        content = desk.export(name).decode()
        assert f"Nucleus{ABSENT_SUFFIX}" in content, name
    for name in ("coco", "voc"):
        assert not json.loads(desk.export("coco"))["annotations"], name


def test_fractions_of_pixels_are_kept(desk: Desk) -> None:
    ring = [[100.25, 100.5], [200.125, 100.5], [200.125, 200.75], [100.25, 200.75], [100.25, 100.5]]
    triangle = [[10.1, 10], [20, 10], [15, 20.7], [15.0001, 20.7001], [10.1, 10]]
    features = [
        {"type": "Feature", "properties": {"classification": {"name": "Nucleus"}},
         "geometry": {"type": "Polygon", "coordinates": [each]}}
        for each in (ring, triangle)
    ]  # fmt: skip
    desk.bring(json.dumps({"type": "FeatureCollection", "features": features}).encode())
    box, polygon = sorted(desk.rows(), key=lambda row: -row.box.x0)
    assert box.geometry.xy.tolist() == [[100.25, 100.5], [200.125, 200.75]]
    assert np.abs(polygon.geometry.xy - [[10.1, 10], [20, 10], [15, 20.7]]).max() <= 1 / 512


def test_what_is_there_and_what_is_absent_are_no_pair(desk: Desk) -> None:
    draw_all(desk, [drawn({"shape": "image"}), drawn({"shape": "absent"}), drawn({"shape": "absent"})])
    there, *absent = (
        Work(row.id, row.type_id, row.shape, row.box, row.frame, row.packed)
        for row in sorted(desk.rows(), key=lambda row: row.shape.number)
    )
    rule = StopRule(kind="detection", distance_um=10)
    assert not compare({1: [there], 2: [absent[0]]}, rule, (None, None)).agrees
    assert compare({1: [absent[0]], 2: [absent[1]]}, rule, (None, None)).agrees


def test_a_version_is_exported_byte_by_byte_whatever_was_deleted_since(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(images=2)
    draw_all(desk, [drawn({"shape": "polygon", "rings": [SQUARE]}), drawn({"shape": "absent"})])
    other = desk.images[1]
    desk.bring(desk.export("geojson", image_ids=(desk.images[0],)), "x.geojson", image=other)
    version_id = name_version(desk)
    JobRunner(desk.services).run_waiting()  # the manifest keeps the names of people
    before = {name: desk.export(name, version_id=version_id) for name in ("geojson", "csv", "coco")}
    with desk.database.write() as session:
        session.execute(update(Image).where(Image.id == other).values(deleted_at=now(), name="gone"))
        session.execute(update(AnnotationType).values(name=AnnotationType.name + " new"))
        session.execute(update(User).where(User.name == "lead").values(display_name="Somebody else"))
    empty_present = desk.export("csv")
    assert b"slide-1" not in empty_present
    after = {name: desk.export(name, version_id=version_id) for name in before}
    assert b"slide-1" in after["csv"]
    assert b"Nucleus new" not in after["csv"]
    assert after == before
    assert desk.export("csv", version_id=version_id, image_ids=(other,)).count(b"slide-1") >= 2
    with pytest.raises(NotFound):
        desk.export("csv", version_id=version_id + 1)
    with UnitOfWork(desk.database, desk.services.kernel.hooks, desk.people["lead"]) as uow:
        delete_version(desk.services, uow, version_id, "wrong one")
    with pytest.raises(NotFound, match="deleted"):
        desk.export("csv", version_id=version_id)


def test_a_version_keeps_types_that_no_product_of_the_set_has(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    draw_all(desk, [drawn({"shape": "polygon", "rings": [SQUARE]})])
    from exact_core.storage.models import ImageSetProduct

    with desk.database.write() as session:
        session.delete(session.get_one(ImageSetProduct, (desk.image_set_id, desk.product_id)))
    version_id = name_version(desk)
    assert b"Nucleus" in desk.export("coco", version_id=version_id)


def test_filters_choose_what_is_exported(desk: Desk) -> None:
    draw_all(desk, [drawn({"shape": "absent"}), drawn({"shape": "polygon", "rings": [SQUARE]}, "Cell")])
    whole = desk.export("csv").decode()
    cells = desk.export("csv", filters=Filters(type_ids=(desk.types["Cell"],))).decode()
    assert (whole.count("slide-0"), cells.count("slide-0"), cells.count(",Cell,")) == (2, 1, 1)
    areas = desk.export("csv", filters=Filters(shapes=(Shape.POLYGON,))).decode()
    assert areas.count("slide-0") == 1
    nobody = desk.export("csv", filters=Filters(author_ids=(desk.people["ann"].user_id,))).decode()
    assert nobody.count("slide-0") == 0


def test_slides_say_where_they_lie_on_the_glass(make_desk: Callable[..., Desk], shared_data: Path) -> None:
    source = shared_data / "01-wsi/test3-DAPI-2-387.ndpi"
    if not source.exists():
        pytest.skip("the shared data has no NDPI file")
    desk = make_desk(width=3968, height=4864, vendor="hamamatsu", file_path="slide.ndpi", mpp_x=0.228, mpp_y=0.228)
    desk.services.blobs.root.mkdir(exist_ok=True)
    shutil.copy(source, desk.services.blobs.path("slide.ndpi"))
    slides = SlideFiles(desk.services)
    document = open_document(desk.database, desk.people["lead"], Wanted(desk.image_set_id), slides)
    assert slide_number(document.images[0], "hamamatsu.XOffsetFromSlideCentre") == 12_538_720
    assert slide_number(document.images[0], "hamamatsu.YOffsetFromSlideCentre") == -96_063


def test_identities_of_slides_need_the_right_to_original_names(
    make_desk: Callable[..., Desk], shared_data: Path
) -> None:
    source = shared_data / "01-wsi/dicom-tiny/sm_image_numbers.dcm"
    if not source.exists():
        pytest.skip("the shared data has no DICOM slide")
    desk = make_desk(width=50, height=50, vendor="dicom", file_path="slide.dcm")
    shutil.copy(source, desk.services.blobs.path("slide.dcm"))
    slides = SlideFiles(desk.services)
    wanted = Wanted(desk.image_set_id)
    (image,) = open_document(desk.database, desk.people["lead"], wanted, slides).images
    assert slide_property(image, "dicom.StudyInstanceUID") is None
    assert slide_number(image, "dicom.ImageOrientationSlide[1]") == -1
    named = Wanted(desk.image_set_id, private_names=True)
    (image,) = open_document(desk.database, desk.people["lead"], named, slides).images
    assert (
        slide_property(image, "dicom.StudyInstanceUID")
        == "1.2.826.0.1.3680043.10.511.3.23315552601753135490905014338118048"
    )
    with pytest.raises(Forbidden):
        open_document(desk.database, desk.people["reviewer"], named, slides)
