"""An instance with a competitive or cooperative image set, reached over HTTP with access tokens."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select

from exact_core.api.context import Actor
from exact_core.auth.keys import hash_of, new_token
from exact_core.opening import close_services, open_services
from exact_core.services import Services
from exact_core.settings import Settings
from exact_core.storage.database import Database
from exact_core.storage.models import AccessToken, AnnotationType, ChangeSet, now
from tests import serving


@dataclass
class Lab:
    """A team with an image set, an image, a product, and people with different rights."""

    database: Database
    team_id: int
    image_set_id: int
    image_id: int
    product_id: int
    types: dict[str, int]
    people: dict[str, Actor]
    clients: dict[str, TestClient] = field(default_factory=dict)

    def __getitem__(self, name: str) -> TestClient:
        return self.clients[name]

    def change(self, who: str, *operations: dict[str, Any], **headers: str) -> Any:
        """Send operations; returns the response."""
        url = f"/api/v2/images/{self.image_id}/annotation-changes"
        return self.clients[who].post(url, json={"operations": list(operations)}, headers=headers)

    def draw(self, who: str, *corners: int, type_name: str = "Cell", **more: Any) -> dict[str, Any]:
        """Draw a box and return the annotation."""
        response = self.change(who, box(self.types[type_name], *(corners or (10, 10, 30, 30)), **more))
        assert response.status_code == 200, response.text
        return response.json()["annotations"][0]

    def get(self, who: str, path: str, **params: Any) -> Any:
        """Read something of the image."""
        return self.clients[who].get(f"/api/v2/images/{self.image_id}/{path}", params=params)

    def post(self, who: str, path: str, json: Any = None, **params: Any) -> Any:
        """Do something to the image."""
        return self.clients[who].post(f"/api/v2/images/{self.image_id}/{path}", json=json, params=params)

    def in_set(self, who: str, method: str, path: str, **request: Any) -> Any:
        """Ask something of the image set."""
        return self.clients[who].request(method, f"/api/v2/image-sets/{self.image_set_id}/{path}", **request)

    def patch(self, who: str, annotation_id: int, **changes: Any) -> Any:
        """Change an annotation; returns it."""
        response = self.clients[who].patch(f"/api/v2/annotations/{annotation_id}", json=changes)
        assert response.status_code == 200, response.text
        return response.json()

    def delete(self, who: str, annotation_id: int) -> Any:
        """Delete an annotation; returns what is left of it."""
        response = self.clients[who].delete(f"/api/v2/annotations/{annotation_id}")
        assert response.status_code == 200, response.text
        return response.json()

    def live(self, who: str = "lead", image_id: int | None = None) -> dict[int, dict[str, Any]]:
        """What is there now; the parts that undoing and reverting restore."""
        kept = ("type_id", "geometry", "frame", "text", "attributes", "author")
        url = f"/api/v2/images/{image_id or self.image_id}/annotations"
        items = self.clients[who].get(url, params={"limit": 1000}).json()["items"]
        return {item["id"]: {name: item[name] for name in kept} for item in items}

    def rest(self, revision: int, minutes: float) -> None:
        """Move the change sets up to a revision into the past, as if people had rested after it."""
        with self.database.write() as session:
            for each in session.scalars(select(ChangeSet).where(ChangeSet.revision <= revision)):
                each.at -= timedelta(minutes=minutes)


def box(type_id: int, x0: int = 10, y0: int = 10, x1: int = 30, y1: int = 30, **more: Any) -> dict[str, Any]:
    """An operation that draws a box."""
    geometry = {"shape": "box", "points": [[x0, y0], [x1, y1]]}
    return {"op": "create", "uuid": str(uuid.uuid4()), "type_id": type_id, "geometry": geometry, **more}


@pytest.fixture
def services(settings: Settings, database: Database) -> Iterator[Services]:
    """The parts of an instance without plugins."""
    services = open_services(settings, candidates=[])
    yield services
    close_services(services)


@pytest.fixture
def application(services: Services) -> FastAPI:
    """Every address of the core."""
    return serving.application(services)


@pytest.fixture
def client_of(application: FastAPI, database: Database) -> Iterator[Callable[..., TestClient]]:
    """``client_of(actor, scopes=["read"])`` gives a client with an access token of that person."""
    clients: list[TestClient] = []

    def make(actor: Actor, scopes: list[str] | None = None) -> TestClient:
        token, prefix = new_token()
        with database.write() as session:
            session.add(
                AccessToken(
                    user_id=actor.user_id,
                    name="test",
                    prefix=prefix,
                    secret_hash=hash_of(token),
                    scopes=scopes or ["read", "write"],
                )
            )
        client = serving.Client(application, raise_server_exceptions=True, headers={"Authorization": f"Bearer {token}"})
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


PEOPLE = ("lead", "ann", "ben", "viewer", "stranger", "admin")


@pytest.fixture
def make_lab(
    database: Database,
    make_user: Callable[..., Actor],
    make_team: Callable[..., int],
    make_image_set: Callable[..., int],
    make_image: Callable[..., int],
    make_product: Callable[..., int],
    client_of: Callable[..., TestClient],
) -> Callable[..., Lab]:
    """``make_lab(mode="competitive")``: lead manages, ann and ben annotate, viewer looks, stranger has no role."""

    def make(mode: str = "cooperative", *, is_unblinded: bool = False, **image: Any) -> Lab:
        people = {name: make_user(name, is_admin=name == "admin") for name in PEOPLE}
        team_id = make_team("lab", leads=[people["lead"]], members=[people["ann"], people["ben"]])
        image_set_id = make_image_set(
            team_id,
            "slides",
            roles={people["viewer"]: "viewer"},
            mode=mode,
            unblinded_at=now() if is_unblinded else None,
        )
        image_id = make_image(image_set_id, **{"width": 20_000, "height": 10_000, "size_z": 3, "size_t": 2, **image})
        kinds = {"Cell": ["box", "point", "polygon"], "Nucleus": ["box", "polygon"], "Slide": ["image"]}
        product_id = make_product(team_id, "cells", types=kinds, image_sets=[image_set_id])
        with database.read() as session:
            rows = session.execute(select(AnnotationType.name, AnnotationType.id).order_by(AnnotationType.id))
            lab = Lab(database, team_id, image_set_id, image_id, product_id, dict(rows.all()), people)
        lab.clients = {name: client_of(actor) for name, actor in people.items()}
        return lab

    return make


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Lab:
    """A cooperative image set."""
    return make_lab()
