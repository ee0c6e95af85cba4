"""Taking a plugin with data away leaves the core whole; bringing it back finds the data."""

from __future__ import annotations

from collections.abc import Callable

from exact_sdk.fakedist import FakeDistribution, FakeDistributions
from sqlalchemy import inspect, text

from exact_core.activation.service import change_switch
from exact_core.activation.starting import make_kernel
from exact_core.api.context import Actor
from exact_core.kernel import Kernel
from exact_core.kernel.discovery import discover
from exact_core.settings import Settings
from exact_core.storage import migrate
from exact_core.storage.database import Database
from exact_core.storage.models import Image

VISITS = """
    from sqlalchemy import ForeignKey
    from sqlalchemy.orm import Mapped, mapped_column
    from exact_core.api import *
    from exact_core.api.tables import core, plugin_base

    Base = plugin_base("visits")

    class Visit(Base):
        __tablename__ = "visits_visit"
        id: Mapped[int] = mapped_column(primary_key=True)
        image_id: Mapped[int] = mapped_column(ForeignKey(core.Image.id, ondelete="CASCADE"))

    @hookimpl
    def exact_schema():
        return PluginSchema(Base.metadata, "exact_visits.migrations")
"""
REVISION = """
    import sqlalchemy as sa
    from alembic import op

    revision = "0001"
    down_revision = None

    def upgrade():
        op.create_table(
            "visits_visit",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("image_id", sa.BigInteger, sa.ForeignKey("image.id", ondelete="CASCADE"), nullable=False),
        )

    def downgrade():
        op.drop_table("visits_visit")
"""


def install(fakes: FakeDistributions) -> FakeDistribution:
    files = {"migrations/__init__.py": "", "migrations/0001_initial.py": REVISION}
    return fakes.add("visits", VISITS, files=files)


def kernel_of(fakes: FakeDistributions, settings: Settings, database: Database) -> Kernel:
    return make_kernel(settings, database, None, discover([str(fakes.folder)]))


def upgrade(database: Database, kernel: Kernel) -> list[str]:
    return [found.state for found in migrate.upgrade(database, migrate.plugin_schemas(kernel.index.schemas()))]


def visits(database: Database) -> int:
    with database.read() as session:
        return session.execute(text("SELECT count(*) FROM visits_visit")).scalar_one()


def test_a_plugin_with_data_is_taken_away_and_brought_back(
    fake_distributions: FakeDistributions,
    settings: Settings,
    database: Database,
    make_user: Callable[..., Actor],
    make_image_set: Callable[..., int],
    make_image: Callable[..., int],
) -> None:
    admin, image_set = make_user("root", is_admin=True), make_image_set()
    kept, deleted = make_image(image_set), make_image(image_set)

    installed = install(fake_distributions)
    kernel = kernel_of(fake_distributions, settings, database)
    assert kernel.records["visits"].state == "pending_migration"
    assert upgrade(database, kernel) == ["current", "current"]
    kernel = kernel_of(fake_distributions, settings, database)
    change_switch(database, kernel, admin, image_set, "visits", enabled=True)
    with database.write() as session:
        for image in (kept, deleted):
            session.execute(text("INSERT INTO visits_visit (image_id) VALUES (:image)"), {"image": image})

    fake_distributions.remove(installed)
    kernel = kernel_of(fake_distributions, settings, database)
    assert "visits" not in kernel.records
    assert kernel.activation.of(image_set).problems == {"visits": "The plugin 'visits' is not installed."}
    assert upgrade(database, kernel) == ["current"]
    assert migrate.check(database)["core"] == []
    with database.write() as session:
        session.delete(session.get(Image, deleted))
    assert visits(database) == 1

    install(fake_distributions)
    kernel = kernel_of(fake_distributions, settings, database)
    assert kernel.records["visits"].state == "loaded"
    assert kernel.activation.enabled(image_set) == {"visits"}
    assert visits(database) == 1
    assert inspect(database.engine).has_table("alembic_version_visits")
