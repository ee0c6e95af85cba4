"""A study with readers, prepared shapes and a clock to turn."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from exact_core.services import Services
from exact_core.storage.models import Activity, StudyTask
from tests.core.agreement.conftest import Readers

PLACES = [(x, y) for x in range(100, 2000, 200) for y in (300, 700)]


MODEL = "claimed:Model 3"


@pytest.fixture
def services(app: FastAPI) -> Services:
    """Those of the whole application."""
    return app.state.services


class Lab:
    """Readers and their browsers."""

    def __init__(self, readers: Readers, browser_of: Callable) -> None:
        self.readers = readers
        self._browser_of = browser_of
        self._browsers: dict[str, Any] = {}

    def ask(self, who: str, path: str, method: str = "GET", body: Any = None, **query: Any) -> Any:
        """The answer of the server."""
        if who not in self._browsers:
            self._browsers[who] = self._browser_of(self.readers.people[who])
        address = path if path.startswith("/") else f"/api/v2/image-sets/{self.readers.image_set_id}/{path}"
        return self._browsers[who].request(method, address, params=query, json=body)

    def body(self, **more: Any) -> dict[str, Any]:
        """A study of two arms, of which one has what the model found."""
        design = {
            "arms": [{"name": "Without"}, {"name": "With", "source": {"reader": MODEL}}],
            "image_ids": self.readers.images,
            **more.pop("design", {}),
        }
        people = [self.readers.people[name].user_id for name in ("ann", "ben")]
        return {"title": "Does the model help?", "design": design, "participants": people, "seed": 5, **more}

    def make(self, **more: Any) -> dict[str, Any]:
        answer = self.ask("lead", "studies", "POST", self.body(**more))
        assert answer.status_code == 201, answer.text
        return answer.json()

    def start(self, **more: Any) -> int:
        """The number of a study that runs."""
        study = self.make(**more)
        answer = self.ask("lead", f"studies/{study['id']}/start", "POST")
        assert answer.status_code == 200, answer.text
        return study["id"]

    def next(self, who: str, study: int) -> int:
        return self.ask(who, f"studies/{study}/own").json()["next_image"]["id"]

    def open(self, who: str, study: int, image: int) -> Any:
        return self.ask(who, f"studies/{study}/images/{image}/open", "POST")

    def finish(self, who: str, study: int, image: int) -> Any:
        return self.ask(who, f"studies/{study}/images/{image}/finish", "POST")

    def tasks(self, study: int, who: str) -> list[StudyTask]:
        query = select(StudyTask).where(
            StudyTask.study_id == study, StudyTask.user_id == self.readers.people[who].user_id
        )
        with self.readers.database.read() as session:
            return list(session.scalars(query.order_by(StudyTask.position)))


@pytest.fixture
def lab(make_readers: Callable, browser_of: Callable) -> Lab:
    """A blind set of four images on which a model has marked everything, of which only managers know."""
    readers = make_readers(images=4)
    for image in range(4):
        readers.mark("lead", image, PLACES, claimed="Model 3")
    return Lab(readers, browser_of)


def shapes(lab: Lab, who: str, image: int) -> list[dict[str, Any]]:
    return lab.ask(who, f"/api/v2/images/{image}/annotations").json()["items"]


def report_seconds(lab: Lab, who: str, image: int, seconds: float) -> dict[str, Any]:
    answer = lab.ask(who, f"/api/v2/images/{image}/activity", "POST", {"seconds": seconds})
    assert answer.status_code == 200, answer.text
    return answer.json()


def opened_ago(lab: Lab, study: int, who: str, seconds: float) -> StudyTask:
    """The first task, opened so long ago."""
    task = lab.tasks(study, who)[0]
    lab.open(who, study, task.image_id)
    with lab.readers.database.write() as session:
        at = datetime.now(UTC) - timedelta(seconds=seconds)
        session.execute(update(StudyTask).where(StudyTask.id == task.id).values(opened_at=at))
    return task


def run_through(lab: Lab, study: int, seconds: Callable[[int, int], float], marks: Callable[[int], int]) -> None:
    """Ann and Ben read everything: so many seconds, and so many of the places, by arm."""
    for person, who in enumerate(("ann", "ben")):
        for task in lab.tasks(study, who):
            lab.open(who, study, task.image_id)
            if not task.arm:
                number = lab.readers.images.index(task.image_id)
                lab.readers.mark(who, number, PLACES[: marks(person)])
            with lab.readers.database.write() as session:
                at = datetime.now(UTC)
                session.add(
                    Activity(task_id=task.id, user_id=task.user_id, started_at=at, ended_at=at,
                             seconds=seconds(person, task.arm))
                )  # fmt: skip
            lab.finish(who, study, task.image_id)


def start_data(lab: Lab, who: str, image: int) -> dict[str, Any]:
    """What the viewer's page begins with."""
    page = lab.ask(who, f"/image-sets/{lab.readers.image_set_id}/images/{image}").text
    found = json.loads(page.partition('id="exact-bootstrap">')[2].partition("</script>")[0])
    assert found["image"]["id"] == image
    return found
