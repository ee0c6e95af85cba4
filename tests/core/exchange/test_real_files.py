"""Files as labs have them: the 2020 study of the first EXACT, MIDOG++, BCCD, satellite scenes, QuPath's relatives."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from sqlalchemy import select

from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.document import Report
from exact_core.exchange.reading import recognised
from exact_core.exchange.registry import all_built_in
from exact_core.storage.models import AnnotationType, Image
from tests.core.exchange.conftest import EVERY_SHAPE, Desk

pytestmark = pytest.mark.data
STUDY = "02-cytology-mitosis/exact-study-2020"


@pytest.fixture
def shared_file(shared_data: Path) -> Callable[[str], Path]:
    """``shared_file("01-wsi/…")``; the test is skipped where the file is not there."""

    def find(name: str) -> Path:
        path = shared_data / name
        if not path.exists():
            pytest.skip(f"the shared data has no {name}")
        return path

    return find


def add_images(desk: Desk, images: dict[str, tuple[int, int]]) -> None:
    """Images that were called so once, under public names that tell nothing."""
    with desk.database.write() as session:
        for number, (name, (width, height)) in enumerate(images.items()):
            session.add(
                Image(image_set_id=desk.image_set_id, name=f"240101-0000-{number:04x}", private_name=name, width=width,
                      height=height, status="ready", file_path=f"images/{number}", position=number)
            )  # fmt: skip


def add_types(desk: Desk, names: list[str], shapes: list[str] = EVERY_SHAPE) -> None:
    with desk.database.write() as session:
        session.add_all(AnnotationType(product_id=desk.product_id, name=name, shapes=shapes) for name in names)


def ids_of(desk: Desk) -> dict[str, int]:
    """Private name to number."""
    with desk.database.read() as session:
        return dict(session.execute(select(Image.private_name, Image.id)).all())


def every_row(desk: Desk) -> dict[str, list[Any]]:
    return {name: desk.rows(number) for name, number in ids_of(desk).items()}


def study_lines(path: Path) -> list[list[str]]:
    """The lines of annotations of a file of the study, read by other means than ours."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("[")]
    return [line.split("|") for line in lines]


@pytest.mark.parametrize(
    "name",
    [
        "Mitosen/FirstRound/Participants/export_First Round Mitotic Figure_LabelStudy_Participant_3.txt",
        "Mitosen/FirstRound/Participants/export_First Round Mitotic Figure_LabelStudy_Participant_5.txt",
        "Mitosen/FirstRound/GT/ground truth.txt",
        "Mitosen/FirstRound/GT/RemovedMitoticFigures_G0.txt",
        "Asthma/FirstRound/Participants/export_First Round Asthma_LabelStudy_Participant_5.txt",
        "Asthma/FirstRound/GT/ground truth.txt",
        "Asthma/FirstRound/GT/changed.txt",
        "EIPH/FirstRound/Participants/export_First Round EIPH_LabelStudy_Participant_4.txt",
        "EIPH/FirstRound/GT/deleted.txt",
        "EIPH/FirstRound/GT/nms.txt",
    ],
)
def test_files_of_the_2020_study_are_imported(
    name: str, make_desk: Callable[..., Desk], shared_file: Callable[[str], Path]
) -> None:
    path = shared_file(f"{STUDY}/{name}")
    lines = study_lines(path)
    desk = make_desk(images=0)
    is_mitosis = name.startswith("Mitosen")
    sizes = {line[0]: (7017, 5263) if is_mitosis or len(line) < 11 else (int(line[9]), int(line[10])) for line in lines}
    add_images(desk, sizes)
    add_types(desk, sorted({line[1] for line in lines}), ["box", "absent"])
    stored = desk.bring(path.read_bytes(), path.name, skip_bad=True)
    absent = [line for line in lines if line[2:] == ["not in image"]]
    kept = [line for line in lines if len(line) == 11 and line[8] == "False"]
    refused = [each["place"] for each in stored.report.to_json()["refused"]]
    assert desk.contents[-1].format == "exact-text"
    assert stored.added + stored.report.refused_count == len(kept) + len(absent)
    rows_by_image = every_row(desk)
    drawn = [row for rows in rows_by_image.values() for row in rows]
    assert sum(row.shape is Shape.ABSENT for row in drawn) == len(absent)
    assert len(refused) <= 3, stored.report.to_json()["refused"]
    lost = {line["what"].partition(":")[0]: line["count"] for line in stored.report.to_json()["losses"]}
    deleted = sum(len(line) == 11 and line[8] == "True" for line in lines)
    assert lost.get("annotations that were deleted in EXACT", 0) == deleted
    found = Counter(
        (image, tuple(row.box), row.uuid if line_has_uuid(row.uuid, kept) else "", row.claimed_author)
        for image, rows in rows_by_image.items()
        for row in rows
        if row.shape is not Shape.ABSENT
    )
    expected = Counter()
    for line in kept:
        values = {key.strip('"{ '): int(value.strip('" }')) for key, value in pairs(line[2])}
        box = (values["x1"], values["y1"], values["x2"], values["y2"])
        width, height = sizes[line[0]]
        if 0 <= box[0] < box[2] < width and 0 <= box[1] < box[3] < height:
            expected[(line[0], box, line[7], line[3])] += 1
    assert expected <= found
    assert sum(found.values()) == stored.added - len(absent)


def line_has_uuid(uuid: str, lines: list[list[str]]) -> bool:
    return any(line[7] == uuid for line in lines)


def pairs(vector: str) -> list[tuple[str, str]]:
    return [tuple(part.split(":")) for part in vector.strip("{}").split(",") if ":" in part]  # type: ignore[misc]


def test_midog_is_imported_though_its_boxes_are_corners(
    make_desk: Callable[..., Desk], shared_file: Callable[[str], Path]
) -> None:
    path = shared_file("02-cytology-mitosis/tables/MIDOG++.json")
    truth = json.loads(path.read_text())
    chosen = {1, 77, 300, *range(2, 12)}  # all 503 images would take minutes
    truth["images"] = [image for image in truth["images"] if image["id"] in chosen]
    truth["annotations"] = [each for each in truth["annotations"] if each["image_id"] in chosen]
    desk = make_desk(images=0)
    add_images(desk, {image["file_name"]: (image["width"], image["height"]) for image in truth["images"]})
    add_types(desk, ["mitotic figure", "not mitotic figure"], ["box"])
    stored = desk.bring(json.dumps(truth).encode(), path.name, skip_bad=True)
    assert any("two corners" in warning for warning in stored.report.warnings)
    assert stored.added + stored.report.refused_count == len(truth["annotations"])
    assert stored.report.refused_count < 50
    ids = ids_of(desk)
    names = {image["id"]: image["file_name"] for image in truth["images"]}
    sizes = {image["id"]: (image["width"], image["height"]) for image in truth["images"]}
    for number in (1, 77, 300):
        if number not in names:
            continue
        width, height = sizes[number]
        boxes = Counter(
            tuple(each["bbox"])
            for each in truth["annotations"]
            if each["image_id"] == number and min(each["bbox"]) >= 0 and each["bbox"][2] < width
            and each["bbox"][3] < height
        )  # fmt: skip
        assert boxes <= Counter(tuple(row.geometry.xy.ravel().tolist()) for row in desk.rows(ids[names[number]]))


def test_cells_of_bccd_are_imported_and_come_back(
    make_desk: Callable[..., Desk], shared_file: Callable[[str], Path]
) -> None:
    folder = shared_file("02-cytology-mitosis/bccd/Annotations")
    desk = make_desk(images=0)
    paths = sorted(folder.glob("*.xml"))[:25]
    trees = {path: ElementTree.parse(path).getroot() for path in paths}
    add_images(desk, {tree.findtext("filename") or "": (640, 480) for tree in trees.values()})
    add_types(desk, ["WBC", "RBC", "Platelets"], ["box"])
    for path, tree in trees.items():
        stored = desk.bring(path.read_bytes(), path.name)
        objects = tree.findall("object")
        assert stored.added == len(objects)
        rows = desk.rows(ids_of(desk)[tree.findtext("filename") or ""])
        found = Counter(tuple(row.box) for row in rows)
        expected = Counter()
        for each in objects:
            left, top, right, bottom = (
                int(each.findtext(f"bndbox/{tag}") or 0) for tag in ("xmin", "ymin", "xmax", "ymax")
            )
            expected[(max(left - 1, 0), max(top - 1, 0), right, bottom)] += 1
        assert found == expected
    report = Report()
    content = desk.export("voc", report=report, private_names=True)
    assert content.startswith(b"PK")
    assert not report.losses
    again = desk.bring(content, "export.zip")
    assert again.unchanged == sum(len(tree.findall("object")) for tree in trees.values())
    assert again.added == again.updated == again.skipped == 0


def test_the_table_of_bccd_is_imported(make_desk: Callable[..., Desk], shared_file: Callable[[str], Path]) -> None:
    path = shared_file("02-cytology-mitosis/bccd/test.csv")
    lines = [line.split(",") for line in path.read_text().splitlines()[1:]]
    desk = make_desk(images=0)
    add_images(desk, {line[0]: (640, 480) for line in lines})
    add_types(desk, sorted({line[1] for line in lines}), ["box"])
    stored = desk.bring(path.read_bytes(), path.name, skip_bad=True)
    assert desk.contents[-1].format == "csv"
    assert stored.added + stored.report.refused_count == len(lines)
    assert stored.report.refused_count < 20


@pytest.mark.parametrize(
    ("name", "size", "count"),
    [
        ("04-satellite/deepforest/OSBS_029.csv", (400, 400), 61),
        ("04-satellite/deepforest/OSBS_029.xml", (400, 400), 61),
    ],
)
def test_trees_from_above_are_imported(
    name: str, size: tuple[int, int], count: int, make_desk: Callable[..., Desk], shared_file: Callable[[str], Path]
) -> None:
    path = shared_file(name)
    desk = make_desk(images=0)
    add_images(desk, {"OSBS_029.tif": size})
    add_types(desk, ["Tree"], ["box"])
    assert desk.bring(path.read_bytes(), path.name).added == count


def test_buildings_of_coco_with_flat_outlines_are_imported(
    make_desk: Callable[..., Desk], shared_file: Callable[[str], Path]
) -> None:
    path = shared_file("04-satellite/tables/coco_sample_1.json")
    truth = json.loads(path.read_text())
    desk = make_desk(images=0)
    names = {image["id"]: image["file_name"] for image in truth["images"]}
    add_images(desk, {image["file_name"]: (image["width"], image["height"]) for image in truth["images"]})
    add_types(desk, [category["name"] for category in truth["categories"]])
    stored = desk.bring(path.read_bytes(), path.name, skip_bad=True)
    assert stored.added + stored.report.refused_count == len(truth["annotations"])
    assert stored.added > 0.9 * len(truth["annotations"])
    assert set(names.values()) <= set(ids_of(desk))


def test_well_known_text_of_spacenet_is_imported(
    make_desk: Callable[..., Desk], shared_file: Callable[[str], Path]
) -> None:
    path = shared_file("04-satellite/tables/SN2_sample_truth.csv")
    desk = make_desk(images=0)
    rows = path.read_text().splitlines()[1:]
    add_images(desk, {line.partition(",")[0]: (650, 650) for line in rows})
    add_types(desk, ["Building"], ["polygon"])
    stored = desk.bring(path.read_bytes(), path.name, labels={"": "Building"}, skip_bad=True)
    assert stored.added + stored.report.refused_count == len(rows)
    assert stored.added > 0.9 * len(rows)


@pytest.mark.parametrize(
    "name", ["04-satellite/landsat/geotiff_custom_proj_labels.geojson", "04-satellite/building-masks/sample.geojson"]
)
def test_places_on_the_earth_are_refused(name: str, desk: Desk, shared_file: Callable[[str], Path]) -> None:
    with pytest.raises(Invalid, match=r"places on the earth|outside of image"):
        desk.bring(shared_file(name).read_bytes(), "file.geojson", labels={"": "Cell"})
    assert desk.rows() == []


def test_nuclei_of_another_server_are_imported(
    make_desk: Callable[..., Desk], shared_file: Callable[[str], Path]
) -> None:
    path = shared_file("01-wsi/annotations/large_image-sample.geojson")
    truth = json.loads(path.read_text())["features"]
    desk = make_desk(width=20_000, height=30_000)
    label = truth[0]["properties"]["annotation"]["name"]
    stored = desk.bring(path.read_bytes(), path.name, labels={label: "Nucleus", "": "Nucleus"})
    assert stored.added == len(truth)
    before = desk.drawn()
    assert desk.bring(desk.export("geojson")).unchanged == len(truth)
    assert desk.drawn() == before


def test_every_real_file_is_recognised_as_what_it_is(shared_data: Path) -> None:
    expected = {
        "02-cytology-mitosis/exact-study-2020/**/*.txt": "exact-text",
        "02-cytology-mitosis/bccd/Annotations/*.xml": "voc",
        "02-cytology-mitosis/bccd/test.csv": "csv",
        "02-cytology-mitosis/tables/MIDOG++.json": "coco",
        "02-cytology-mitosis/tables/*.sqlite": "sliderunner",
        "04-satellite/tables/coco_sample_*.json": "coco",
        "04-satellite/tables/SN2_*.csv": "csv",
        "04-satellite/deepforest/*.xml": "voc",
        "04-satellite/deepforest/OSBS_029.csv": "csv",
        "04-satellite/**/*.geojson": "geojson",
        "01-wsi/annotations/*.geojson": "geojson",
    }
    formats = list(all_built_in())
    seen = 0
    for pattern, name in expected.items():
        for path in sorted(shared_data.glob(pattern))[:40]:
            head = path.read_bytes()[: 64 * 1024]
            sure = {each.name: each.sniff(head, path.name) for each in formats}
            assert recognised(formats, head, path.name).name == name, (path, sure)
            assert [other for other, value in sure.items() if value >= 30] == [name], (path, sure)
            seen += 1
    assert seen > 60


@pytest.mark.parametrize(
    "name",
    [
        "02-cytology-mitosis/tables/MIDOG++_datasets_xvalidation.csv",
        "02-cytology-mitosis/exact-study-2020/Mitosen/FirstRound/GT/fakeMitoticFigures.json",
        "04-satellite/deepforest/classes.csv",
        "06-sounds/orca-label-noise/test_extract_audio.tsv",
        "01-wsi/annotations/histomicsui-sample.anot",
        "01-wsi/CMU-1-Small-Region.svs",
        "02-cytology-mitosis/images/cell.png",
    ],
)
def test_files_that_are_no_annotations_are_not_taken_for_some(name: str, shared_file: Callable[[str], Path]) -> None:
    path = shared_file(name)
    head = path.read_bytes()[: 64 * 1024]
    with pytest.raises(Invalid, match="not recognised"):
        recognised(list(all_built_in()), head, path.name)
