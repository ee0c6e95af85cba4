"""Tables of the plugin. After a change write a revision: exact db revision --plugin NAME -m "what changes"."""

from __future__ import annotations

from exact_core.api.tables import core, plugin_base
from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

Base = plugin_base("kept_sample")


class Note(Base):  # type: ignore[misc, valid-type]
    """What somebody wrote about an image; it goes with the image, and stays without its author."""

    __tablename__ = "kept_sample_note"

    id: Mapped[int] = mapped_column(primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey(core.Image.id, ondelete="CASCADE"), unique=True)
    author_id: Mapped[int | None] = mapped_column(ForeignKey(core.User.id, ondelete="SET NULL"), index=True)
    text: Mapped[str] = mapped_column(Text, default="")
