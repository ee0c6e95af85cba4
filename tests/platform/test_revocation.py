"""Two web processes over one database: what is taken away in one is gone in both within a second."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from exact_core.auth.credentials import make_token, open_session
from exact_core.auth.keys import SESSION_COOKIE, csrf_token_of
from exact_core.jobs.serve import as_environment, can_open_first_page, listen
from exact_core.opening import open_services
from exact_core.services import Services
from exact_core.settings import Settings
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import (
    Image,
    ImageSet,
    ImageSetMember,
    ImageSetProduct,
    Product,
    Team,
    TeamMember,
    User,
)
from exact_core.tiles.probe import probe_file
from tests.core.tiles.pictures import tissue, write_jpeg_pyramid

PLUGIN = "eiph_score"
SECONDS = 1.0


class Answer:
    """What one process said."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


class Process:
    """One of the two web processes, which listens at an address of its own so that a test can choose whom it asks."""

    def __init__(self, settings: Settings) -> None:
        self._socket: socket.socket = listen("127.0.0.1", 0)
        self.port = self._socket.getsockname()[1]
        command = [sys.executable, "-m", "exact_core.jobs.web_process", str(self._socket.fileno()), str(os.getpid())]
        self._process = subprocess.Popen(
            command,
            env={**os.environ, **as_environment(settings)},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(self._socket.fileno(),),
            start_new_session=True,
        )

    def wait(self) -> None:
        deadline = time.monotonic() + 60
        while not can_open_first_page(f"http://127.0.0.1:{self.port}"):
            assert self._process.poll() is None, "the web process ended"
            assert time.monotonic() < deadline, "the web process does not answer"
            time.sleep(0.1)

    def ask(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            data = None if body is None else json.dumps(body)
            if data is not None:
                sent["Content-Type"] = "application/json"
            connection.request(method, path, data, sent)
            response = connection.getresponse()
            said = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, said, response.read())
        finally:
            connection.close()

    def stop(self) -> None:
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=15)
        self._process.kill()
        self._process.wait()
        self._socket.close()


@dataclass
class Place:
    """A set with an image that somebody is going to lose."""

    set: int
    image: int
    guests: int
    user: int
    token: int = 0
    tags: dict[tuple[int, str], str] = field(default_factory=dict)
    since: float = 0.0


class Site:
    """A site of two processes, with an image set that people lose."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.services: Services = open_services(settings)
        path = write_jpeg_pyramid(folder / "slide.tif", tissue(600, 700))
        self._report = probe_file(path, settings)
        self._path = path
        self._numbers = iter(range(1, 10_000))
        self.processes = (Process(settings), Process(settings))
        self.boss = self.user("boss", is_admin=True)

    def user(self, name: str, *, is_admin: bool = False) -> int:
        with self.services.database.write() as session:
            user = User(name=name, folded_name=name, display_name=name, is_admin=is_admin)
            session.add(user)
            session.flush()
            return user.id

    def place(self, user_id: int, by: str) -> Place:
        """A set with an image, the plugin on, in which somebody is a viewer ``by`` their own role or their team's."""
        report, number = self._report, next(self._numbers)
        with self.services.database.write() as session:
            owners = Team(name=f"owners {number}", folded_name=f"owners {number}")
            guests = Team(name=f"guests {number}", folded_name=f"guests {number}")
            session.add_all([owners, guests])
            session.flush()
            image_set = ImageSet(team_id=owners.id, name=f"set {number}", mode="cooperative")
            product = Product(team_id=owners.id, name=f"product {number}")
            session.add_all([image_set, product])
            session.flush()
            self.services.blobs.write("derived/shared.index", report.tile_index)
            image = Image(
                image_set_id=image_set.id, name=f"image-{number}", status="ready", file_path=str(self._path),
                is_external=True, content_version=f"v{number}", source_driver=report.driver, width=report.width,
                height=report.height, frames=report.frames, levels=list(report.levels),
                tile_index_path="derived/shared.index",
            )  # fmt: skip
            member = {"user_id": user_id} if by == "role" else {"team_id": guests.id}
            session.add_all(
                [
                    image,
                    ImageSetProduct(image_set_id=image_set.id, product_id=product.id),
                    TeamMember(team_id=guests.id, user_id=user_id),
                    ImageSetMember(image_set_id=image_set.id, role="viewer", **member),
                ]
            )
            session.flush()
            for epoch in ("access", "images"):
                raise_epoch(session, epoch)
            found = Place(image_set.id, image.id, guests.id, user_id)
        self.change("PUT", f"/api/v2/image-sets/{found.set}/plugins/{PLUGIN}", {"enabled": True})
        return found

    def cookie(self, user_id: int) -> dict[str, str]:
        """The headers of a browser in which somebody is logged in."""
        secret = self.services.settings.secret
        with self.services.database.write() as session:
            key = open_session(session, session.get_one(User, user_id), secret, days=1, user_agent="test")
        return {"Cookie": f"{SESSION_COOKIE}={key}", "X-CSRF-Token": csrf_token_of(secret, key)}

    def token(self, user_id: int) -> tuple[int, dict[str, str]]:
        """A token of somebody: its number and the header."""
        with self.services.database.write() as session:
            row, token = make_token(session, user_id, "test", ("read", "write"), 1)
            return row.id, {"Authorization": f"Bearer {token}"}

    def change(self, method: str, path: str, body: Any = None, **headers: str) -> None:
        """Something that an administrator, or who the headers say, does in the first process."""
        with_whom = headers or self.cookie(self.boss)
        answer = self.processes[0].ask(path, method, body, **with_whom)
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.body[:300]!r}"

    def close(self) -> None:
        for process in self.processes:
            process.stop()
        self.services.kernel.faults.stop()
        from exact_core.opening import close_services

        close_services(self.services)


def addresses(place: Place) -> dict[str, str]:
    """Everything that shows something of a place: from memory, from the disk, from the database, by a plugin."""
    image, image_set = place.image, place.set
    return {
        "ready tile": f"/api/v2/images/{image}/tiles/0.0.rgb/0/0_0",
        "rendered tile": f"/api/v2/images/{image}/tiles/0.0.0/0/0_0",
        "thumbnail": f"/api/v2/images/{image}/thumbnail",
        "information": f"/api/v2/images/{image}/slide-information",
        "image": f"/api/v2/images/{image}",
        "list": f"/api/v2/image-sets/{image_set}/images",
        "annotations": f"/api/v2/images/{image}/annotation-view?x0=0&y0=0&x1=99&y1=99",
        "statistics": f"/api/v2/images/{image}/statistics",
        "score": f"/api/v2/image-sets/{image_set}/plugins/{PLUGIN}/images/{image}/score",
        "heat map": f"/api/v2/image-sets/{image_set}/plugins/{PLUGIN}/images/{image}/heat-map.png",
    }


def look_at_all(site: Site, place: Place, headers: dict[str, str]) -> dict[tuple[int, str], str]:
    """Fill every cache of both processes; gives the tags to ask with again."""
    tags = {}
    for number, process in enumerate(site.processes):
        for name, path in addresses(place).items():
            for _ in range(2):
                answer = process.ask(path, **headers)
                assert answer.status == 200, f"{name}: {answer.status} {answer.body[:200]!r}"
            tags[number, name] = answer.headers.get("etag", "*")
            if "etag" in answer.headers:
                again = process.ask(path, If_None_Match=answer.headers["etag"], **headers)
                assert again.status == 304, name
    return tags


def assert_gone(site: Site, place: Place, headers: dict[str, str], status: int, names: set[str] | None = None) -> None:
    """A second after the change nothing is shown any more, in neither process, however it is asked."""
    time.sleep(max(0.0, place.since + SECONDS - time.monotonic()))
    for number, process in enumerate(site.processes):
        for name, path in addresses(place).items():
            if names is not None and name not in names:
                continue
            for known in (None, place.tags[number, name], "*"):
                sent = {} if known is None else {"If_None_Match": known}
                answer = process.ask(path, **sent, **headers)
                assert answer.status == status, f"{name} of process {number}, {known}: {answer.status}"
                assert answer.headers["content-type"] == "application/problem+json"


def assert_what_is_given_counts(site: Site) -> None:
    """Somebody who becomes a member sees everything a second later, whichever process they ask."""
    user_id = site.user("newcomer")
    owner = site.place(site.user("owner"), "role")
    headers = site.cookie(user_id)
    for process in site.processes:
        assert process.ask(addresses(owner)["ready tile"], **headers).status == 404
    site.change("PUT", f"/api/v2/image-sets/{owner.set}/members/users/{user_id}", {"role": "viewer"})
    time.sleep(SECONDS)
    for process in site.processes:
        for name, path in addresses(owner).items():
            assert process.ask(path, **headers).status == 200, name


@pytest.fixture
def site(settings: Settings, tmp_path: Path) -> Iterator[Site]:
    site = Site(settings, tmp_path)
    try:
        for process in site.processes:
            process.wait()
        yield site
    finally:
        site.close()


def test_what_is_taken_away_or_given_counts_in_every_process_within_a_second(site: Site) -> None:
    """One test for all ways, because starting two processes takes longer than all of them."""
    assert_what_is_given_counts(site)

    def end_role(place: Place, _headers: dict[str, str]) -> None:
        site.change("DELETE", f"/api/v2/image-sets/{place.set}/members/users/{place.user}")

    def end_team(place: Place, _headers: dict[str, str]) -> None:
        site.change("DELETE", f"/api/v2/teams/{place.guests}/members/{place.user}")

    def deactivate(place: Place, _headers: dict[str, str]) -> None:
        site.change("PATCH", f"/api/v2/users/{place.user}", {"is_active": False})

    def log_out(_place: Place, headers: dict[str, str]) -> None:
        site.change("POST", "/api/v2/auth/logout", None, **headers)

    def log_out_everywhere(place: Place, _headers: dict[str, str]) -> None:
        site.change("DELETE", f"/api/v2/users/{place.user}/sessions")

    def revoke(place: Place, _headers: dict[str, str]) -> None:
        site.change("DELETE", f"/api/v2/me/tokens/{place.token}", None, **site.cookie(place.user))

    def delete_image(place: Place, _headers: dict[str, str]) -> None:
        site.change("DELETE", f"/api/v2/images/{place.image}")

    def delete_set(place: Place, _headers: dict[str, str]) -> None:
        site.change("DELETE", f"/api/v2/image-sets/{place.set}")

    def switch_off(place: Place, _headers: dict[str, str]) -> None:
        site.change("PUT", f"/api/v2/image-sets/{place.set}/plugins/{PLUGIN}", {"enabled": False})

    everything = set(addresses(Place(0, 0, 0, 0)))
    ways: list[tuple[Callable[[Place, dict[str, str]], None], int, set[str]]] = [
        (end_role, 404, everything),
        (end_team, 404, everything),
        (deactivate, 401, everything),
        (log_out, 401, everything),
        (log_out_everywhere, 401, everything),
        (revoke, 401, everything),
        (delete_image, 404, everything - {"list"}),
        (delete_set, 404, everything),
        (switch_off, 404, {"score", "heat map"}),
    ]
    for way, status, names in ways:
        user_id = site.user(way.__name__)
        place = site.place(user_id, "team" if way is end_team else "role")
        if way is revoke:
            place.token, headers = site.token(user_id)
        else:
            headers = site.cookie(user_id)
        place.tags = look_at_all(site, place, headers)
        way(place, headers)
        place.since = time.monotonic()
        # The process that made the change knows it at once.
        first = site.processes[0].ask(addresses(place)["score"], **headers)
        assert first.status == status, way.__name__
        assert_gone(site, place, headers, status, names)
        if way is delete_image:
            for process in site.processes:
                assert json.loads(process.ask(addresses(place)["list"], **headers).body)["items"] == []
        if way is switch_off:
            for process in site.processes:
                assert process.ask(addresses(place)["ready tile"], **headers).status == 200
                assert json.loads(process.ask(addresses(place)["statistics"], **headers).body) == []
