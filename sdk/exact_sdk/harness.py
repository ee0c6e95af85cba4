"""A real instance for tests: the application, a fresh SQLite database, people, image sets and annotations."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from exact_core.kernel import Kernel
    from exact_core.kernel.discovery import Candidate
    from exact_core.kernel.faults import FaultLog
    from exact_core.services import Services

_ADDRESS = "http://127.0.0.1"
_numbers = itertools.count(1)

MODES = ("cooperative", "competitive", "second_opinion")
"""How the people of an image set work together: on the same shapes, blind to each other, or in rounds of readings."""


class Instance:
    """A running instance with exactly the plugins that a test names.

    Attributes:
        client: An HTTP client with an administrator logged in.
        services: The parts of the instance.
    """

    client: TestClient
    services: Services
    _app: FastAPI

    def __init__(
        self, folder: Path, plugins: Iterable[str] = (), *, administrator: str = "root", **settings: Any
    ) -> None:
        """Prepare an instance; it runs inside a ``with`` block.

        Args:
            folder: A folder for its data: empty, or with the database of an earlier instance.
            plugins: Names of installed plugins to load; a name that is not installed is an error.
            administrator: Login name of the one whom ``client`` acts for, who must not exist yet.
            settings: Values of ``Settings`` that differ from the defaults.
        """
        self._folder = folder
        self._plugins = tuple(plugins)
        self._administrator = administrator
        self._settings = settings
        self._open = ExitStack()

    def __enter__(self) -> Self:
        from starlette.testclient import TestClient

        from exact_core.app import create_app
        from exact_core.settings import Settings

        values = {"data_dir": self._folder, "secret_key": secrets.token_hex(32), **self._settings}
        settings = Settings(**values)
        candidates = _candidates(self._plugins)
        prepare_database(settings.effective_database_url, _schemas(candidates))
        self._app = app = create_app(settings, candidates)
        self.services = app.state.services
        for name in self._plugins:
            record = self.kernel.records[name]
            assert record.state == "loaded", f"plugin {name} is {record.state}: {record.reason}"
        self._open.enter_context(TestClient(app, base_url=_ADDRESS, raise_server_exceptions=False))
        self.client = self._client_of(self._user(self._administrator, is_admin=True))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    @property
    def kernel(self) -> Kernel:
        """The plugin host."""
        return self.services.kernel

    @property
    def faults(self) -> FaultLog:
        """What went wrong in plugins."""
        return self.kernel.faults

    def anonymous(self) -> TestClient:
        """An HTTP client that is not logged in."""
        from starlette.testclient import TestClient

        return TestClient(self._app, base_url=_ADDRESS, raise_server_exceptions=False)

    def as_user(
        self,
        role: str = "",
        image_set: int | None = None,
        name: str = "",
        scopes: Sequence[str] = ("read", "write", "admin"),
    ) -> TestClient:
        """An HTTP client of a new user, with a role in an image set if one is named.

        Args:
            role: ``viewer``, ``annotator``, ``reviewer`` or ``manager``.
            image_set: Where the user has the role.
            name: Login name.
            scopes: What the user's access token may do; without ``write`` it only reads.
        """
        from exact_core.api.contributions import Role
        from exact_core.storage.epochs import raise_epoch
        from exact_core.storage.models import ImageSetMember

        user_id = self._user(name or f"user{next(_numbers)}")
        if role:
            assert image_set is not None, "say in which image set"
            with self.services.database.write() as session:
                session.add(ImageSetMember(image_set_id=image_set, user_id=user_id, role=Role(role)))
                raise_epoch(session, "access")
        return self._client_of(user_id, scopes)

    def image_set(self, name: str = "", *, plugins: Iterable[str] = (), mode: str = "cooperative") -> int:
        """Make an image set with a product of its own; switches the named plugins on.

        Args:
            name: What people read.
            plugins: What is switched on in it.
            mode: One of ``MODES``.

        Raises:
            ValueError: There is no such mode.
        """
        if mode not in MODES:
            raise ValueError(f"there is no mode {mode!r} of image sets; choose among: {', '.join(MODES)}")
        from exact_core.storage.epochs import raise_epoch
        from exact_core.storage.models import ImageSet, ImageSetProduct, Product, Team

        number = next(_numbers)
        with self.services.database.write() as session:
            team = Team(name=f"team {number}", folded_name=f"team {number}")
            session.add(team)
            session.flush()
            image_set = ImageSet(team_id=team.id, name=name or f"set {number}", mode=mode)
            product = Product(team_id=team.id, name=f"product {number}")
            session.add_all([image_set, product])
            session.flush()
            session.add(ImageSetProduct(image_set_id=image_set.id, product_id=product.id))
            raise_epoch(session, "access")
            made = image_set.id
        for plugin in plugins:
            self.switch(plugin, made, enabled=True)
        return made

    def image(self, image_set: int, width: int = 40_000, height: int = 30_000, **values: Any) -> int:
        """Make a ready image without pixels."""
        from exact_core.storage.epochs import raise_epoch
        from exact_core.storage.models import Image

        number = next(_numbers)
        known = {"name": f"image-{number}", "file_path": f"images/{number}/none.tif", "content_version": f"v{number}"}
        with self.services.database.write() as session:
            image = Image(image_set_id=image_set, status="ready", width=width, height=height, **{**known, **values})
            session.add(image)
            session.flush()
            raise_epoch(session, "images")
            return image.id

    def picture(self, image_set: int, path: Path) -> int:
        """Add a picture of this machine to an image set, as ``exact import`` does, and read it at once."""
        from exact_core.api.context import Actor
        from exact_core.images.importing import find_pictures, import_pictures
        from exact_core.images.probing import Prober
        from exact_core.storage.models import Image

        found = find_pictures(self.services, [path])
        (outcome,) = import_pictures(self.services, Actor.system(), image_set, found.groups)
        assert outcome.image is not None, f"{path} was not added: {outcome.reason}"
        with self.services.database.read() as session:
            image = session.get_one(Image, outcome.image)
        prober = Prober(self.services)
        try:
            reason = prober.read(image)
        finally:
            prober.write()
            prober.close()
        with self.services.database.read() as session:
            status = session.get_one(Image, outcome.image).status
        assert status == "ready", f"{path} is {status}: {reason}"
        return outcome.image

    def run_jobs(self) -> list[dict[str, Any]]:
        """Run every job that waits, in this process; every job of the instance with its result, oldest first."""
        from exact_core.jobs.runner import JobRunner

        JobRunner(self.services).run_waiting()
        numbers = sorted(job["id"] for job in self.client.get("/api/v2/jobs").json()["items"])
        return [self.client.get(f"/api/v2/jobs/{number}").json() for number in numbers]

    def annotation_type(
        self, image_set: int, name: str, *, color: str = "", shapes: Iterable[str] | None = None
    ) -> int:
        """The annotation type of that name in the image set's product; made when it is not there.

        Args:
            image_set: Where it is used.
            name: What annotators read.
            color: ``#rrggbb``; without it the one that every new type has.
            shapes: How it may be drawn; without them in every way.
        """
        from sqlalchemy import select

        from exact_core.api.contributions import Shape
        from exact_core.storage.models import AnnotationType, ImageSetProduct

        with self.services.database.write() as session:
            products = select(ImageSetProduct.product_id).where(ImageSetProduct.image_set_id == image_set)
            found = session.scalar(
                select(AnnotationType.id).where(AnnotationType.product_id.in_(products), AnnotationType.name == name)
            )
            if found is not None:
                return found
            product_id = session.scalars(products).first()
            known = [shape.value for shape in Shape] if shapes is None else list(shapes)
            look = {"color": color} if color else {}
            made = AnnotationType(product_id=product_id, name=name, shapes=known, **look)
            session.add(made)
            session.flush()
            return made.id

    def annotate(
        self,
        image: int,
        type_name: str,
        *,
        box: Sequence[int] | None = None,
        point: Sequence[int] | None = None,
        polygon: Sequence[Sequence[int]] | None = None,
        line: Sequence[Sequence[int]] | None = None,
        client: TestClient | None = None,
    ) -> int:
        """Draw one shape as a client does; returns the annotation's id."""
        if box is not None:
            geometry: dict[str, Any] = {"shape": "box", "points": [list(box[:2]), list(box[2:])]}
        elif point is not None:
            geometry = {"shape": "point", "points": [list(point)]}
        elif line is not None:
            geometry = {"shape": "line", "points": [list(each) for each in line]}
        else:
            assert polygon is not None, "say box, point, polygon or line"
            geometry = {"shape": "polygon", "points": [list(each) for each in polygon]}
        type_id = self.annotation_type(self._set_of(image), type_name)
        operation = {"op": "create", "uuid": str(uuid4()), "type_id": type_id, "geometry": geometry}
        answer = (client or self.client).post(
            f"/api/v2/images/{image}/annotation-changes", json={"operations": [operation]}
        )
        assert answer.status_code < 300, f"the shape was refused: {answer.text}"
        return int(answer.json()["annotations"][0]["id"])

    def switch(self, plugin: str, image_set: int, **change: Any) -> dict[str, Any]:
        """Switch a plugin in an image set as an administrator: ``enabled=``, ``required=``, ``settings=``."""
        answer = self.client.put(f"/api/v2/image-sets/{image_set}/plugins/{plugin}", json=change)
        assert answer.status_code == 200, f"the switch was refused: {answer.text}"
        state: dict[str, Any] = answer.json()
        return state

    def settings_for(self, plugin: str, image_set: int, **settings: Any) -> dict[str, Any]:
        """Switch a plugin on in an image set with these settings."""
        return self.switch(plugin, image_set, enabled=True, settings=settings)

    def routes(self, plugin: str, image_set: int | None = None) -> str:
        """The address below which a plugin's routes live, in an image set or in the whole instance."""
        place = "/api/v2" if image_set is None else f"/api/v2/image-sets/{image_set}"
        return f"{place}/plugins/{plugin}"

    def _set_of(self, image: int) -> int:
        from exact_core.storage.models import Image

        with self.services.database.read() as session:
            found = session.get(Image, image)
            assert found is not None, f"there is no image {image}"
            return found.image_set_id

    def _user(self, name: str, *, is_admin: bool = False) -> int:
        from exact_core.storage.epochs import raise_epoch
        from exact_core.storage.models import User

        with self.services.database.write() as session:
            user = User(name=name, folded_name=name.casefold(), display_name=name.title(), is_admin=is_admin)
            session.add(user)
            session.flush()
            raise_epoch(session, "access")
            return user.id

    def _client_of(self, user_id: int, scopes: Sequence[str] = ("read", "write", "admin")) -> TestClient:
        from starlette.testclient import TestClient

        from exact_core.auth.credentials import make_token

        with self.services.database.write() as session:
            _, token = make_token(session, user_id, "test", scopes, days=1)
        # The life of the application belongs to the client that was entered; this one only makes requests.
        headers = {"Authorization": f"Bearer {token}"}
        return TestClient(self._app, base_url=_ADDRESS, raise_server_exceptions=False, headers=headers)


_migrated: list[bytes] = []
"""The SQLite file of an instance in which nothing happened yet: reading it is quicker than making it again."""


def prepare_database(url: str, schemas: list[Any]) -> None:
    """Bring a database to the schema of the core and of plugins; a new SQLite file is copied where that is quicker."""
    from exact_core.storage import migrate
    from exact_core.storage.database import Database

    path = Path(url.removeprefix("sqlite:///"))
    is_new_file = url.startswith("sqlite:///") and not path.exists()
    if is_new_file and _migrated:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_migrated[0])
    if schemas or not (is_new_file and _migrated):
        database = Database(url)
        migrate.upgrade(database, schemas)
        if is_new_file and not schemas and not _migrated:
            with database.engine.connect() as connection:
                connection.exec_driver_sql("COMMIT")  # a checkpoint must run outside of a transaction
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.exec_driver_sql("BEGIN")
            _migrated.append(path.read_bytes())
        database.dispose()


def _candidates(names: Sequence[str]) -> list[Candidate]:
    from exact_core.kernel.discovery import discover

    found = [candidate for candidate in discover() if candidate.name in names]
    missing = sorted(set(names) - {candidate.name for candidate in found})
    assert not missing, f"not installed: {', '.join(missing)}"
    return found


def _schemas(candidates: list[Candidate]) -> list[Any]:
    from exact_core.kernel import Kernel
    from exact_core.storage import migrate

    return migrate.plugin_schemas(Kernel(candidates=candidates).index.schemas())
