"""The annotation engine beside the layout of the original EXACT: SQLite and PostgreSQL, 10,000 to 1,000,000 shapes.

Everything goes through the public code and SQLAlchemy. Figures are ratios of processor time (this process and the
database's) within one run. ``EXACT_BENCH_SHAPES=10000,100000`` leaves out the largest size, ``EXACT_BENCH_ENGINES``
an engine.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.engine_cpu import Meter
from benchmarks.engine_desk import Desk
from benchmarks.engine_measures import CHANGES, Measures, measure

Figure = dict[str, object]

_ROWS = "JSON rows, as EXACT keeps them"
_FAST = "JSON rows in one statement of the driver, which EXACT does not use"
_MILLION = 1_000_000
_SAVED = "JSON rows saved one by one, as EXACT saves them"
_GROUPED = "the same engine, counted from the rows"


@dataclass(slots=True)
class _Table:
    """Measures of one engine, by number of shapes, and the figures that follow."""

    engine: str
    by_size: dict[int, Measures] = field(default_factory=dict)

    def figures(self) -> Iterator[Figure]:
        """All figures of the engine; those about growth need two sizes."""
        sizes = sorted(self.by_size)
        largest = sizes[-1]
        yield from self._views(sizes)
        yield from self._counts(largest)
        yield from self._versions(largest)
        for size in sizes:
            yield from self._writing(size)
        if len(sizes) > 1:
            yield from self._growth(sizes)
        if 100_000 in sizes:
            yield from self._request(self.by_size[100_000])

    def _views(self, sizes: list[int]) -> Iterator[Figure]:
        for size in sizes:
            least = 300 if self.engine == "postgresql" else 25 if size <= 100_000 else 30
            if size >= 100_000 or size == sizes[-1]:
                yield self._times(f"view of 1 % of the slide, {size:,} shapes", size, "peer view", "view", least)
                yield self._most(
                    f"view as of an old revision / live, {size:,} shapes", self._ratio(size, "past view", "view"), 1.3
                )

    def _counts(self, size: int) -> Iterator[Figure]:
        at = f"{size:,} shapes"
        for name, work, counted in (("overview", "overview", 80), ("counts by type", "counts", 20)):
            least, least_counted = (150, counted) if size >= _MILLION else (None, None)  # bars are those of a million
            yield self._times(f"{name}, {at}", size, f"peer {work}", work, least)
            name = f"{name}, kept / counted, {at}"
            yield self._times(name, size, f"grouped {work}", work, least_counted, _GROUPED)

    def _versions(self, size: int) -> Iterator[Figure]:
        at = f"{size:,} shapes"
        yield self._times(f"create a version, {at}", size, "peer version", "version", 2000, _SAVED)
        yield self._times(f"create a version, {at}, in one statement", size, "peer whole copy", "version", None, _FAST)
        name = f"difference of versions with {CHANGES:,} changes, {at}"
        yield self._times(name, size, "peer diff", "diff", 500 if size >= _MILLION else None)

    def _writing(self, size: int) -> Iterator[Figure]:
        at = f"{size:,} shapes"
        for work, name in (("draw", "one shape drawn"), ("move", "one shape moved")):
            ratio = self._ratio(size, work, "plain insert")
            figure = self._most(f"{name} / plain spatial-index insert, {at}", ratio, 2)
            yield {
                **figure,
                "peer": "a row and its place in the R*Tree or GiST",
                **self._times_of(size, work, "plain insert"),
            }
        yield self._times(f"bulk add through the public API, rows/s, {at}", size, "peer bulk", "bulk", 4, _FAST)
        yield self._times(f"bulk add, rows/s, beside saving, {at}", size, "peer saving", "bulk", 4, _SAVED)

    def _growth(self, sizes: list[int]) -> Iterator[Figure]:
        smallest, middle, largest = sizes[0], sizes[-2], sizes[-1]
        than = f"at {largest:,} / {middle:,} shapes"
        grown = self._per_row(largest) / self._per_row(middle)
        yield self._most(f"view: CPU per returned shape {than}", grown, 1.5)
        for name in ("overview", "counts"):
            yield self._most(f"{name}: time {than}", self._grown(name, largest, middle), 2)
        grown = self._grown("version", largest, smallest)
        yield self._most(f"create a version: time at {largest:,} / {smallest:,} shapes", grown, 3)

    def _request(self, measures: Measures) -> Iterator[Figure]:
        name = "shapes in view as a whole request, 100,000 shapes"
        peer = "the page walk of EXACT's client"
        yield self._times(name, 100_000, "peer walk", "request", 1000, peer)
        count = measures["request queries"]
        figure = self._figure("queries of annotations in that request", count, "<= 1", count <= 1)
        yield {**figure, "unit": "", "statements": measures["request statements"]}
        for name, least in (("encode CPU", 50), ("bytes", 8), ("bytes with zstd", 15)):
            value = measures[f"peer wire {name}"] / measures[f"wire {name}"]
            figure = self._figure(f"wire: {name}, JSON / ours", value, f">= {least}", value >= least)
            yield {**figure, "peer": "EXACT's JSON", "per_shape": round(measures[f"wire {name}"], 7)}

    def _ratio(self, size: int, theirs: str, ours: str) -> float:
        return self.by_size[size][theirs] / max(self.by_size[size][ours], 1e-9)

    def _grown(self, name: str, size: int, smaller: int) -> float:
        return self.by_size[size][name] / self.by_size[smaller][name]

    def _per_row(self, size: int) -> float:
        return self.by_size[size]["view"] / max(1.0, self.by_size[size]["view rows"])

    def _times(self, name: str, size: int, theirs: str, ours: str, least: float | None, peer: str = _ROWS) -> Figure:
        value = self._ratio(size, theirs, ours)
        bar = "none" if least is None else f">= {least:g}"
        figure = self._figure(name, value, bar, None if least is None else value >= least)
        return {**figure, "peer": peer, **self._times_of(size, ours, theirs)}

    def _times_of(self, size: int, ours: str, theirs: str) -> Figure:
        return {
            "ms": round(1000 * self.by_size[size][ours], 3),
            "peer_ms": round(1000 * self.by_size[size][theirs], 3),
        }

    def _most(self, name: str, value: float, most: float) -> Figure:
        return self._figure(name, value, f"<= {most:g}", value <= most)

    def _figure(self, name: str, value: float, bar: str, holds: bool | None) -> Figure:
        shown = round(value, 1) if value >= 10 else round(value, 2)
        return {"name": f"{self.engine}: {name}", "value": shown, "unit": "x", "bar": bar, "holds": holds}


def run() -> Iterator[Figure]:
    """Fill a database of each engine with growing numbers of shapes, and compare."""
    sizes = [int(size) for size in os.environ.get("EXACT_BENCH_SHAPES", "10000,100000,1000000").split(",")]
    for engine in os.environ.get("EXACT_BENCH_ENGINES", "sqlite,postgresql").split(","):
        table = _Table(engine)
        try:
            with _databases(engine) as (url_of, meter):
                for size in sizes:
                    with tempfile.TemporaryDirectory(prefix="exact-bench-") as folder:
                        desk = Desk(Path(folder), url_of(Path(folder)), meter)
                        try:
                            table.by_size[size] = measure(desk, size)
                        finally:
                            desk.close()
        except _NotThere as reason:
            yield {"name": f"{engine}: all figures", "value": None, "unit": "", "bar": str(reason), "holds": None}
            continue
        yield from table.figures()


class _NotThere(Exception):
    """An engine is not installed here."""


@contextmanager
def _databases(engine: str) -> Iterator[tuple[Callable[[Path], str], Meter]]:
    """What gives the address of an empty database, and what measures it."""
    if engine == "sqlite":
        yield lambda folder: f"sqlite:///{folder / 'bench.sqlite3'}", Meter()
        return
    from tests.postgres import MissingPostgres, PostgresServer

    try:
        server = PostgresServer(shared_buffers="1GB")
    except MissingPostgres as reason:
        raise _NotThere(f"not measured: {reason}") from None
    try:
        names = (f"bench_{number}" for number in range(100))

        def fresh(_folder: Path) -> str:
            name = next(names)
            server.create(name)
            return server.url_of(name)

        postmaster = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
        yield fresh, Meter(postmaster)
    finally:
        server.stop()
