"""A study: an image set with several images, readers, and every address of images, annotations and reviews."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from exact_core.api.context import Actor
from exact_core.storage.database import Database
from exact_core.storage.models import AnnotationType
from tests.core.annotations.conftest import application, box, client_of, services  # noqa: F401 - fixtures

API = "/api/v2"
PEOPLE = {
    "ann": "annotator",
    "ben": "annotator",
    "cat": "annotator",
    "rex": "reviewer",
    "vic": "viewer",
    "max": "manager",
}


@dataclass
class Study:
    """An image set with three images; ``judge`` adjudicates, ``max`` manages, ``ann``, ``ben`` and ``cat`` read."""

    database: Database
    set_id: int
    images: list[int]
    types: dict[str, int]
    people: dict[str, Actor]
    clients: dict[str, TestClient] = field(default_factory=dict)

    def id(self, name: str) -> int:
        return self.people[name].user_id

    def get(self, who: str, path: str, *, status: int = 200, **params: Any) -> Any:
        answer = self.clients[who].get(API + path, params=params)
        assert answer.status_code == status, f"{who} {path}: {answer.status_code} {answer.text[:400]}"
        return answer.json()

    def send(self, who: str, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        answer = self.clients[who].request(method, API + path, json=body)
        assert answer.status_code == status, f"{who} {method} {path}: {answer.status_code} {answer.text[:400]}"
        return answer.json() if answer.content else None

    def post(self, who: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        return self.send(who, "POST", path, body or {}, status=status)

    def draw(self, who: str, image: int = 0, *corners: int, type_name: str = "Cell", status: int = 200) -> Any:
        operation = box(self.types[type_name], *(corners or (10, 10, 30, 30)))
        path = f"/images/{self.images[image]}/annotation-changes"
        answer = self.post(who, path, {"operations": [operation]}, status=status)
        return answer["annotations"][0] if status == 200 else answer

    def change(self, who: str, annotation_id: int, *, status: int = 200, **values: Any) -> Any:
        return self.send(who, "PATCH", f"/annotations/{annotation_id}", values, status=status)

    def judge(self, who: str, image: int, *verdicts: dict[str, Any], status: int = 200) -> Any:
        return self.post(
            who, f"/images/{self.images[image]}/verifications", {"verdicts": list(verdicts)}, status=status
        )

    def verify(self, who: str, image: int = 0, *, accept: bool = True, status: int = 200) -> Any:
        return self.post(who, f"/images/{self.images[image]}/verify", {"accept": accept}, status=status)

    def settings(
        self, who: str = "max", *, status: int = 200, mode: str | None = None, reason: str = "", **values: Any
    ) -> Any:
        body = {"settings": values, "reason": reason} | ({"mode": mode} if mode else {})
        return self.send(who, "PUT", f"/image-sets/{self.set_id}/mode", body, status=status)

    def assign(self, *readers: str, status: int = 200, who: str = "max", **more: Any) -> Any:
        body = {"readers": [self.id(name) for name in readers], "how": "each", **more}
        return self.post(who, f"/image-sets/{self.set_id}/assignments", body, status=status)

    def shown(self, who: str, image: int = 0) -> set[int]:
        items = self.get(who, f"/images/{self.images[image]}/annotations", limit=500)["items"]
        return {item["id"] for item in items}

    def review(self, who: str, image: int = 0) -> Any:
        return self.get(who, f"/images/{self.images[image]}/review")

    def listed(self, who: str, **params: Any) -> Any:
        return self.get(who, f"/image-sets/{self.set_id}/images", **params)


@pytest.fixture
def make_study(
    database: Database,
    make_user: Callable[..., Actor],
    make_team: Callable[..., int],
    make_image_set: Callable[..., int],
    make_image: Callable[..., int],
    make_product: Callable[..., int],
    client_of: Callable[..., TestClient],  # noqa: F811
) -> Callable[..., Study]:
    """``make_study("second_opinion", items="region")``: settings of the second opinion can be given."""

    def make(mode: str = "cooperative", *, settings: dict[str, Any] | None = None, **second: Any) -> Study:
        people = {name: make_user(name) for name in (*PEOPLE, "judge", "stranger")}
        roles = {people[name]: role for name, role in PEOPLE.items()} | {people["judge"]: "annotator"}
        stored = {"adjudicators": [people["judge"].user_id], **(settings or {})}
        if second:
            stored["second_opinion"] = second
        team_id = make_team("lab")
        set_id = make_image_set(team_id, "slides", roles=roles, mode=mode, mode_settings=stored)
        images = [make_image(set_id, width=20_000, height=10_000, mpp_x=0.5, mpp_y=0.5) for _ in range(3)]
        kinds = {"Cell": ["box", "point", "polygon"], "Nucleus": ["box", "polygon"], "Slide": ["image"]}
        make_product(team_id, "cells", types=kinds, image_sets=[set_id])
        with database.read() as session:
            types = dict(session.execute(select(AnnotationType.name, AnnotationType.id)).all())
        study = Study(database, set_id, images, types, people)
        study.clients = {name: client_of(actor) for name, actor in people.items()}
        return study

    return make
