"""Tables of plugins: a declarative base of their own, and the core's tables to refer to.

A plugin's tables have their own MetaData and class registry, start with the plugin's name, and refer to the core by
column objects (a string target does not cross MetaData), always with ``ondelete``::

    Base = plugin_base("screening")

    class ScreeningVisit(Base):
        __tablename__ = "screening_visit"
        id: Mapped[int] = mapped_column(primary_key=True)
        image_id: Mapped[int] = mapped_column(ForeignKey(core.Image.id, ondelete="CASCADE"))
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

if TYPE_CHECKING:
    from exact_core.storage import models

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_NAMING_CONVENTION = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class CoreTables:
    """The core's mapped classes that a plugin may refer to and read.

    They are looked up when they are used, because ``exact_core.api`` must not import the rest of the core.
    """

    @cached_property
    def User(self) -> type[models.User]:  # noqa: N802 - reads like the class it stands for
        """Accounts."""
        from exact_core.storage import models

        return models.User

    @cached_property
    def ImageSet(self) -> type[models.ImageSet]:  # noqa: N802
        """Image sets."""
        from exact_core.storage import models

        return models.ImageSet

    @cached_property
    def Image(self) -> type[models.Image]:  # noqa: N802
        """Images."""
        from exact_core.storage import models

        return models.Image

    @cached_property
    def AnnotationType(self) -> type[models.AnnotationType]:  # noqa: N802
        """Annotation types."""
        from exact_core.storage import models

        return models.AnnotationType

    @cached_property
    def Annotation(self) -> type[models.Annotation]:  # noqa: N802
        """Permanent identities of annotations; never deleted by edits or undo."""
        from exact_core.storage import models

        return models.Annotation

    @cached_property
    def Version(self) -> type[models.Version]:  # noqa: N802
        """Versions of image sets; deleting one leaves its row with ``deleted_at``."""
        from exact_core.storage import models

        return models.Version

    @cached_property
    def Job(self) -> type[models.Job]:  # noqa: N802
        """Background jobs."""
        from exact_core.storage import models

        return models.Job


core = CoreTables()
"""The one ``CoreTables``."""


def plugin_base(plugin: str) -> type[DeclarativeBase]:
    """Make the declarative base of a plugin's tables.

    Args:
        plugin: The plugin's name, with which every one of its tables must start.

    Returns:
        A new base with its own MetaData; a class whose table has a foreign name raises ``TypeError`` when defined.
    """
    if not _NAME.fullmatch(plugin):
        raise ValueError(f"{plugin!r} is not a plugin name: lower-case letters, digits and underscores")
    prefix = f"{plugin}_"

    class PluginBase(DeclarativeBase):
        """Base of one plugin's tables."""

        metadata = MetaData(naming_convention=_NAMING_CONVENTION)

        def __init_subclass__(cls, **kwargs: Any) -> None:
            table = cls.__dict__.get("__tablename__")
            if isinstance(table, str) and not table.startswith(prefix):
                raise TypeError(f"table {table!r} of {cls.__name__} must start with {prefix!r}")
            super().__init_subclass__(**kwargs)

    return PluginBase
