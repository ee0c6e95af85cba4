"""The pool of limited processes: shared work, failures that stay alone, a clean end."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exact_core.api.drivers import UnreadableImage
from exact_core.api.errors import Unavailable
from exact_core.tiles.decode_pool import DecodePool
from exact_core.tiles.frames import Frame
from exact_core.tiles.slide_file import SlideFile
from tests.core.tiles.pictures import tissue, write_jpeg_pyramid

AsSlide = Callable[[Path], SlideFile]


@pytest.fixture
def own_pool() -> Iterator[DecodePool]:
    """A pool whose processes a test may end."""
    pool = DecodePool(2, 1024, 5.0)
    yield pool
    pool.close()


@pytest.fixture
def slide(tmp_path: Path, as_slide: AsSlide) -> SlideFile:
    return as_slide(write_jpeg_pyramid(tmp_path / "slide.tif", tissue(1500, 1700), levels=1))


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_no_process_runs_before_the_first_request(own_pool: DecodePool, slide: SlideFile) -> None:
    assert own_pool.process_ids == ()
    own_pool.tile_now(slide, slide.levels[1], 0, 0, Frame())
    assert len(own_pool.process_ids) == 1


def test_callers_of_the_same_tile_share_one_rendering(own_pool: DecodePool, slide: SlideFile) -> None:
    async def ask() -> list[bytes]:
        return await asyncio.gather(*[own_pool.tile(slide, slide.levels[1], 0, 0, Frame()) for _ in range(2000)])

    tiles = asyncio.run(ask())  # more than may wait, if they were not the same
    assert len(set(tiles)) == 1
    assert len(own_pool.process_ids) <= 2


def test_one_who_leaves_does_not_take_the_tile_from_the_others(own_pool: DecodePool, slide: SlideFile) -> None:
    async def ask() -> bytes:
        first = asyncio.create_task(own_pool.tile(slide, slide.levels[1], 1, 1, Frame()))
        second = asyncio.create_task(own_pool.tile(slide, slide.levels[1], 1, 1, Frame()))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(ask()).startswith(b"\xff\xd8")


def test_too_many_different_requests_are_turned_away(own_pool: DecodePool, slide: SlideFile) -> None:
    async def ask() -> list[object]:
        frames = [own_pool.region(slide, Frame(), x, 0, 16, 16) for x in range(1000)]
        return await asyncio.gather(*frames, return_exceptions=True)

    answers = asyncio.run(ask())
    refused = [answer for answer in answers if isinstance(answer, Unavailable)]
    assert 0 < len(refused) <= 1000 - 512  # some may be done before the last one asks
    assert not [
        answer for answer in answers if isinstance(answer, BaseException) and not isinstance(answer, Unavailable)
    ]


def test_a_process_killed_in_the_middle_fails_its_request_only(own_pool: DecodePool, slide: SlideFile) -> None:
    own_pool.tile_now(slide, slide.levels[1], 0, 0, Frame())
    (pid,) = own_pool.process_ids
    os.kill(pid, signal.SIGSTOP)

    def kill() -> None:
        time.sleep(0.3)
        os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(own_pool.region_now, slide, Frame(), x, 0, 32, 32) for x in range(40)]
        failures = [request.exception() for request in asked if request.exception() is not None]
    killer.join()
    assert [type(failure) for failure in failures] == [UnreadableImage]
    assert own_pool.tile_now(slide, slide.levels[1], 0, 0, Frame()).startswith(b"\xff\xd8")
    assert pid not in own_pool.process_ids


def test_a_request_that_hangs_is_given_up_and_its_process_ended(own_pool: DecodePool, slide: SlideFile) -> None:
    pool = DecodePool(1, 1024, 4.0)  # the first request also starts the process, which a busy machine does slowly
    try:
        pool.tile_now(slide, slide.levels[1], 0, 0, Frame())
        (pid,) = pool.process_ids
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(UnreadableImage, match="longer than 4 seconds"):
            pool.tile_now(slide, slide.levels[1], 1, 0, Frame())
        assert not _is_running(pid)
        assert pool.tile_now(slide, slide.levels[1], 1, 0, Frame()).startswith(b"\xff\xd8")
    finally:
        pool.close()


def test_a_file_that_has_gone_is_a_reason_without_its_path(
    own_pool: DecodePool, slide: SlideFile, tmp_path: Path
) -> None:
    (tmp_path / "slide.tif").unlink()
    with pytest.raises(UnreadableImage) as caught:
        own_pool.region_now(slide, Frame(), 0, 0, 10, 10)
    assert "slide.tif" not in str(caught.value)


def test_many_slides_are_open_in_turn(own_pool: DecodePool, tmp_path: Path, as_slide: AsSlide) -> None:
    slides = [as_slide(write_jpeg_pyramid(tmp_path / f"{n}.tif", tissue(300, 300, n), levels=1)) for n in range(12)]
    for _ in range(2):
        for slide in slides:
            own_pool.region_now(slide, Frame(), 0, 0, 50, 50)
    for pid in own_pool.process_ids:
        opened = [str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()]
        assert len([name for name in opened if str(tmp_path) in name]) <= 2 * 8


def test_closing_ends_the_processes_at_once_even_when_they_work(slide: SlideFile) -> None:
    pool = DecodePool(1, 1024, 60.0)
    pool.tile_now(slide, slide.levels[1], 0, 0, Frame())
    (pid,) = pool.process_ids
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(pool.tile_now, slide, slide.levels[1], 1, 0, Frame())
        time.sleep(0.2)
        started = time.monotonic()
        pool.close()
        assert waiting.exception() is not None
    assert time.monotonic() - started < 5
    assert not _is_running(pid)
    with pytest.raises(Unavailable):
        pool.tile_now(slide, slide.levels[1], 0, 0, Frame())


def test_processes_know_no_secrets(own_pool: DecodePool, slide: SlideFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXACT_SECRET_KEY", "very-secret-" + "0" * 32)
    own_pool.tile_now(slide, slide.levels[1], 0, 0, Frame())
    (pid,) = own_pool.process_ids
    assert b"EXACT_" not in Path(f"/proc/{pid}/environ").read_bytes()
