"""Limited processes for the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exact_core.settings import Settings
from exact_core.tiles.decode_pool import DecodePool
from exact_core.tiles.probe import ProbeReport, probe_file
from exact_core.tiles.pyramid import level_from_json
from exact_core.tiles.slide_file import SlideFile, channel_from_json
from exact_core.tiles.worker_process import WorkerProcess


@pytest.fixture(scope="session")
def limits() -> Settings:
    """The limits of ordinary instances."""
    return Settings()


@pytest.fixture(scope="session")
def worker(limits: Settings) -> Iterator[WorkerProcess]:
    """One limited process for all probes."""
    process = WorkerProcess(limits.decode_memory_mib)
    yield process
    process.stop()


@pytest.fixture(scope="session")
def probe(limits: Settings, worker: WorkerProcess) -> Callable[[Path], ProbeReport]:
    """``probe(path)`` examines a file."""
    return lambda path: probe_file(path, limits, worker=worker)


@pytest.fixture(scope="session")
def pool() -> Iterator[DecodePool]:
    """A pool of one process."""
    pool = DecodePool(1, 2048, 20.0)
    yield pool
    pool.close()


@pytest.fixture
def as_slide(probe: Callable[[Path], ProbeReport], tmp_path: Path) -> Callable[[Path], SlideFile]:
    """``as_slide(path)`` probes a file and returns what the pool is told about it."""

    def make(path: Path) -> SlideFile:
        report = probe(path)
        assert not report.unreadable, report.unreadable
        index = tmp_path / f"{path.name}.index"
        if report.tile_index:
            index.write_bytes(report.tile_index)
        return SlideFile(
            key=path.name,
            path=str(path / report.main_file if report.main_file else path),
            driver=report.driver,
            index_path=str(index) if report.tile_index else "",
            channels=tuple(channel_from_json(channel) for channel in report.frames["channels"]),
            levels=tuple(level_from_json(level) for level in report.levels),
        )

    return make
