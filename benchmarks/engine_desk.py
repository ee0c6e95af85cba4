"""An instance of EXACT with one image set and one annotator, for the engine's benchmark."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from benchmarks.engine_cpu import Meter
from benchmarks.engine_shapes import CLASSES, HEIGHT, WIDTH
from exact_core.annotations import bulk
from exact_core.annotations.access import rights_in
from exact_core.annotations.packing import Columns
from exact_core.annotations.scope import ReadScope, read_scope
from exact_core.annotations.service import Annotations
from exact_core.annotations.writing import Create, Update
from exact_core.api.context import Actor
from exact_core.app import ExactApp, create_app
from exact_core.auth.credentials import make_token
from exact_core.settings import Settings
from exact_core.storage import migrate
from exact_core.storage.database import Database
from exact_core.storage.idempotency import Repeat
from exact_core.storage.models import AnnotationType, Image, ImageSet, ImageSetProduct, Product, Team, TeamMember, User
from exact_core.storage.unit_of_work import UnitOfWork
from exact_core.versioning.service import create_version


class Desk:
    """The whole application without plugins; its user leads the team that owns the set."""

    def __init__(self, folder: Path, url: str, meter: Meter) -> None:
        settings = Settings(data_dir=folder, database_url=url)
        database = Database(settings.effective_database_url)
        migrate.upgrade(database)
        database.dispose()
        self.app: ExactApp = create_app(settings, candidates=())
        self.services = self.app.state.services
        self.database: Database = self.services.database
        self.meter = meter
        with self.database.write() as session:
            self._fill(session)
        self.annotations = Annotations(self.database, self.services.kernel.hooks, self.actor)

    def _fill(self, session: Session) -> None:
        user = User(name="bench", folded_name="bench")
        team = Team(name="bench", folded_name="bench")
        session.add_all([user, team])
        session.flush()
        image_set = ImageSet(team_id=team.id, name="bench")
        product = Product(team_id=team.id, name="bench")
        session.add_all([image_set, product, TeamMember(team_id=team.id, user_id=user.id, is_lead=True)])
        session.flush()
        session.add(ImageSetProduct(image_set_id=image_set.id, product_id=product.id))
        names = [f"class {number}" for number in range(CLASSES)]
        kinds = [AnnotationType(product_id=product.id, name=name, shapes=["polygon", "box"]) for name in names]
        session.add_all(kinds)
        session.flush()
        self.type_ids = np.array([kind.id for kind in kinds])
        self.image_set_id = image_set.id
        self.actor = Actor(user.id, "bench")
        _, self._token = make_token(session, user.id, "bench", ("read", "write", "admin"), None)

    def close(self) -> None:
        """Close what is open."""
        self.services.decoder.close()
        self.services.jobs.close()
        self.database.dispose()

    def image(self, number: int) -> int:
        """Add an image."""
        with self.database.write() as session:
            facts = {"file_path": "-", "status": "ready", "width": WIDTH, "height": HEIGHT}
            image = Image(image_set_id=self.image_set_id, name=str(number), **facts)
            session.add(image)
            session.flush()
            return image.id

    def settle(self) -> None:
        """Let the engine see how much there is, as its own background work does in time."""
        with self.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
        self.checkpoint()

    def checkpoint(self) -> None:
        """End PostgreSQL's work in the background, or its processor time is counted with what comes next."""
        if self.database.dialect == "postgresql":
            with self.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("CHECKPOINT")

    def add(self, image_id: int, columns: Columns, classes: Any) -> None:
        """All shapes at once, through the public way."""
        self.annotations.bulk_create(image_id, bulk.NewShapes(columns, self.type_ids[classes]))

    def draw(self, image_id: int, x: int) -> int:
        """Draw one box, as the viewer does; gives its number."""
        geometry = {"shape": "box", "points": [[x, 10], [x + 30, 40]]}
        create = Create(str(uuid.uuid4()), int(self.type_ids[0]), geometry)
        body = self.annotations.apply(image_id, [create], "", Repeat(self.actor, None))
        return int(body.partition(b'"id":')[2].partition(b",")[0])

    def move(self, image_id: int, annotation_id: int, x: int) -> None:
        """Move a box to another place."""
        geometry = {"shape": "box", "points": [[x, 30], [x + 30, 60]]}
        self.annotations.apply(image_id, [Update(annotation_id, None, geometry=geometry)], "", Repeat(self.actor, None))

    def move_all(self, image_id: int, ids: Sequence[int]) -> None:
        """Move many shapes in one request; each becomes a box."""
        updates = []
        for number, id_ in enumerate(ids):
            x = number * 23 % (WIDTH - 100)
            updates.append(Update(id_, None, geometry={"shape": "box", "points": [[x, 90], [x + 30, 120]]}))
        self.annotations.apply(image_id, updates, "", Repeat(self.actor, None))

    def version(self, name: str) -> int:
        """Make a version; gives its revision."""
        with UnitOfWork(self.database, self.services.kernel.hooks, self.actor) as uow:
            return create_version(self.services, uow, self.image_set_id, name).revision

    def scope(self, session: Session, image_id: int) -> ReadScope:
        """What the user sees of an image."""
        return read_scope(session, self.actor, image_id, rights_in(session))

    @contextmanager
    def requests(self) -> Iterator[Callable[[str], bytes]]:
        """Requests to the whole application in this process, without a network and without a client's work."""
        runner = asyncio.Runner()
        headers = [
            (b"host", b"127.0.0.1"),
            (b"authorization", f"Bearer {self._token}".encode()),
            (b"accept-encoding", b"zstd"),
        ]

        async def ask(address: str) -> bytes:
            path, _, query = address.partition("?")
            scope = {
                "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
                "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
                "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000), "state": {},
            }  # fmt: skip
            sent: list[Any] = []

            async def receive() -> dict[str, Any]:
                return {"type": "http.request", "body": b"", "more_body": False}

            async def send(message: Any) -> None:
                sent.append(message)

            await self.app(scope, receive, send)
            body = b"".join(message.get("body", b"") for message in sent)
            if sent[0]["status"] != 200:
                raise RuntimeError(f"{address} was answered {sent[0]['status']}: {body[:300]!r}")
            return body

        with runner:
            yield lambda address: runner.run(ask(address))
