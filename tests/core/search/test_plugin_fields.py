"""Fields of plugins: found where the plugin is on, unknown elsewhere, and blamed when they fail."""

from __future__ import annotations

import pytest
from exact_sdk.fakedist import FakeDistributions
from exact_sdk.harness import Instance
from exact_sdk.pytest_plugin import Builder

SOUND = """
    from datetime import UTC, datetime
    from pydantic import BaseModel, ConfigDict
    from sqlalchemy import DateTime, Column, ForeignKey, Integer, String, exists, literal, select, text, cast
    from exact_core.api import *
    from exact_core.api.tables import core, plugin_base

    Base = plugin_base("sound")

    class SoundNote(Base):
        __tablename__ = "sound_note"
        id = Column(Integer, primary_key=True)
        annotation_id = Column(ForeignKey(core.Annotation.id, ondelete="CASCADE"), nullable=False)
        words = Column(String, nullable=False)
        seconds = Column(Integer)
        made_at = Column(DateTime(timezone=True))

    class Settings(BaseModel):
        model_config = ConfigDict(extra="forbid")
        shortest: int = 0

    @hookimpl
    def exact_plugin_info(): return PluginInfo("Sound", settings=Settings)

    @hookimpl
    def exact_schema(): return PluginSchema(Base.metadata, "exact_sound.migrations")

    def has_note(row, settings):
        return exists().where(SoundNote.annotation_id == row.annotation_id, SoundNote.seconds >= settings.shortest)

    def one(column):
        noted = select(column)
        return lambda row, _: noted.where(SoundNote.annotation_id == row.annotation_id).scalar_subquery()

    FACTS = {
        "pond": {"place": "Lake", "dark": True, "taken": datetime(2026, 5, 3, 12, tzinfo=UTC)},
        "hill": {"place": "lakeside hill", "dark": False},
    }

    def of_image(fact):
        return lambda reader, image, settings: FACTS.get(image.name, {}).get(fact)

    def cells(reader, image, settings):
        return sum(reader.count_by_type(Region.whole(image)).values()) - settings.shortest

    @hookimpl
    def exact_search_fields():
        return [
            SearchField("sound.note", SearchKind.BOOLEAN, has_note, "Has a note"),
            SearchField("sound.words", SearchKind.TEXT, one(SoundNote.words), values=("loud", "soft")),
            SearchField("sound.seconds", SearchKind.NUMBER, one(SoundNote.seconds)),
            SearchField("sound.made", SearchKind.DATE, one(SoundNote.made_at)),
            SearchField("sound.raises", SearchKind.TEXT, lambda row, settings: 1 / 0),
            SearchField("sound.wrong", SearchKind.TEXT, lambda row, settings: "loud"),
            SearchField("sound.broken", SearchKind.TEXT, lambda row, settings: text("no_such_column")),
            SearchField("sound.unsaid", SearchKind.TEXT, lambda row, settings: literal(None)),
            SearchField("sound.place", SearchKind.TEXT, image_value=of_image("place")),
            SearchField("sound.dark", SearchKind.BOOLEAN, image_value=of_image("dark")),
            SearchField("sound.taken", SearchKind.DATE, image_value=of_image("taken")),
            SearchField("sound.cells", SearchKind.NUMBER, image_value=cells),
            SearchField("sound.mistaken", SearchKind.NUMBER, image_value=lambda reader, image, settings: "loud"),
            SearchField("sound.dies", SearchKind.NUMBER, image_value=lambda reader, image, settings: 1 / 0),
        ]
"""
MIGRATION = """
    import sqlalchemy as sa
    from alembic import op
    revision = "0001"
    down_revision = None
    def upgrade():
        op.create_table("sound_note", sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("annotation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
                      sa.ForeignKey("annotation.id", ondelete="CASCADE"), nullable=False),
            sa.Column("words", sa.String, nullable=False), sa.Column("seconds", sa.Integer),
            sa.Column("made_at", sa.DateTime(timezone=True)))
    def downgrade():
        op.drop_table("sound_note")
"""


@pytest.fixture
def instance(exact: Builder, fake_distributions: FakeDistributions) -> Instance:
    files = {"migrations/__init__.py": "", "migrations/0001_first.py": MIGRATION}
    fake_distributions.add("sound", SOUND, files=files)
    return exact.start(plugins=["sound"])


def found(instance: Instance, image_set: int, query: str) -> list[int]:
    url = f"/api/v2/image-sets/{image_set}/annotation-search"
    answer = instance.client.get(url, params={"q": query})
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def note(instance: Instance, annotation: int, words: str, seconds: int) -> None:
    module = instance.kernel.records["sound"].module
    with instance.services.database.write() as session:
        from datetime import UTC, datetime

        at = datetime(2026, 5, seconds, tzinfo=UTC)
        session.add(module.SoundNote(annotation_id=annotation, words=words, seconds=seconds, made_at=at))  # type: ignore[attr-defined]


def test_a_field_of_a_plugin_is_searched_where_the_plugin_is_on(instance: Instance) -> None:
    image_set = instance.image_set(plugins=["sound"])
    image = instance.image(image_set, width=1000, height=800)
    one, two, three = (instance.annotate(image, "Cell", box=(n, 5, n + 20, 40)) for n in (10, 100, 200))
    note(instance, one, "Loud bang", 3)
    note(instance, two, "soft", 9)
    assert found(instance, image_set, "sound.note:yes") == [one, two]
    assert found(instance, image_set, "sound.note:no") == [three]
    assert found(instance, image_set, "not sound.note:yes") == [three]
    assert found(instance, image_set, "sound.words~BANG or sound.seconds>8") == [one, two]
    assert found(instance, image_set, "sound.words:soft class:Cell") == [two]
    assert found(instance, image_set, "sound.words!=soft") == [one, three]
    assert found(instance, image_set, "SOUND.seconds<=3") == [one]
    assert found(instance, image_set, "sound.made>=2026-05-09") == [two]
    assert found(instance, image_set, "sound.unsaid:x") == []
    instance.settings_for("sound", image_set, shortest=5)
    assert found(instance, image_set, "sound.note:yes size>1px2") == [two]
    fields = instance.client.get("/api/v2/search-fields", params={"image_set_id": image_set}).json()["items"]
    own = {each["name"]: (each["plugin"], each["kind"], each["values"]) for each in fields if each["plugin"]}
    assert own["sound.words"] == ("sound", "text", ["loud", "soft"])
    assert own["sound.note"] == ("sound", "boolean", ["yes", "no"])
    instance.switch("sound", image_set, enabled=False)
    answer = instance.client.get(f"/api/v2/image-sets/{image_set}/annotation-search", params={"q": "sound.note:yes"})
    assert (answer.status_code, answer.json()["code"]) == (422, "search-syntax")


def test_a_field_of_images_is_asked_once_per_image(instance: Instance) -> None:
    image_set = instance.image_set(plugins=["sound"])
    pond, hill, none = (instance.image(image_set, width=1000, height=800, name=name) for name in ("pond", "hill", "x"))
    a, b, c, d = (instance.annotate(image, "Cell", box=(5, 5, 20, 40)) for image in (pond, pond, hill, none))
    for query, hits in [
        ("sound.place:lake", [a, b]), ("sound.place~lake", [a, b, c]), ("sound.place:lake*", [a, b, c]),
        ("sound.place!=lake", [c, d]), ("not sound.place~lake", [d]), ("sound.dark:yes", [a, b]),
        ("sound.dark:no", [c]), ("sound.taken:2026-05-03", [a, b]), ("sound.taken>2026-05-03", []),
        ("sound.cells>=2", [a, b]), ("sound.cells:1 class:Cell", [c, d]),
        ("sound.place:lake or sound.cells<2", [a, b, c, d]),
    ]:  # fmt: skip
        assert found(instance, image_set, query) == hits, query
    url = f"/api/v2/image-sets/{image_set}/annotation-search/count"
    assert instance.client.get(url, params={"q": "sound.dark:yes"}).json()["total"] == 2
    instance.settings_for("sound", image_set, shortest=1)
    assert found(instance, image_set, "sound.cells>=1") == [a, b]


@pytest.mark.parametrize(
    "query",
    [
        "sound.cells:many",
        "sound.dark:perhaps",
        "sound.note>yes",
        "sound.note:perhaps",
        "sound.seconds:long",
        "sound.nothing:1",
    ],
)
def test_values_that_a_field_cannot_have_are_told(instance: Instance, query: str) -> None:
    image_set = instance.image_set(plugins=["sound"])
    answer = instance.client.get(f"/api/v2/image-sets/{image_set}/annotation-search", params={"q": query})
    assert (answer.status_code, answer.json()["code"]) == (422, "search-syntax")


@pytest.mark.allow_faults("the fields fail on purpose")
@pytest.mark.parametrize("name", ["raises", "wrong", "broken", "mistaken", "dies"])
def test_a_field_that_fails_is_blamed_on_its_plugin(instance: Instance, name: str) -> None:
    image_set = instance.image_set(plugins=["sound"])
    image = instance.image(image_set, width=1000, height=800)
    drawn = instance.annotate(image, "Cell", box=(5, 5, 20, 40))
    url = f"/api/v2/image-sets/{image_set}/annotation-search"
    for path in ("", "/facets"):
        answer = instance.client.get(url + path, params={"q": f"sound.{name}:1"})
        assert answer.status_code == 500
        assert "'sound'" in answer.json()["detail"]
    assert {fault.plugin for fault in instance.faults.recent()} == {"sound"}
    assert found(instance, image_set, "class:Cell") == [drawn]


def test_the_administrator_reads_what_a_plugin_adds(instance: Instance) -> None:
    from exact_core.web.bootstrap import what_plugins_add

    assert "Search field: sound.words" in what_plugins_add(instance.services)["sound"]
