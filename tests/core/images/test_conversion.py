"""Pictures without smaller versions become pyramids."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Picture

from exact_core.api.context import Actor
from exact_core.images.service import read_again
from exact_core.jobs.runner import JobRunner
from exact_core.jobs.serve import as_environment
from exact_core.jobs.service import cancel_job
from exact_core.services import Services
from exact_core.tiles.frames import Frame
from exact_core.tiles.served_images import slide_of
from tests.core.images.instance import all_images, all_jobs, everything_below, image_row, run_jobs, wait_until
from tests.core.images.test_importing import imported

SYSTEM = Actor.system()


@pytest.fixture
def services(services: Services) -> Services:
    """Small pictures count as large, so that tests are fast."""
    services.settings = services.settings.model_copy(update={"convert_side": 600})
    return services


def descendants(pid: int) -> set[int]:
    """Processes that a process started, and those that they started."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def only_image(services: Services, image_set: int):
    return all_images(services, image_set)[0]


def region(services: Services, image, x: int, y: int, width: int, height: int) -> np.ndarray:
    return services.decoder.region_now(slide_of(image, services.blobs), Frame(), x, y, width, height)


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("a.png", "RGB", {}),
        ("a.jpg", "RGB", {"quality": 95, "progressive": True}),
        ("grey.png", "L", {}),
        ("alpha.png", "RGBA", {}),
        ("palette.png", "P", {}),
        ("cmyk.jpg", "CMYK", {"quality": 95}),
        ("a.webp", "RGB", {"lossless": True}),
        ("a.bmp", "RGB", {}),
        ("strips.tif", "RGB", {}),
    ],
)
def test_a_large_picture_becomes_a_pyramid_that_shows_the_same(
    services: Services, image_set: int, make_picture: Callable[..., Path], name: str, mode: str, options: dict
):
    path = make_picture(name, width=1300, height=900, seed=7, mode=mode, **options)
    imported(services, image_set, path)
    run_jobs(services)
    image = only_image(services, image_set)
    assert (image.status, image.width, image.height) == ("ready", 1300, 900), image.status_reason
    assert image.pyramid_path.startswith(f"derived/{image.id}/")
    assert image.tile_index_path
    assert len([level for level in image.levels if level["native"]]) >= 3
    expected = np.asarray(Picture.open(path).convert("RGB"), np.int16)[300:556, 500:756]
    shown = region(services, image, 500, 300, 256, 256).astype(np.int16)
    tolerance = 30 if mode == "CMYK" else 4
    assert np.abs(shown - expected).mean() < tolerance


def test_a_small_picture_stays_as_it_is(services: Services, image_set: int, make_picture: Callable[..., Path]):
    imported(services, image_set, make_picture("a.png", width=500, height=400))
    run_jobs(services)
    image = only_image(services, image_set)
    assert (image.status, image.pyramid_path) == ("ready", "")
    assert [job.type for job in all_jobs(services)] == ["core.probe"]


def test_a_turned_photo_is_upright_in_the_pyramid(
    services: Services, image_set: int, make_picture: Callable[..., Path]
):
    path = make_picture("a.jpg", width=1300, height=900, seed=5, quality=95)
    exif = Picture.Exif()
    exif[0x0112] = 6
    Picture.open(path).save(path, exif=exif, quality=95)
    imported(services, image_set, path)
    run_jobs(services)
    image = only_image(services, image_set)
    assert (image.status, image.width, image.height) == ("ready", 900, 1300), image.status_reason
    upright = np.asarray(Picture.open(path).transpose(Picture.Transpose.ROTATE_270), np.int16)[100:300, 100:300]
    assert np.abs(region(services, image, 100, 100, 200, 200).astype(np.int16) - upright).mean() < 5


@pytest.mark.parametrize("dtype", ["uint16", "float32", "uint8"])
def test_deep_samples_and_stacks_keep_their_values_channels_and_frames(
    services: Services, image_set: int, tmp_path: Path, dtype: str
):
    y, x = np.mgrid[0:700, 0:900]
    planes = np.stack([np.stack([(x + 3 * y + 500 * c + 100 * z) % 1000 for z in range(2)]) for c in range(2)])
    data = (planes % 250 if dtype == "uint8" else planes).astype(dtype)
    path = tmp_path / "stack.ome.tif"
    names = {"axes": "CZYX", "Channel": {"Name": ["DAPI", "FITC"]}, "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    tifffile.imwrite(path, data, ome=True, photometric="minisblack", metadata=names)
    imported(services, image_set, path)
    run_jobs(services)
    image = only_image(services, image_set)
    assert (image.status, image.size_c, image.size_z, image.size_t) == ("ready", 2, 2, 1), image.status_reason
    assert [channel["name"] for channel in image.frames["channels"]] == ["DAPI", "FITC"]
    assert image.mpp_x == pytest.approx(0.5)
    with tifffile.TiffFile(services.blobs.resolve(image.pyramid_path)) as file:
        assert np.array_equal(np.squeeze(file.series[0].asarray()), data)
        assert [level.shape[-2:] for level in file.series[0].levels] == [(700, 900), (350, 450)]


def test_a_picture_that_is_cut_off_is_unreadable_and_leaves_nothing(
    services: Services, image_set: int, make_picture: Callable[..., Path]
):
    path = make_picture("a.png", width=1300, height=900, seed=9)
    imported(services, image_set, path)
    data = path.read_bytes()
    one = JobRunner(services)
    job = one._claim()
    assert job is not None
    one._run(job)
    assert only_image(services, image_set).status == "converting"
    path.write_bytes(data[: len(data) // 2])
    run_jobs(services)
    image = only_image(services, image_set)
    assert image.status == "unreadable"
    assert str(path) not in image.status_reason
    assert not [name for name in everything_below(services.blobs.root) if name.startswith(("temporary/", "derived/"))]


def test_a_conversion_that_is_cancelled_leaves_nothing_and_can_be_started_again(
    services: Services, image_set: int, make_picture: Callable[..., Path]
):
    path = make_picture("a.png", width=6000, height=5000, seed=2, compress_level=1)
    imported(services, image_set, path)
    thread = threading.Thread(target=run_jobs, args=(services,), daemon=True)
    thread.start()
    wait_until(lambda: any(job.type == "core.convert" and job.state == "running" for job in all_jobs(services)))
    wait_until(lambda: list(services.blobs.folder("temporary").glob("convert-*/pyramid.tif")))
    cancel_job(services, SYSTEM, next(job.id for job in all_jobs(services) if job.type == "core.convert"))
    started = time.monotonic()
    thread.join(timeout=60)
    assert time.monotonic() - started < 15
    image = only_image(services, image_set)
    assert image.status == "unreadable"
    assert "cancelled" in image.status_reason
    assert not [name for name in everything_below(services.blobs.root) if name.startswith(("temporary/", "derived/"))]
    assert [job.state for job in all_jobs(services)] == ["done", "cancelled"]
    read_again(services, SYSTEM, image_set, [image.id])
    run_jobs(services)
    assert image_row(services, image.id).status == "ready"


def test_a_worker_killed_in_mid_conversion_is_replaced_and_nothing_half_remains(
    services: Services,
    image_set: int,
    make_picture: Callable[..., Path],
):
    path = make_picture("a.png", width=7000, height=6000, seed=2, compress_level=1)
    imported(services, image_set, path)
    environment = {**os.environ, **as_environment(services.settings), "EXACT_SAFE_MODE": "true"}
    worker = subprocess.Popen(
        [sys.executable, "-m", "exact_core", "worker", "--slots", "2"], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: list(services.blobs.folder("temporary").glob("convert-*/pyramid.tif")), 60)
        children = descendants(worker.pid)
        assert len(children) >= 2
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    wait_until(lambda: not any(is_running(child) for child in children), 20)
    assert only_image(services, image_set).status == "converting"
    successor = JobRunner(services)
    assert successor.recover() == 1
    assert successor.run_waiting() == 1
    image = only_image(services, image_set)
    assert (image.status, image.width) == ("ready", 7000)
    job = all_jobs(services)[-1]
    assert (job.state, job.attempts) == ("done", 2)
    left = {name.split("/")[0] for name in everything_below(services.blobs.root)}
    assert "temporary" not in left
    assert len([name for name in everything_below(services.blobs.root) if name.endswith(".tif")]) == 1


def test_a_conversion_that_runs_out_of_memory_fails_with_a_reason(
    services: Services, image_set: int, make_picture: Callable[..., Path]
):
    services.settings = services.settings.model_copy(update={"convert_memory_mib": 40})
    imported(services, image_set, make_picture("a.bmp", width=3000, height=2500))
    run_jobs(services)
    image = only_image(services, image_set)
    assert image.status == "unreadable"
    assert len(image.status_reason) > 30
    assert not [name for name in everything_below(services.blobs.root) if name.startswith(("temporary/", "derived/"))]


def test_processes_that_open_files_of_users_know_no_secret(services: Services, tmp_path: Path):
    from exact_core.images.conversion import _environment

    os.environ["EXACT_SECRET_KEY"] = "do not tell"
    try:
        assert "do not tell" not in json.dumps(_environment(tmp_path))
    finally:
        del os.environ["EXACT_SECRET_KEY"]
