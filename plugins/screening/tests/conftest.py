"""A running EXACT with screening, on SQLite and on PostgreSQL, for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import numpy as np
import pytest
from exact_sdk.harness import Instance
from PIL import Image as Pictures

from exact_core.storage.models import Image
from tests.conftest import unavailable
from tests.postgres import MissingPostgres, PostgresServer


@pytest.fixture(scope="session")
def screening_postgres() -> Iterator[PostgresServer]:
    try:
        server = PostgresServer()
    except MissingPostgres as error:
        unavailable(str(error))
        raise
    yield server
    server.stop()


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def running(request, tmp_path_factory) -> Iterator[Instance]:
    """One instance for the tests of a module; each makes image sets of its own. No fault is left behind."""
    folder = tmp_path_factory.mktemp("screening")
    if request.param == "sqlite":
        with Instance(folder, ["screening"]) as instance:
            yield instance
            assert not instance.faults.recent()
        return
    server: PostgresServer = request.getfixturevalue("screening_postgres")
    with server.temporary() as name:
        url = server.url_of(name)
        with Instance(folder, ["screening"], database_url=url) as instance:
            yield instance
            assert not instance.faults.recent()


class Place:
    """An image set with screening on, one image, and somebody at it."""

    def __init__(self, app: Instance, mode: str = "cooperative", **image) -> None:
        self.app = app
        self.set = app.image_set(plugins=["screening"], mode=mode)
        values = {"width": 40_000, "height": 30_000, "mpp_x": 0.25, "mpp_y": 0.25, **image}
        self.image = app.image(self.set, **values)
        self.ann = app.as_user("annotator", self.set)
        self.lead = app.as_user("manager", self.set)

    @property
    def address(self) -> str:
        return f"{self.app.routes('screening', self.set)}/images/{self.image}"

    def person(self, role: str = "annotator", name: str = ""):
        return self.app.as_user(role, self.set, name)

    def ask(self, method: str, path: str, body=None, *, client=None, status: int = 200, **query):
        answer = (client or self.ann).request(method, f"{self.address}/{path}", json=body, params=query)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def begin(self, client=None, status: int = 201, **wishes):
        body = {"unit": "px", "field_width": 1000, "field_height": 1000, **wishes}
        return self.ask("POST", "passes", body, client=client, status=status)

    def state(self, client=None):
        return self.ask("GET", "state", client=client)

    def window(self, client=None, name: str = "one") -> Window:
        """A browser window of somebody."""
        return Window(self, client, name)

    def picture(self, tissue: tuple[float, float, float, float] | None) -> None:
        """Give the image a thumbnail: white glass, with a purple rectangle (parts of width and height)."""
        pixels = np.full((768, 1024, 3), 243, np.uint8)
        if tissue:
            x0, y0, x1, y1 = (round(part * size) for part, size in zip(tissue, (1024, 768, 1024, 768), strict=True))
            pixels[y0:y1, x0:x1] = (150, 70, 140)
        file = BytesIO()
        Pictures.fromarray(pixels).save(file, "JPEG", quality=90)
        with self.app.services.database.read() as session:
            version = session.get_one(Image, self.image).content_version
        self.app.services.blobs.write(f"derived/{self.image}/thumbnails/{version}-0.0.rgb-1024.jpg", file.getvalue())


@pytest.fixture(scope="module")
def make_place(running):
    """``make_place(mode="competitive", width=500)`` is an image set with one image and people at it."""
    return lambda **values: Place(running, **values)


class Window:
    """A browser window that goes through a pass."""

    def __init__(self, place: Place, client=None, name: str = "one") -> None:
        self.place, self.client, self.name = place, client or place.ann, name
        self.number, self.revision, self.sequence = 1, 0, 0

    def step(self, status: int = 200, **what):
        self.sequence = what.pop("sequence", self.sequence + 1)
        revision = what.pop("revision", self.revision)
        body = {"browser": self.name, "sequence": self.sequence, "revision": revision, **what}
        answer = self.place.ask("POST", f"passes/{self.number}/steps", body, client=self.client, status=status)
        if status == 200:
            self.revision = answer["revision"]
        return answer

    def finish(self, finished: bool = True):
        answer = self.place.ask("PUT", f"passes/{self.number}/finished", {"finished": finished}, client=self.client)
        self.revision = answer["revision"]
        return answer
