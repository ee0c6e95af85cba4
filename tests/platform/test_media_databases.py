"""The plugin ``media`` in a running EXACT, on both databases: attaching, playing, searching, keeping, letting go."""

from __future__ import annotations

import hashlib
import io
import wave
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exact_sdk.harness import Instance
from PIL import Image
from sqlalchemy import delete, func, select
from starlette.testclient import TestClient

from exact_core.storage import migrate
from exact_core.storage.models import Annotation, Job, Version, VersionImage
from exact_core.storage.models import Image as ImageRow

MEDIA = pytest.importorskip("exact_media.tables")


def wav(seconds: float = 0.5, *, hertz: float = 440.0, rate: int = 8000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        samples = np.sin(np.arange(int(seconds * rate)) * (2 * np.pi * hertz / rate)) * 20_000
        sound.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (12, 8), "teal").save(file, "png")
    return file.getvalue()


class World:
    """An image set with the plugin on, an image, and people of three roles."""

    def __init__(self, app: Instance) -> None:
        self.app = app
        self.set = app.image_set(plugins=["media"], mode="competitive")
        self.image = app.image(self.set)
        self.ann, self.ben, self.viewer = (app.as_user(role, self.set) for role in ("annotator", "annotator", "viewer"))
        self.base = app.routes("media", self.set)

    def attach(self, client: TestClient, content: bytes, name: str, shape: int | None = None) -> Any:
        query = {"name": name} | ({} if shape is None else {"annotation_id": shape})
        return client.post(f"{self.base}/images/{self.image}/media", params=query, content=content)

    def get(self, client: TestClient, path: str, **headers: str) -> Any:
        return client.get(
            f"{self.base}/{path}", headers={name.replace("_", "-"): value for name, value in headers.items()}
        )

    def count(self, query: str) -> int:
        url = f"/api/v2/image-sets/{self.set}/annotation-search/count"
        answer = self.app.client.get(url, params={"q": query})
        assert answer.status_code == 200, answer.text
        return int(answer.json()["total"])

    def files(self) -> set[str]:
        folder = self.app.services.settings.data_dir / "plugins" / "media" / "files"
        return {path.name for path in folder.glob("*/*")}

    def rows(self, table: Any) -> int:
        with self.app.services.database.read() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    with Instance(tmp_path / "instance", ["media"], database_url=database_url) as app:
        yield World(app)
        assert not app.faults.recent(), [fault.message for fault in app.faults.recent()]


def test_media_from_attaching_to_letting_go(world: World) -> None:
    from exact_media.service import remove_unused

    app, image = world.app, world.image
    annas = app.annotate(image, "Call", box=(10, 10, 50, 50), client=world.ann)
    bens = app.annotate(image, "Call", box=(60, 10, 90, 50), client=world.ben)
    sound, longer, picture = wav(), wav(1.5, hertz=880), png()

    assert differences_of_tables(app) == {"core": [], "media": []}

    # Attaching: author and time are the server's, the type is that of the content.
    before = datetime.now(UTC) - timedelta(seconds=2)
    made = world.attach(world.ann, sound, "C:\\whales\\Granny J2.mp3", annas)
    assert made.status_code == 201, made.text
    facts = made.json()
    assert (facts["kind"], facts["media_type"], facts["sample_rate"]) == ("sound", "audio/wav", 8000)
    assert facts["duration"] == pytest.approx(0.5)
    assert facts["name"] == "Granny J2.mp3"
    assert "ends with .mp3" in facts["remark"]
    assert facts["is_own"]
    assert before <= datetime.fromisoformat(facts["created_at"]) <= datetime.now(UTC) + timedelta(seconds=2)
    assert world.attach(world.ann, sound, "again.wav", annas).json()["id"] == facts["id"]
    assert world.attach(world.ben, longer, "b.wav", bens).status_code == 201
    assert world.attach(world.ben, picture, "b.png", bens).status_code == 201
    assert world.attach(app.client, sound, "for all.wav").status_code == 201
    assert world.files() == {hashlib.sha256(each).hexdigest() for each in (sound, longer, picture)}

    # Who may not attach learns no more than that.
    assert world.attach(world.viewer, sound, "v.wav", annas).status_code == 403
    assert world.attach(world.ann, sound, "v.wav", bens).status_code == 404, "in a blind set it is a secret"
    assert world.attach(world.ann, sound, "v.wav").status_code == 403, "the image is its managers'"
    assert world.attach(world.ann, b"<svg onload='alert(1)'/>" * 500, "a.png", annas).status_code == 422

    # Finding: everybody their own, names only for those who may know.
    listed = world.get(world.ann, f"images/{image}/media").json()
    assert listed["annotations"] == [annas]
    assert [each["name"] for each in listed["items"]] == [f"sound-{listed['items'][0]['id']}.wav"]
    assert not listed["can_attach"]
    assert listed["can_attach_to_annotations"]
    assert world.get(app.client, f"images/{image}/media").json()["annotations"] == [annas, bens]
    assert len(world.get(world.ben, f"images/{image}/annotations/{bens}/media").json()) == 2
    assert world.get(world.ann, f"images/{image}/annotations/{bens}/media").status_code == 404

    # Playing: in parts, for who may see the shape, and never as a page.
    content = f"media/{facts['id']}/content"
    part = world.get(world.ann, content, range="bytes=100-199")
    assert (part.status_code, part.content) == (206, sound[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(sound)}"
    assert part.headers["content-type"] == "audio/wav"
    assert part.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in part.headers["content-security-policy"]
    assert part.headers["content-disposition"] == "attachment; filename*=utf-8''Granny%20J2.wav"
    assert "private" in part.headers["cache-control"]
    etag = part.headers["etag"]
    assert world.get(world.ann, content, range="bytes=-10").content == sound[-10:]
    assert world.get(world.ann, content, range=f"bytes={len(sound)}-").status_code == 416
    assert world.get(world.ann, content, range="bytes=0-1", if_range='"old"').content == sound
    assert world.get(world.ann, content, range="bytes=0-1", if_range=etag).status_code == 206
    assert world.get(world.ann, content, if_none_match=etag).status_code == 304
    assert world.get(world.ben, content).status_code == 404
    assert world.get(app.as_user(), content).status_code == 404

    # How much there is: for who sees all of it.
    assert world.get(world.ann, "summary").json() == {"kinds": [], "can_make_maps": False}
    [pictures, sounds] = world.get(app.client, "summary").json()["kinds"]
    assert (pictures["kind"], pictures["files"], pictures["duration"]) == ("picture", 1, 0)
    assert (sounds["files"], sounds["duration"]) == (3, pytest.approx(2.5))
    assert sounds["size_bytes"] == 2 * len(sound) + len(longer)

    # Searching.
    assert [world.count(q) for q in ("media.has_sound:yes", "media.has_sound:no")] == [2, 0]
    assert [world.count(q) for q in ("media.kind:sound", "media.kind:several", "media.duration>1")] == [1, 1, 1]

    # A version keeps what it shows, whatever becomes of the shapes.
    version = app.client.post(f"/api/v2/image-sets/{world.set}/versions", json={"name": "first"}).json()["id"]
    kept = world.get(app.client, f"versions/{version}/media").json()
    assert {each["sha256"] for each in kept} == world.files()
    artefacts = app.client.get(f"/api/v2/versions/{version}/artefacts").json()
    [manifest] = [each for each in artefacts if each["name"] == "media.json"]
    listed_there = app.client.get(f"/api/v2/version-artefacts/{manifest['id']}/file").json()["media"]
    assert {each["sha256"] for each in listed_there} == world.files()
    assert all("Granny" not in str(each) for each in listed_there)
    assert sum(each["annotation_uuid"] is not None for each in listed_there) == 3
    assert world.get(world.ann, f"versions/{version}/media").status_code == 403

    # Deleting a shape hides its sound at once; restoring it brings the sound back.
    deleted = {"operations": [{"op": "delete", "id": annas}]}
    assert world.ann.post(f"/api/v2/images/{image}/annotation-changes", json=deleted).status_code == 200
    assert world.get(world.ann, content, range="bytes=0-").status_code == 404
    assert world.get(world.ann, f"media/{facts['id']}").status_code == 404
    assert world.get(app.client, f"versions/{version}/media/{etag.strip(chr(34))}/content").content == sound
    assert world.ann.post(f"/api/v2/images/{image}/undo", json={}).status_code == 200
    assert world.get(world.ann, content).content == sound

    # Switched off in the middle of a playback.
    app.switch("media", world.set, enabled=False)
    assert world.get(world.ann, content, range="bytes=0-").json()["code"] == "plugin-not-enabled"
    app.switch("media", world.set, enabled=True)

    # Removing: own files, and the bytes only when no version needs them.
    bens_items = world.get(world.ben, f"images/{image}/annotations/{bens}/media").json()
    assert world.ann.delete(f"{world.base}/media/{bens_items[0]['id']}").status_code == 404
    for item in bens_items:
        assert world.ben.delete(f"{world.base}/media/{item['id']}").status_code == 204
    assert len(world.files()) == 3, "the version needs them"
    with app.services.database.write() as session:
        session.get_one(Version, version).deleted_at = datetime.now(UTC)
    assert world.ann.delete(f"{world.base}/media/{facts['id']}").status_code == 204
    assert remove_unused(app.kernel.context_of("media")) == 2
    assert world.files() == {hashlib.sha256(sound).hexdigest()}, "it is attached to the image"

    # An image in the bin hides what is attached to it.
    [of_image] = world.get(app.client, f"images/{image}/media").json()["items"]
    assert world.get(app.client, f"media/{of_image['id']}/content").content == sound
    assert app.client.delete(f"/api/v2/images/{image}").status_code in (200, 204)
    assert world.get(app.client, f"media/{of_image['id']}/content").status_code == 404

    # The image goes for good: what is attached goes with it, and the bytes with the next file that is let go.
    with app.services.database.write() as session:
        session.execute(delete(Job))
        session.execute(delete(VersionImage))
        session.execute(delete(Annotation).where(Annotation.image_id == image))
        session.execute(delete(ImageRow).where(ImageRow.id == image))
    assert world.rows(MEDIA.MediaLink) == 0
    assert remove_unused(app.kernel.context_of("media")) == 1
    assert (world.files(), world.rows(MEDIA.MediaFile), world.rows(MEDIA.MediaKept)) == (set(), 0, 0)


def differences_of_tables(app: Instance) -> dict[str, list[str]]:
    """What the migrations make otherwise than the classes say."""
    return migrate.check(app.services.database, migrate.plugin_schemas(app.kernel.index.schemas()))
