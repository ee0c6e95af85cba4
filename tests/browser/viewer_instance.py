"""A real instance with one real slide, a product of every shape, and two people: what the viewer's tests look at."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from playwright.sync_api import BrowserContext
from sqlalchemy import func, select

from exact_core.api.context import Actor
from exact_core.app import create_app
from exact_core.auth import accounts
from exact_core.auth.credentials import open_session
from exact_core.auth.keys import SESSION_COOKIE, csrf_token_of
from exact_core.images.importing import find_pictures, import_pictures, wait_for_images
from exact_core.jobs.helping import helping_worker
from exact_core.kernel.discovery import Candidate
from exact_core.services import Services
from exact_core.settings import Settings
from exact_core.storage.models import (
    LIVE,
    AnnotationRevision,
    AnnotationType,
    ImageSet,
    ImageSetMember,
    ImageSetProduct,
    Product,
    Team,
    TeamMember,
)

TYPES = (
    ("Mitotic figure", ["box", "point", "absent"], "#e6194b", 25.0),
    ("Cell", ["point"], "#f58231", None),
    ("Gland", ["ellipse"], "#3cb44b", 60.0),
    ("Tumour", ["polygon"], "#4363d8", None),
    ("Measure", ["line", "polyline"], "#911eb4", 50.0),
    ("Not usable", ["image"], "#808000", None),
)
GRADE = [
    {"name": "grade", "title": "Grade", "kind": "choice", "choices": ["low", "high"], "default": "low"},
    {"name": "sure", "title": "Sure of it", "kind": "boolean"},
]


@dataclass
class Instance:
    """The running instance and what is in it."""

    services: Services
    address: str
    image_set_id: int
    image_ids: list[int]
    users: dict[str, int]

    def log_in(self, context: BrowserContext, name: str = "ann") -> str:
        """Let a browser be somebody's without the pages of logging in; gives what its changes need, the CSRF token."""
        secret = self.services.settings.secret
        with self.services.database.write() as session:
            key = open_session(session, accounts.get_user(session, self.users[name]), secret, days=1, user_agent="test")
        context.add_cookies([{"name": SESSION_COOKIE, "value": key, "url": self.address}])
        return csrf_token_of(secret, key)

    def login_link(self, name: str = "ann") -> str:
        """An address that logs somebody in, once."""
        with self.services.database.write() as session:
            issued = accounts.issue_link(session, accounts.get_user(session, self.users[name]))
        return f"{self.address}/login/link/{issued.token}"

    def viewer(self, number: int = 0) -> str:
        """The address of an image's page."""
        return f"{self.address}/image-sets/{self.image_set_id}/images/{self.image_ids[number]}"

    def live_shapes(self) -> dict[int, int]:
        """How many shapes of each kind the database holds."""
        query = select(AnnotationRevision.shape, func.count()).where(AnnotationRevision.valid_to == LIVE)
        with self.services.database.read() as session:
            rows = session.execute(query.group_by(AnnotationRevision.shape)).all()
        return {row[0]: row[1] for row in rows}


@contextmanager
def running(settings: Settings, pictures: list[Path], candidates: tuple[Candidate, ...] = ()) -> Iterator[Instance]:
    """Serve an instance with these pictures on a free port."""
    app = create_app(settings, candidates)
    services: Services = app.state.services
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", 0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    limit = time.monotonic() + 60
    while not server.started:
        if not thread.is_alive() or time.monotonic() > limit:
            raise RuntimeError("the server did not start")
        time.sleep(0.05)
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        image_set_id, users = _furnish(services)
        with helping_worker(services):
            found = find_pictures(services, pictures)
            outcomes = list(import_pictures(services, Actor.system(), image_set_id, found.groups))
            ids = [outcome.image for outcome in outcomes if outcome.image is not None]
            wait_for_images(services, ids)
        yield Instance(services, address, image_set_id, ids, users)
    finally:
        server.should_exit = True
        thread.join(timeout=30)


def _furnish(services: Services) -> tuple[int, dict[str, int]]:
    """A team, two people, an image set and a product with types of every shape."""
    with services.database.write() as session:
        users = {name: accounts.create_user(session, name, display_name=name.title()) for name in ("ann", "ben")}
        for user in users.values():
            accounts.set_password(session, user, "a long enough pass phrase")
        team = Team(name="Lab", folded_name="lab")
        session.add(team)
        session.flush()
        session.add_all(TeamMember(team_id=team.id, user_id=user.id, is_lead=False) for user in users.values())
        image_set = ImageSet(team_id=team.id, name="Breast, round 1")
        product = Product(team_id=team.id, name="Mitosis count")
        session.add_all([image_set, product])
        session.flush()
        session.add(ImageSetMember(image_set_id=image_set.id, user_id=users["ann"].id, role="manager"))
        session.add(ImageSetProduct(image_set_id=image_set.id, product_id=product.id))
        for order, (name, shapes, color, size) in enumerate(TYPES):
            session.add(
                AnnotationType(
                    product_id=product.id,
                    name=name,
                    description="A cell in division." if order == 0 else "",
                    shapes=shapes,
                    color=color,
                    sort_order=order,
                    default_width=size,
                    default_height=size,
                    attributes=GRADE if order == 0 else [],
                )
            )
        image_set_id = image_set.id
        ids = {name: user.id for name, user in users.items()}
    return image_set_id, ids
