"""Image sets, who has which role in them, tags, pins, and the plugins that are switched on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from exact_core.storage.models.base import Base, BigKey, Json, UtcDateTime, now
from exact_core.storage.models.user import Team


class ImageSet(Base):
    """A collection of images with one team, one annotation mode and one growing revision number."""

    __tablename__ = "image_set"
    __table_args__ = (
        UniqueConstraint("team_id", "name"),
        CheckConstraint("mode IN ('cooperative', 'competitive', 'second_opinion')", name="mode"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id", ondelete="RESTRICT"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(default="")
    mode: Mapped[str] = mapped_column(String(20), default="cooperative")
    mode_settings: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # see review/settings.py
    unblinded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # blind until then, in the modes that are
    is_locked: Mapped[bool] = mapped_column(default=False)  # read-only for everybody until unlocked
    revision: Mapped[int] = mapped_column(default=0)  # of the annotations; +1 per committed change set
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    team: Mapped[Team] = relationship()


class ImageSetMember(Base):
    """A role in one image set, given to one user or to one team."""

    __tablename__ = "image_set_member"
    __table_args__ = (
        UniqueConstraint("image_set_id", "user_id"),
        UniqueConstraint("image_set_id", "team_id"),
        CheckConstraint("(user_id IS NULL) <> (team_id IS NULL)", name="one_holder"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    image_set_id: Mapped[int] = mapped_column(ForeignKey("image_set.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id", ondelete="CASCADE"), index=True)
    role: Mapped[str] = mapped_column(String(20))


class Tag(Base):
    """A word that image sets and images can carry."""

    __tablename__ = "tag"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    folded_name: Mapped[str] = mapped_column(String(128), unique=True)


class ImageSetTag(Base):
    """A tag on an image set."""

    __tablename__ = "image_set_tag"

    image_set_id: Mapped[int] = mapped_column(ForeignKey("image_set.id", ondelete="CASCADE"), primary_key=True)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id", ondelete="CASCADE"), primary_key=True, index=True)


class ImageSetPin(Base):
    """A set that a user keeps on top of the list."""

    __tablename__ = "image_set_pin"

    image_set_id: Mapped[int] = mapped_column(ForeignKey("image_set.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True)


class ImageSetPlugin(Base):
    """Whether a plugin is on in a set, and its settings there.

    Keyed by the plugin's name, not by a row of installed plugins, so that it survives an uninstall.
    """

    __tablename__ = "image_set_plugin"

    image_set_id: Mapped[int] = mapped_column(ForeignKey("image_set.id", ondelete="CASCADE"), primary_key=True)
    plugin: Mapped[str] = mapped_column(String(64), primary_key=True)
    enabled: Mapped[bool] = mapped_column(default=False)
    required: Mapped[bool] = mapped_column(default=False)
    settings: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    settings_version: Mapped[int] = mapped_column(default=1)
    updated_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, onupdate=now)


class PluginFault(Base):
    """A failure of a plugin, kept for the administrator; the newest few hundred per plugin."""

    __tablename__ = "plugin_fault"
    __table_args__ = (Index("ix_plugin_fault_plugin_id", "plugin", "id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    plugin: Mapped[str] = mapped_column(String(64))
    place: Mapped[str] = mapped_column(String(200))  # hook, route or job
    image_set_id: Mapped[int | None] = mapped_column(ForeignKey("image_set.id", ondelete="SET NULL"))
    message: Mapped[str]
    traceback: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class Epoch(Base):
    """A counter that is raised in the same transaction as what it stands for; processes compare it to refresh."""

    __tablename__ = "epoch"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)  # "access", "activation"
    value: Mapped[int] = mapped_column(default=0)
