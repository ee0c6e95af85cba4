"""What plugins cost: an author's look at one, its routes beside the core's, and the start of a server with ten."""

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from exact_sdk.fakedist import FakeDistributions
from exact_sdk.harness import Instance
from fastapi import APIRouter, FastAPI

from exact_core.api.deps import ImageSetAccess
from exact_core.web.route_index import RouteIndex

PLUGINS, STARTS, ROUNDS, REQUESTS = 10, 5, 15, 60
_SOURCE = """
    from fastapi import APIRouter
    from pydantic import BaseModel, ConfigDict
    from sqlalchemy import Column, Integer
    from exact_core.api import *
    from exact_core.api.deps import ImageSetAccess
    from exact_core.api.tables import plugin_base

    Base = plugin_base("{name}")

    class Row(Base):
        __tablename__ = "{name}_row"
        id = Column(Integer, primary_key=True)

    class Settings(BaseModel):
        model_config = ConfigDict(extra="forbid")
        minimum: int = 3

    router = APIRouter()

    @router.get("/formats")
    def formats(access: ImageSetAccess) -> list[str]:
        return ["one", "two"]

    @router.get("/images/{{image_id}}/score")
    def score(access: ImageSetAccess, image_id: int) -> int:
        return image_id

    @hookimpl
    def exact_plugin_info(): return PluginInfo("{name}", settings=Settings)

    @hookimpl
    def exact_routers(): return [PluginRouter(router)]

    @hookimpl
    def exact_schema(): return PluginSchema(Base.metadata, "exact_{name}.migrations")

    @hookimpl
    def exact_frontend():
        return Frontend(entry="index.js", panels=(Panel("{name}.main", "Main", Slot.VIEWER_RIGHT),))

    @hookimpl
    def exact_statistics(region, settings): return []

    @hookimpl
    def exact_annotations_changed(changes): pass
"""
_MIGRATION = """
    import sqlalchemy as sa
    from alembic import op
    revision = "0001"
    down_revision = None
    def upgrade(): op.create_table("{name}_row", sa.Column("id", sa.Integer, primary_key=True))
    def downgrade(): op.drop_table("{name}_row")
"""
_START = """
import sys
sys.path.insert(0, {folder!r})
from pathlib import Path
from starlette.testclient import TestClient
from exact_core.app import create_app
from exact_core.kernel.discovery import discover
from exact_core.settings import Settings
names = {names!r}
app = create_app(Settings(data_dir=Path({data!r}), secret_key="k" * 40), [c for c in discover() if c.name in names])
assert sum(record.state == "loaded" for record in app.state.services.kernel.plugins()) >= len(names)
with TestClient(app, base_url="http://127.0.0.1") as client:
    assert client.get("/readyz").status_code == 200
    assert client.get("/api/v2/image-sets").status_code == 401
"""


def run() -> list[dict[str, object]]:
    """Measure with ten plugins, each with routes, a table, settings, a panel and two hooks that listen."""
    names = [f"bench{number}" for number in range(PLUGINS)]
    with TemporaryDirectory() as name, FakeDistributions(Path(name) / "dists") as distributions:
        for plugin in names:
            files = {
                "migrations/__init__.py": "",
                "migrations/0001_first.py": _MIGRATION.format(name=plugin),
                "static/index.js": "export default function activate() {}\n",
            }
            distributions.add(plugin, _SOURCE.format(name=plugin), files=files)
        folder = Path(name)
        return [_route_figure(folder / "with", names), _start_figure(folder, names), _check_figure()]


def _route_figure(folder: Path, names: list[str]) -> dict[str, object]:
    """CPU time of a request to the last plugin, beyond one to the same function as a route of the core."""
    with Instance(folder, names) as instance:
        app = instance.client.app
        assert isinstance(app, FastAPI)
        app.include_router(_same_in_core(), prefix="/api/v2/image-sets/{image_set_id}/core")
        app.router.middleware_stack = RouteIndex(app.router)  # made anew: it looks at the routes once
        image_set = instance.image_set(plugins=names)
        core = f"/api/v2/image-sets/{image_set}/core/formats"
        own = f"{instance.routes(names[-1], image_set)}/formats"
        found = _interleaved({"core": lambda: _ask(instance, core), "plugin": lambda: _ask(instance, own)})
    more = (found["plugin"] - found["core"]) * 1000
    return {
        "name": "a plugin's route beyond one of the core, 10 plugins",
        "value": round(more, 3),
        "unit": "ms",
        "bar": "< 1",
        "holds": more < 1,
        "core_ms": round(found["core"] * 1000, 3),
        "plugin_ms": round(found["plugin"] * 1000, 3),
    }


def _same_in_core() -> APIRouter:
    router = APIRouter()

    @router.get("/formats")
    def formats(access: ImageSetAccess) -> list[str]:
        return ["one", "two"]

    return router


def _ask(instance: Instance, path: str) -> None:
    answer = instance.client.get(path)
    assert answer.status_code == 200, answer.text


def _interleaved(works: dict[str, Callable[[], None]]) -> dict[str, float]:
    """CPU seconds of each, the median over rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            started = time.process_time()
            for _ in range(REQUESTS):
                work()
            seconds[name].append((time.process_time() - started) / REQUESTS)
    return {name: statistics.median(values) for name, values in seconds.items()}


def _start_figure(folder: Path, names: list[str]) -> dict[str, object]:
    """CPU time from nothing to the first answers, in new processes, with ten plugins and with none."""
    with Instance(folder / "without"):
        pass
    data = {True: folder / "with", False: folder / "without"}
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(STARTS):
        for has_plugins, place in data.items():
            script = _START.format(folder=str(folder / "dists"), names=names if has_plugins else [], data=str(place))
            seconds[has_plugins].append(_cpu_of([sys.executable, "-c", script]))
    with_them, without = (statistics.median(seconds[key]) for key in (True, False))
    ratio = with_them / without
    return {
        "name": "server start, 10 plugins / none",
        "value": round(ratio, 2),
        "unit": "x",
        "bar": "< 2",
        "holds": ratio < 2,
        "with_s": round(with_them, 3),
        "without_s": round(without, 3),
    }


def _cpu_of(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, timeout=120)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _check_figure() -> dict[str, object]:
    """The command as its author waits for it, on a real plugin."""
    seconds = []
    for _ in range(STARTS):
        started = time.perf_counter()
        command = [sys.executable, "-m", "exact_core", "plugin", "check", "eiph_score", "--json"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        seconds.append(time.perf_counter() - started)
        assert json.loads(answer.stdout)["checks"] > 20
    value = statistics.median(seconds)
    return {
        "name": "exact plugin check eiph_score",
        "value": round(value, 2),
        "unit": "s",
        "bar": "< 3",
        "holds": value < 3,
    }
