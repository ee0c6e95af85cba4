"""What routes of plugins are given beside a session that reads: transactions and small pictures."""

from __future__ import annotations

from io import BytesIO

from exact_sdk.fakedist import FakeDistributions
from exact_sdk.pytest_plugin import Builder
from PIL import Image as Pictures

from exact_core.storage.models import Image

ROUTES = """
    from fastapi import APIRouter, Response
    from sqlalchemy import text
    from exact_core.api import Invalid, PluginInfo, PluginRouter, hookimpl
    from exact_core.api.deps import ImageInSet, Thumbnails, Transaction

    router = APIRouter()

    @router.post("/images/{image_id}/notes")
    def note(image: ImageInSet, transaction: Transaction, words: str) -> bool:
        with transaction() as session:
            change = text("UPDATE image SET description = :words WHERE id = :id")
            session.execute(change, {"words": words, "id": image.id})
            if words == "bad":
                raise Invalid("not this")
        return True

    @router.get("/images/{image_id}/small")
    def small(image: ImageInSet, thumbnails: Thumbnails) -> Response:
        return Response(thumbnails(image.id, 100), media_type="image/jpeg")

    @hookimpl
    def exact_plugin_info(): return PluginInfo("Notes", default_enabled=True)

    @hookimpl
    def exact_routers(): return [PluginRouter(router)]
"""


def test_a_route_writes_whole_or_not_at_all_and_shows_small_pictures(
    exact: Builder, fake_distributions: FakeDistributions
) -> None:
    fake_distributions.add("notes", ROUTES)
    app = exact.start(plugins=["notes"])
    image_set = app.image_set()
    image = app.image(image_set)
    base = f"{app.routes('notes', image_set)}/images/{image}"

    assert app.client.post(f"{base}/notes", params={"words": "good"}).json() is True
    assert app.client.post(f"{base}/notes", params={"words": "bad"}).status_code == 422
    assert app.as_user("viewer", image_set).post(f"{base}/notes", params={"words": "seen"}).status_code == 200
    with app.services.database.read() as session:
        assert session.get_one(Image, image).description == "seen"

    assert app.client.get(f"{base}/small").status_code >= 400  # there is no file
    picture = BytesIO()
    Pictures.new("RGB", (128, 96), (250, 10, 10)).save(picture, "JPEG")
    kept = f"derived/{image}/thumbnails/{content_version(app, image)}-0.0.rgb-128.jpg"
    app.services.blobs.write(kept, picture.getvalue())
    assert app.client.get(f"{base}/small").content == picture.getvalue()


def content_version(app, image):
    with app.services.database.read() as session:
        return session.get_one(Image, image).content_version
