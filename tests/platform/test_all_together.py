"""Our plugins come and go in any order, each alone and all together, and the core and its data stay whole."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any

import pytest
from exact_sdk.harness import Instance
from starlette.testclient import TestClient

from exact_core.app import create_app
from exact_core.kernel import Kernel
from exact_core.kernel.discovery import Candidate, discover
from exact_core.settings import Settings
from exact_core.storage import migrate
from exact_core.storage.database import Database

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(path.parent.name for path in (ROOT / "plugins").glob("*/pyproject.toml"))
_SOME = 3


def orders() -> list[tuple[str, ...]]:
    """Every order of a few; of many each one first, forwards and backwards."""
    if len(NAMES) <= _SOME:
        return list(itertools.permutations(NAMES))
    turned = [(*NAMES[place:], *NAMES[:place]) for place in range(len(NAMES))]
    return [each for order in turned for each in (order, order[::-1])]


class World:
    """One data folder that is served with different plugins, one set of them after the other."""

    def __init__(self, folder: Path) -> None:
        with Instance(folder, secret_key="k" * 40) as first:
            self.settings: Settings = first.services.settings
            self.headers = {"Authorization": first.client.headers["authorization"]}
            self.image_set = first.image_set("kept")
            self.image = first.image(self.image_set)
            first.annotate(self.image, "Cell", box=(10, 10, 60, 60))
            first.annotate(self.image, "Cell", polygon=[(100, 100), (200, 100), (150, 200)])
        with self.served(()) as client:
            self.before = self.core_facts(client)

    def copied(self, folder: Path) -> World:
        """The same in another folder."""
        shutil.copytree(self.settings.data_dir, folder)
        other = copy(self)
        # Made anew: a copy would keep the address of the first database.
        other.settings = Settings(data_dir=folder, secret_key=self.settings.secret_key)
        return other

    @contextmanager
    def served(self, names: Sequence[str]) -> Iterator[TestClient]:
        candidates = [each for each in discover() if each.name in names]
        upgrade(self.settings, candidates)
        app = create_app(self.settings, candidates)
        with TestClient(app, base_url="http://127.0.0.1", headers=self.headers) as client:
            states = {each["name"]: each for each in self.read(client, "/plugins")}
            assert {name: states[name]["state"] for name in names} == dict.fromkeys(names, "loaded")
            yield client

    def core_facts(self, client: TestClient) -> dict[str, Any]:
        """What no plugin may change."""
        assert client.get("/readyz").status_code == 200
        places = f"/images/{self.image}/annotations", f"/image-sets/{self.image_set}", f"/images/{self.image}"
        return {place: self.read(client, place) for place in places}

    def running(self, client: TestClient) -> set[str]:
        """Plugins that are on in the set and work."""
        found = self.read(client, f"/image-sets/{self.image_set}/plugins")
        assert {each["name"] for each in found if each["enabled"] and not each["is_running"]} == {
            each["name"] for each in found if each["state"] == "missing"
        }
        return {each["name"] for each in found if each["is_running"]}

    @staticmethod
    def read(client: TestClient, path: str) -> Any:
        answer = client.get(f"/api/v2{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()


def upgrade(settings: Settings, candidates: list[Candidate]) -> None:
    """What `exact db upgrade` does."""
    database = Database(settings.effective_database_url)
    migrate.upgrade(database, migrate.plugin_schemas(Kernel(candidates=candidates).index.schemas()))
    database.dispose()


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The world before any plugin came."""
    return World(tmp_path_factory.mktemp("untouched") / "data")


@pytest.mark.parametrize("order", orders(), ids="-".join)
def test_plugins_come_and_go_in_any_order(untouched: World, tmp_path: Path, order: tuple[str, ...]) -> None:
    world = untouched.copied(tmp_path / "data")
    for count in range(1, len(order) + 1):
        with world.served(order[:count]) as client:
            name = order[count - 1]
            assert world.running(client) == set(order[: count - 1])
            answer = client.put(f"/api/v2/image-sets/{world.image_set}/plugins/{name}", json={"enabled": True})
            assert answer.status_code == 200, answer.text
            assert world.core_facts(client) == world.before
    for count in range(1, len(order) + 1):
        left = order[count:]
        with world.served(left) as client:
            assert world.core_facts(client) == world.before
            assert world.running(client) == set(left)
    with world.served(order) as client:  # what is installed again finds its place as it was
        assert world.running(client) == set(order)
        assert client.get("/api/openapi.json").status_code == 200
        version = client.post(f"/api/v2/image-sets/{world.image_set}/versions", json={"name": "all of them"})
        assert version.status_code == 201, version.text
        drawn = world.before[f"/images/{world.image}/annotations"]["items"][0]
        operation = {"op": "delete", "id": drawn["id"], "base_revision": drawn["revision"]}
        answer = client.post(f"/api/v2/images/{world.image}/annotation-changes", json={"operations": [operation]})
        assert answer.status_code == 200, answer.text
        faults = world.read(client, "/plugin-faults")
        assert faults == []
