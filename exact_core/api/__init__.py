"""The public contract of EXACT: plugins import this package and nothing else of the core.

What is listed in ``__all__`` is the promise. Three submodules are imported by name because they load a framework:
``exact_core.api.deps`` (FastAPI dependencies), ``exact_core.api.tables`` (SQLAlchemy) and
``exact_core.api.drivers`` (protocols of image sources).
"""

from exact_core.api.annotations import AnnotationReader, Cell, Region, TypeInfo
from exact_core.api.context import Actor, JobContext, PluginContext
from exact_core.api.contributions import (
    Frontend,
    JobType,
    Overlay,
    OverlayPlace,
    Panel,
    Permission,
    PluginInfo,
    PluginRouter,
    PluginSchema,
    Priority,
    Role,
    Shape,
    Slot,
    SourceMatch,
    Statistic,
    Tool,
)
from exact_core.api.errors import (
    ConfigurationError,
    Conflict,
    DriverError,
    ExactError,
    Forbidden,
    Invalid,
    NotFound,
    PluginError,
    Refused,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from exact_core.api.events import (
    AnnotationAction,
    AnnotationChange,
    AnnotationState,
    ImageAction,
    ImageChange,
    JobResult,
    JobState,
)
from exact_core.api.images import ImageInfo, RenderedTile, TileRequest
from exact_core.api.markers import Policy, Scope, hookimpl
from exact_core.api.version import API_VERSION

__all__ = [
    "API_VERSION",
    "Actor",
    "AnnotationAction",
    "AnnotationChange",
    "AnnotationReader",
    "AnnotationState",
    "Cell",
    "ConfigurationError",
    "Conflict",
    "DriverError",
    "ExactError",
    "Forbidden",
    "Frontend",
    "ImageAction",
    "ImageChange",
    "ImageInfo",
    "Invalid",
    "JobContext",
    "JobResult",
    "JobState",
    "JobType",
    "NotFound",
    "Overlay",
    "OverlayPlace",
    "Panel",
    "Permission",
    "PluginContext",
    "PluginError",
    "PluginInfo",
    "PluginRouter",
    "PluginSchema",
    "Policy",
    "Priority",
    "Refused",
    "Region",
    "RenderedTile",
    "Role",
    "Scope",
    "Shape",
    "Slot",
    "SourceMatch",
    "Statistic",
    "TileRequest",
    "TooLarge",
    "TooMany",
    "Tool",
    "TypeInfo",
    "Unauthenticated",
    "Unavailable",
    "hookimpl",
]
