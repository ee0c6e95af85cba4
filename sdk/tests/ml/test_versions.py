"""The data of a version, through the API and from a file: the same, whole, and noticed when it differs."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from exact_sdk.harness import Instance
from exact_sdk.ml import store, versions
from exact_sdk.ml.card import Card, Measured, TrainedOn
from exact_sdk.ml.manifest import Annotation, ManifestImage
from exact_sdk.ml.targets import IGNORE, inside, outline_of, pixel_labels
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon, contains_xy

from exact_core.api.errors import Conflict, Invalid, Unavailable
from exact_core.models.files import check_folder

pytestmark = pytest.mark.xdist_group("ml-version")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with Instance(tmp_path_factory.mktemp("versions")) as app:
        image_set = app.image_set("Lung")
        first, second = app.image(image_set, width=400, height=300), app.image(image_set)
        app.annotate(first, "Tumour", box=(10, 20, 110, 120))
        app.annotate(first, "Other", polygon=[(30, 30), (60, 30), (60, 60)])
        app.annotate(second, "Tumour", point=(5, 5))
        api = app.client
        api.post(f"/api/v2/image-sets/{image_set}/image-actions",
                 json={"action": "tag", "image_ids": [first], "tags": ["patient:12"]})  # fmt: skip
        made = api.post(f"/api/v2/image-sets/{image_set}/versions", json={"name": "v1"}).json()
        pending = api.get(f"/api/v2/versions/{made['id']}/manifest").status_code
        assert pending == 409
        with pytest.raises(Unavailable, match="409"):
            versions.from_version(api, made["id"])
        app.run_jobs()
        yield app, made["id"], first, second


def test_a_version_is_read_with_everything_that_a_training_needs(world):
    app, version, first, second = world
    found = versions.from_version(app.client, version)
    assert (found.version_id, found.name, found.image_set) == (version, "v1", "Lung")
    assert [image.id for image in found.images] == [first, second]
    image = found.images[0]
    assert (image.width, image.height, image.tags, image.is_complete) == (400, 300, ("patient:12",), False)
    box, area = image.annotations
    assert (box.label, box.shape, box.rings, box.verdict) == ("Tumour", "box", (((10, 20), (110, 120)),), "unverified")
    assert (area.label, len(area.rings[0])) == ("Other", 3)
    assert found.counts() == {"Other": 1, "Tumour": 2}
    assert image.for_splitting.values("patient") == {"12"}
    told = TrainedOn.of(found, {first: "train"}, group_key="patient", split_seed=3)
    assert (told.images, told.annotations) == ({"train": 1}, {"train": {"Tumour": 1, "Other": 1}})
    assert told.manifest_sha256 == found.sha256


def test_it_is_the_same_from_a_file_and_a_change_is_refused(world, tmp_path):
    app, version, first, _ = world
    answer = app.client.get(f"/api/v2/versions/{version}/manifest")
    path = tmp_path / "v1.jsonl.gz"
    path.write_bytes(answer.content)
    found = versions.from_file(path, digest=answer.headers["X-Exact-Digest"])
    assert found == versions.from_version(app.client, version)
    assert found.sha256 == hashlib.sha256(b"".join(found.lines())).hexdigest()
    assert found.checked(found.sha256) is found
    whole = found.completed([first])
    assert whole.images[0].is_complete
    assert whole.sha256 != found.sha256
    with pytest.raises(Conflict, match="v1"):
        whole.checked(found.sha256)

    def changed(edit):
        path.write_bytes(gzip.compress(edit(gzip.decompress(answer.content))))
        return path

    with pytest.raises(Invalid, match="signed"):
        versions.from_file(changed(lambda text: text.replace(b"[10,20]", b"[11,20]")), digest=found.content_digest)
    moved = versions.from_file(path)
    assert moved.sha256 != found.sha256
    with pytest.raises(Invalid, match="cut off"):
        versions.from_file(changed(lambda text: b"".join(text.splitlines(keepends=True)[:-1])))
    with pytest.raises(Invalid, match="cut off"):
        versions.from_file(changed(lambda text: b"".join([*text.splitlines(keepends=True)[:4], text.splitlines()[-1]])))
    with pytest.raises(Invalid, match="Line 3"):
        versions.from_file(changed(lambda text: text.replace(b'"checksum"', b'"checksums"')))
    with pytest.raises(Invalid, match="form 3"):
        versions.from_file(changed(lambda text: text.replace(b'"form":2', b'"form":3')))
    path.write_bytes(answer.content[:-9])
    with pytest.raises(Invalid, match="cut off"):
        versions.from_file(path)


def test_a_split_that_is_kept_with_the_version_is_read(world):
    app, version, first, second = world
    made = app.client.post(f"/api/v2/versions/{version}/splits", json={"name": "s", "shares": {"a": 1, "b": 1}})
    assert made.status_code == 201, made.text
    found = versions.split_of(app.client, version, made.json()["id"])
    assert sorted(found) == ["a", "b"]
    assert sorted(found["a"] + found["b"]) == [first, second]
    with pytest.raises(Unavailable, match="404"):
        versions.split_of(app.client, version, 999)


def test_the_server_takes_a_model_of_the_store_and_gives_the_same_bytes_back(world, tmp_path):
    app, version, first, _ = world
    data = versions.from_version(app.client, version)
    card = Card(
        title="Line", kind="my_plugin.line", trained_on=TrainedOn.of(data, {first: "train"}),
        metrics={"macro F1": Measured(value=0.8, ci=(0.7, 0.9))},
    )  # fmt: skip
    store.save(tmp_path / "model", {"weight": np.arange(4.0)}, store.Meta("line", classes=("a", "b"), card=card))
    store.to_zip(tmp_path / "model", tmp_path / "model.zip")
    content = (tmp_path / "model.zip").read_bytes()
    made = app.client.post(
        "/api/v2/models", params={"image_set_id": data.image_set_id, "version_id": version}, content=content
    )
    assert made.status_code == 201, made.text
    told = made.json()
    assert (told["name"], told["kind"], told["labels"]) == ("Line", "my_plugin.line", ["a", "b"])
    assert told["sha256"] == check_folder(tmp_path / "model").sha256
    back = app.client.get(f"/api/v2/models/{told['uuid']}/archive")
    assert (back.status_code, back.content) == (200, content)


def lines(*more):
    facts = {"size_z": 1, "size_t": 1, "size_c": 1, "mpp_x": None, "mpp_y": None, "checksum": "", "name": "i"}
    shape = {"uuid": "u", "shape": "point", "rings": [[[1, 1]]], "holes": [], "frame": [0, 0, -1], "author": 1,
             "claimed_author": "", "type": 1, "image": 1, "revision": 5}  # fmt: skip
    content = {
        "image_set": {"name": "s"},
        "image_tags": {},
        "products": [{"name": "p", "types": [{"id": 1, "name": "A"}]}],
    }
    version = {"form": 2, "id": 1, "name": "v", "image_set_id": 1, "revision": 9, "content_digest": ""}
    return [
        json.dumps({"line": kind, **value}).encode()
        for kind, value in (
            ("version", version), ("content", content),
            ("image", {"id": 1, "width": 9, "height": 9, "review_state": "done", **facts}),
            ("annotation", {"id": 7, **shape}), *more, ("people", {}), ("end", {"images": 1, "annotations": 1}),
        )
    ]  # fmt: skip


def said(verdict, revision, reader=1, state=5):
    return "verification", {"annotation": 7, "reader": reader, "verdict": verdict, "revision": revision, "state": state}


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], "unverified"),
        ([said("accepted", 6)], "accepted"),
        ([said("accepted", 6), said("rejected", 8, 2)], "rejected"),
        ([said("accepted", 8), said("rejected", 6, 2)], "accepted"),
        ([said("accepted", 8), said("rejected", 8, 2)], "rejected"),
        ([said("accepted", 6, state=4)], "outdated"),
    ],
)
def test_the_newest_verdict_on_the_present_state_counts(verdicts, expected):
    found = versions.read_lines(lines(*verdicts))
    assert found.images[0].annotations[0].verdict == expected
    assert found.images[0].is_complete


def shape(number, type_id, kind, *rings, holes=(), verdict="unverified", frame=(0, 0, -1)):
    return Annotation(number, str(number), type_id, str(type_id), "p", kind, rings, holes, frame, verdict=verdict)


def test_what_nobody_looked_at_is_ignored_and_not_background():
    image = ManifestImage(
        1, "i", "", 20, 20,
        annotations=(
            shape(1, 5, "box", ((2, 2), (8, 8))),
            shape(2, 6, "box", ((4, 4), (6, 6))),  # of no class that is trained
            shape(3, 5, "box", ((12, 12), (14, 14)), verdict="rejected"),
            shape(4, 5, "point", ((16, 16),)),
            shape(5, 5, "box", ((17, 17), (19, 19)), frame=(1, 0, -1)),
        ),
    )  # fmt: skip
    expected = np.full((20, 20), IGNORE)
    expected[2:8, 2:8] = 1
    expected[4:6, 4:6] = IGNORE
    np.testing.assert_array_equal(pixel_labels(image, {5: 1}, (0, 0, 20, 20)), expected)
    complete = replace(image, is_complete=True)
    expected[expected == IGNORE] = 0
    expected[4:6, 4:6] = IGNORE
    np.testing.assert_array_equal(pixel_labels(complete, {5: 1}, (0, 0, 20, 20)), expected)
    np.testing.assert_array_equal(pixel_labels(complete, {5: 1}, (3, 1, 10, 9)), expected[1:10, 3:13])
    assert pixel_labels(complete, {5: 1}, (0, 0, 20, 20), with_rejected=True)[13, 13] == 1
    assert pixel_labels(complete, {5: 1}, (0, 0, 20, 20), frame=(1, 0, 0))[18, 18] == 1
    half = pixel_labels(complete, {5: 1, 6: 2}, (0, 0, 10, 10), downsample=2)
    assert (half[1, 1], half[2, 2], half[5, 5]) == (1, 2, 0)
    with pytest.raises(Invalid, match="type 5"):
        pixel_labels(complete, {5: IGNORE}, (0, 0, 20, 20))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_pixels_inside_are_those_whose_middle_shapely_finds_inside(seed, with_hole):
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.random(7)) * 2 * np.pi
    ring = np.stack([12 + 14 * rng.random(7) * np.cos(angle), 9 + 11 * rng.random(7) * np.sin(angle)], axis=1)
    rings = [ring] + ([(ring - ring.mean(0)) * 0.3 + ring.mean(0)] if with_hole else [])
    shell = Polygon(ring)
    if not shell.is_valid or (with_hole and not shell.contains(Polygon(rings[1]))):
        return
    area = Polygon(ring, rings[1:])
    columns, rows = np.meshgrid(np.arange(24) + 0.5, np.arange(18) + 0.5)
    np.testing.assert_array_equal(inside(rings, 24, 18), contains_xy(area, columns, rows))


def test_boxes_and_ellipses_have_the_area_of_their_form():
    assert inside(outline_of(shape(1, 1, "box", ((2, 3), (7, 9)))), 20, 20).sum() == 30
    ellipse = inside(outline_of(shape(1, 1, "ellipse", ((0, 0), (100, 60)))), 100, 60)
    assert ellipse.sum() == pytest.approx(np.pi * 50 * 30, rel=0.01)
