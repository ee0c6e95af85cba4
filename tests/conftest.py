"""Fixtures shared by all tests: real databases, a data folder, and rows that read like the domain."""

from __future__ import annotations

import gc
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import URL, Engine

from exact_core.api.context import Actor
from exact_core.app import core_routes, create_app
from exact_core.auth import passwords
from exact_core.auth.credentials import make_token, open_session
from exact_core.auth.keys import SESSION_COOKIE, csrf_token_of
from exact_core.opening import close_services
from exact_core.settings import Settings
from exact_core.storage import database as storage
from exact_core.storage import migrate
from exact_core.storage.database import Database
from exact_core.storage.models import (
    AnnotationType,
    Image,
    ImageSet,
    ImageSetMember,
    ImageSetProduct,
    Product,
    Team,
    TeamMember,
    User,
)
from tests.postgres import MissingPostgres, PostgresServer
from tests.postgres_pool import PostgresPool
from tests.serving import Client, close_loop

REPOSITORY = Path(__file__).resolve().parent.parent
ADDRESS = "http://127.0.0.1:8000"
_numbers = itertools.count(1)
_MANY = 500  # tests of one run
_RARELY = (5_000, 20, 20)  # the collector takes a twelfth of the time when it looks as often as it does by default


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to run where xdist cannot group: each process would make each expensive world for itself."""
    if config.getoption("dist", "no") == "loadgroup" and not hasattr(pytest.Item, "_nodeid"):
        raise pytest.UsageError(
            "pytest-xdist does not group tests with this version of pytest: see requirements-dev.txt"
        )


def pytest_collection_finish(session: pytest.Session) -> None:
    """Spare the garbage collector the modules, the routes and the tests, which stay to the end."""
    if len(session.items) > _MANY:
        core_routes()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_RARELY)


def unavailable(reason: str) -> None:
    """Skip loudly; where nothing may be skipped, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[str]:
    """Hash passwords with little memory and time, as nobody's safety depends on it here; gives a real hash."""
    real_hasher, real_hash = passwords._hasher, passwords._UNKNOWN
    passwords._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    passwords._UNKNOWN = passwords._hasher.hash("the password of nobody")
    yield real_hash
    passwords._hasher, passwords._UNKNOWN = real_hasher, real_hash


@pytest.fixture(scope="session", autouse=True)
def one_event_loop() -> Iterator[None]:
    """Let every test client use one event loop; a thread and a loop for each request cost more than most requests."""
    with start_blocking_portal() as portal:
        TestClient.portal = portal
        yield
        TestClient.portal = None
    close_loop()


@pytest.fixture(scope="session", autouse=True)
def statements_are_compiled_once() -> Iterator[None]:
    """Let the engines of all tests share what SQLAlchemy compiles, which is a tenth of what a short test costs."""
    firsts: dict[str, Engine] = {}
    real = storage.create_engine

    def make(url: URL, **options: Any) -> Engine:
        engine = real(url, **options)
        first = firsts.get(engine.dialect.name)
        if first is None or first.dialect.server_version_info is None:  # it never reached its database
            firsts[engine.dialect.name] = engine
        else:
            engine.dialect, engine._compiled_cache = first.dialect, first._compiled_cache
        return engine

    storage.create_engine = make  # type: ignore[assignment]
    yield
    storage.create_engine = real


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real slides and annotations, beside the repository."""
    path = (REPOSITORY.parent / "shared" / "data").resolve()
    if not path.is_dir():
        pytest.skip(f"the folder with real slides, {path.name}, is not beside the repository")
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A real PostgreSQL server of this test session, on a unix socket."""
    try:
        server = PostgresServer()
    except MissingPostgres as error:
        unavailable(str(error))
        raise
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    """The address of a server whose database ``postgres`` may be used to make others."""
    return postgres_server.url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    database = Database(f"sqlite:///{path}")
    migrate.upgrade(database)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")  # a checkpoint must run outside of a transaction
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    database.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """The name of a migrated, empty PostgreSQL database to copy."""
    name = "exact_template"
    postgres_server.create(name)
    database = Database(postgres_server.url_of(name))
    migrate.upgrade(database)
    database.dispose()
    return name


@pytest.fixture(scope="session")
def postgres_pool(postgres_server: PostgresServer, postgres_template: str) -> Iterator[PostgresPool]:
    """Migrated, empty PostgreSQL databases to borrow."""
    pool = PostgresPool(postgres_server, postgres_template)
    yield pool
    pool.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh, migrated database; each test runs on both engines."""
    if request.param == "sqlite":
        path = tmp_path / "exact.sqlite3"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    pool: PostgresPool = request.getfixturevalue("postgres_pool")
    with pool.lend() as name:
        yield server.url_of(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh, migrated database on SQLite and on PostgreSQL."""
    database = Database(database_url)
    yield database
    database.dispose()


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings of an instance with a data folder of its own and the test's database."""
    return Settings(
        data_dir=tmp_path / "data", database_url=database_url, secret_key="test-secret-" + "0" * 32, disabled_plugins=()
    )


@pytest.fixture
def app(settings: Settings) -> Iterator[FastAPI]:
    """The whole application, without plugins, over the test's database."""
    app = create_app(settings, candidates=())
    yield app
    app.state.services.kernel.faults.stop()
    close_services(app.state.services)


@pytest.fixture
def visitor(app: FastAPI) -> TestClient:
    """A browser in which nobody is logged in."""
    return Client(app, base_url=ADDRESS, raise_server_exceptions=False)


@pytest.fixture
def browser_of(app: FastAPI) -> Callable[[Actor], TestClient]:
    """``browser_of(ann)`` is a browser in which that person is logged in, with the page's CSRF token."""

    def log_in(actor: Actor) -> TestClient:
        services = app.state.services
        with services.database.write() as session:
            user = session.get_one(User, actor.user_id)
            key = open_session(session, user, services.settings.secret, days=1, user_agent="test")
        headers = {"X-CSRF-Token": csrf_token_of(services.settings.secret, key), "Origin": ADDRESS}
        cookies = {SESSION_COOKIE: key}
        return Client(app, base_url=ADDRESS, headers=headers, cookies=cookies, raise_server_exceptions=False)

    return log_in


@pytest.fixture
def script_of(app: FastAPI) -> Callable[..., TestClient]:
    """``script_of(ann, "read")`` is a program with an access token of that person."""

    def make(actor: Actor, *scopes: str) -> TestClient:
        with app.state.services.database.write() as session:
            _, token = make_token(session, actor.user_id, "test", scopes or ("read", "write", "admin"), None)
        headers = {"Authorization": f"Bearer {token}"}
        return Client(app, base_url=ADDRESS, headers=headers, raise_server_exceptions=False)

    return make


@pytest.fixture
def make_user(database: Database) -> Callable[..., Actor]:
    """``make_user("ann", is_admin=False)`` stores a person and returns the actor that a browser session gives."""

    def make(name: str = "", *, is_admin: bool = False, is_active: bool = True) -> Actor:
        name = name or f"user{next(_numbers)}"
        with database.write() as session:
            user = User(
                name=name,
                folded_name=name.casefold(),
                display_name=name.title(),
                is_admin=is_admin,
                is_active=is_active,
            )
            session.add(user)
            session.flush()
            return Actor(user.id, user.name, user.display_name, is_admin=is_admin)

    return make


@pytest.fixture
def make_team(database: Database) -> Callable[..., int]:
    """``make_team("lab", leads=[ann], members=[ben])`` returns the team's id."""

    def make(name: str = "", *, leads: list[Actor] | None = None, members: list[Actor] | None = None) -> int:
        name = name or f"team{next(_numbers)}"
        with database.write() as session:
            team = Team(name=name, folded_name=name.casefold())
            session.add(team)
            session.flush()
            people = [(actor, True) for actor in leads or []] + [(actor, False) for actor in members or []]
            session.add_all(TeamMember(team_id=team.id, user_id=a.user_id, is_lead=lead) for a, lead in people)
            return team.id

    return make


@pytest.fixture
def make_image_set(database: Database, make_team: Callable[..., int]) -> Callable[..., int]:
    """``make_image_set(team_id, roles={ann: "viewer"}, mode="competitive")`` returns the set's id."""

    def make(
        team_id: int | None = None, name: str = "", *, roles: dict[Actor, str] | None = None, **values: Any
    ) -> int:
        team_id = make_team() if team_id is None else team_id
        with database.write() as session:
            image_set = ImageSet(team_id=team_id, name=name or f"set{next(_numbers)}", **values)
            session.add(image_set)
            session.flush()
            for actor, role in (roles or {}).items():
                session.add(ImageSetMember(image_set_id=image_set.id, user_id=actor.user_id, role=str(role)))
            return image_set.id

    return make


@pytest.fixture
def make_image(database: Database) -> Callable[..., int]:
    """``make_image(image_set_id, width=1000, height=800)`` stores the row of a ready image and returns its id."""

    def make(image_set_id: int, name: str = "", **values: Any) -> int:
        number = next(_numbers)
        values = {
            "status": "ready",
            "width": 4096,
            "height": 3072,
            "file_path": f"images/{number}/picture.tif",
            "content_version": f"v{number}",
            "position": number,
            **values,
        }
        with database.write() as session:
            image = Image(image_set_id=image_set_id, name=name or f"image-{number}", **values)
            session.add(image)
            session.flush()
            return image.id

    return make


@pytest.fixture
def make_product(database: Database) -> Callable[..., int]:
    """``make_product(team_id, types={"Mitosis": ["box"]}, image_sets=[set_id])`` returns the product's id."""

    def make(
        team_id: int,
        name: str = "",
        *,
        types: dict[str, list[str]] | None = None,
        image_sets: list[int] | None = None,
    ) -> int:
        with database.write() as session:
            product = Product(team_id=team_id, name=name or f"product{next(_numbers)}")
            session.add(product)
            session.flush()
            for order, (title, shapes) in enumerate((types or {"Cell": ["box", "point"]}).items()):
                session.add(AnnotationType(product_id=product.id, name=title, shapes=shapes, sort_order=order))
            for image_set_id in image_sets or []:
                session.add(ImageSetProduct(image_set_id=image_set_id, product_id=product.id))
            return product.id

    return make
