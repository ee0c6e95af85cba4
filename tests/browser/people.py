"""A set in which four people work together or blind, each at a browser of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import delete, select, update

from exact_core.auth import accounts
from exact_core.settings import Settings
from exact_core.storage import migrate, models
from exact_core.storage.database import Database
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import AnnotationType, Image, ImageSet, ImageSetMember, TeamMember
from tests.browser.profiles import Profiles, ask
from tests.browser.viewer_instance import Instance, running

START = "#x=1100&y=1500&zoom=0.5"


@pytest.fixture(scope="module")
def instance(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """Ann manages; Ben and Cleo read; Judge adjudicates. Two images."""
    folder = tmp_path_factory.mktemp("review")
    settings = Settings(data_dir=folder / "data", secret_key="review-test-" + "0" * 32)
    settings.data_dir.mkdir()
    database = Database(settings.effective_database_url)
    migrate.upgrade(database)
    database.dispose()
    slide = shared_data / "01-wsi" / "CMU-1-Small-Region.svs"
    stack = sorted((shared_data / "01-wsi" / "frames").iterdir())[:1]
    with running(settings, [slide, *stack]) as made:
        with made.services.database.write() as session:
            team_id = session.get_one(ImageSet, made.image_set_id).team_id
            for name in ("cleo", "judge"):
                user = accounts.create_user(session, name, display_name=name.title())
                accounts.set_password(session, user, "a long enough pass phrase")
                session.add(TeamMember(team_id=team_id, user_id=user.id, is_lead=False))
                made.users[name] = user.id
            session.execute(update(Image).where(Image.mpp_x.is_(None)).values(mpp_x=0.5, mpp_y=0.5))
            raise_epoch(session, "access")
        yield made


class Person:
    """Somebody at a browser of their own."""

    def __init__(self, profiles: Profiles, instance: Instance, name: str) -> None:
        self.page, self._token = profiles.page(instance, name)
        self.instance = instance
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, number: int = 0, query: str = "", link: str = START, ready: str = "#review-state") -> Page:
        self.page.goto("about:blank")  # the same address again would only scroll
        self.page.goto(self.instance.viewer(number) + query + link)
        expect(self.page.locator("#stage-state")).to_be_hidden(timeout=30_000)
        expect(self.page.locator(ready)).to_be_visible(timeout=15_000)
        return self.page

    def set_page(self, tab: str = "") -> Page:
        self.page.goto(f"{self.instance.address}/image-sets/{self.instance.image_set_id}/{tab}")
        self.page.wait_for_load_state("networkidle")
        return self.page

    def press(self, keys: str) -> None:
        self.page.keyboard.press(keys)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """What the API answers this person."""
        return ask(self.page, self.instance, self._token, method, path, body)

    def draw(self, *places: tuple[int, int], number: int = 0, type_name: str = "Mitotic figure") -> list[int]:
        """Boxes of 50 pixels with these upper left corners, drawn through the API."""
        with self.instance.services.database.read() as session:
            type_id = session.scalar(select(AnnotationType.id).where(AnnotationType.name == type_name))
        operations = [
            {"op": "create", "uuid": str(uuid4()), "type_id": type_id,
             "geometry": {"shape": "box", "points": [[x, y], [x + 50, y + 50]]}}
            for x, y in places
        ]  # fmt: skip
        path = f"/images/{self.instance.image_ids[number]}/annotation-changes"
        return [each["id"] for each in self.ask("POST", path, {"operations": operations})["annotations"]]

    def walked(self, number: int = 0) -> dict[int, str]:
        """Every shape that this person sees, with its state of verification."""
        path = f"/images/{self.instance.image_ids[number]}/verification-walk?limit=500"
        return {each["id"]: each["verification"]["state"] for each in self.ask("GET", path)["items"]}


@pytest.fixture
def people(profiles: Profiles, instance: Instance) -> Iterator[Callable[[str], Person]]:
    """``people("ben")`` sits at a browser; afterwards nobody's page had an error, and the set is new again."""
    found: dict[str, Person] = {}

    def get(name: str) -> Person:
        if name not in found:
            found[name] = Person(profiles, instance, name)
        return found[name]

    yield get
    errors = {name: person.errors for name, person in found.items()}
    profiles.put_away()
    renew(instance)
    assert {name: said for name, said in errors.items() if said} == {}


def renew(instance: Instance) -> None:
    """Leave nothing of what a test did: neither shapes nor verdicts, states, assignments or a mode."""
    with instance.services.database.write() as session:
        tables = (
            models.Adjudication, models.Assignment, models.ReviewItem, models.AnnotationVerification,
            models.ImageReview, models.ChangeSet, models.AnnotationDetail, models.AnnotationRevision,
            models.AnnotationSummary, models.BranchMerge, models.BranchImage, models.Branch,
            models.VersionContent, models.VersionImage, models.Version,
            models.Annotation, models.AuditEvent,
        )  # fmt: skip
        for table in tables:
            session.execute(delete(table))
        session.execute(delete(ImageSet).where(ImageSet.id != instance.image_set_id))  # branches
        members = ImageSetMember.user_id != instance.users["ann"]
        session.execute(delete(ImageSetMember).where(members))
        session.execute(update(ImageSet).values(mode="cooperative", mode_settings={}, unblinded_at=None, revision=0))
        raise_epoch(session, "access")


def set_mode(instance: Instance, mode: str, **settings: Any) -> None:
    with instance.services.database.write() as session:
        stored = {"adjudicators": [instance.users["judge"]], **settings}
        session.execute(update(ImageSet).values(mode=mode, mode_settings=stored))
        raise_epoch(session, "access")
