"""Each of these formats knows its own files and no others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exact_core.exchange.registry import built_in
from tests.core.exchange.format_documents import EVERY_SHAPE, IMAGE, Document, read, written

NAMES = ["aperio-xml", "asap-xml", "ndpa", "sliderunner", "dicom-ann", "dicom-seg", "ome-xml"]
HEAD = 64 * 1024
CERTAIN, POSSIBLE = 90, 50

OTHERS = {
    "empty": b"",
    "text": b"hello world\n",
    "json": json.dumps({"type": "FeatureCollection", "features": []}).encode(),
    "coco": json.dumps({"images": [], "annotations": [], "categories": []}).encode(),
    "darwin": json.dumps({"version": "2.0", "item": {"name": "a"}, "annotations": []}).encode(),
    "csv": b"image,label,x0,y0,x1,y1\na,b,1,2,3,4\n",
    "yolo": b"0 0.5 0.5 0.1 0.1\n1 0.2 0.3 0.1 0.1\n",
    "exact-text": b'slide.svs|Mitosis|{"x1":1,"y1":2,"x2":3,"y2":4}||\n',
    "voc": b"<annotation><folder>x</folder><filename>a.jpg</filename><object><name>cat</name></object></annotation>",
    "html": b"<!DOCTYPE html><html><body><p>Annotations</p></body></html>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><polygon points="1,2 3,4"/></svg>',
    "other xml": b"<Annotations><note/></Annotations>",
    "annotations": b"<annotations><image id='0' name='cvat'/></annotations>",
    "zip": b"PK\x03\x04" + bytes(60),
    "png": b"\x89PNG\r\n\x1a\n" + bytes(60),
    "tiff": b"II*\0\x08\0\0\0" + bytes(200),
    "dicom preamble only": bytes(128) + b"DICM",
    "mostly zero": bytes(5000),
    "bomb": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "cc">]><a>&b;</a>',
    "cut": b'<?xml version="1.0"?><Annot',
}


@pytest.mark.parametrize("own", NAMES)
def test_a_file_that_we_wrote_is_known_by_its_own_format_only(own: str) -> None:
    for shapes in (EVERY_SHAPE, EVERY_SHAPE[:1], []):
        content, _ = written(built_in(own), Document({IMAGE.id: shapes}))
        for name in NAMES:
            for file_name in (f"file{built_in(own).extension}", "file")[: 2 if shapes else 1]:
                score = built_in(name).sniff(content[:HEAD], file_name)
                assert (score >= CERTAIN) == (name == own), (name, file_name, score)
                assert name == own or score < POSSIBLE


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("name", NAMES)
def test_files_of_other_formats_are_not_taken_for_ours(name: str, other: str) -> None:
    format_ = built_in(name)
    assert format_.sniff(OTHERS[other], f"file{format_.extension}") < POSSIBLE


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("name", ["aperio-xml", "asap-xml", "ndpa", "ome-xml"])
def test_other_encodings_are_known_and_read(name: str, encoding: str) -> None:
    format_ = built_in(name)
    content, _ = written(format_, Document({IMAGE.id: EVERY_SHAPE[1:2]}))
    text = content.decode().replace("µ", "u")
    declared = {"utf-8-sig": "utf-8", "utf-16": "UTF-16", "latin-1": "ISO-8859-1"}[encoding]
    start = text.index("?>")
    changed = f'<?xml version="1.0" encoding="{declared}"{text[start:]}'.encode(encoding)
    assert format_.sniff(changed[:HEAD], "x") >= CERTAIN
    assert len(read(format_, changed)[0]) == 1


@pytest.mark.data
def test_real_files_are_known_by_one_format_at_most(shared_data: Path) -> None:
    ours = {
        "sliderunner": "02-cytology-mitosis/tables/*.sqlite",
        "dicom-ann": "01-wsi/dicom-tiny/sm_annotations.dcm",
        "dicom-seg": "01-wsi/dicom-tiny/seg_*.dcm",
        "ome-xml": "01-wsi/frames/*.ome.tif",
    }
    own = {path: name for name, pattern in ours.items() for path in shared_data.glob(pattern)}
    assert len(own) >= 15
    others = [
        *shared_data.glob("01-wsi/annotations/*"),
        *shared_data.glob("01-wsi/dicom-tiny/sm_image*.dcm"),
        *shared_data.glob("01-wsi/*.*"),
        *shared_data.glob("02-cytology-mitosis/bccd/Annotations/*.xml"),
        *shared_data.glob("02-cytology-mitosis/tables/*.json"),
        *shared_data.glob("02-cytology-mitosis/tables/*.csv"),
        *shared_data.glob("02-cytology-mitosis/exact-study-2020/**/*.txt"),
        *shared_data.glob("04-satellite/deepforest/*"),
    ]
    for path in [*own, *(each for each in others if each.is_file())]:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
        scores = {name: built_in(name).sniff(head, path.name) for name in NAMES}
        for name, score in scores.items():
            assert (score >= CERTAIN) == (own.get(path) == name), (path.name, name, score)
            assert score == 0 or own.get(path) == name, (path.name, name, score)
