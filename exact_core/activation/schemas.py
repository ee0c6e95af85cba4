"""Plugins and their switches, as the API says them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class PluginOut(BaseModel):
    """An installed plugin."""

    name: str
    title: str
    summary: str
    version: str
    state: str = Field(description="loaded, pending_migration, blocked, conflict, incompatible, import_failed, invalid")
    is_healthy: bool
    distribution: str = Field(description="Empty unless an administrator asks.")
    reason: str = Field(description="Why it is not in use, and what to do; empty unless an administrator asks.")
    warnings: list[str] = Field(description="What is not right, but harmless; empty unless an administrator asks.")
    faults: int = Field(description="Kept failures; 0 unless an administrator asks.")
    image_sets: int = Field(description="Image sets where it was switched on; 0 unless an administrator asks.")
    requires: list[str]
    permissions: list[str]


class PluginFaultOut(BaseModel):
    """One kept failure of a plugin."""

    id: int
    plugin: str
    place: str = Field(description="Hook, route or job.")
    image_set_id: int | None
    message: str
    traceback: str
    at: datetime


class PluginSwitchOut(BaseModel):
    """A plugin in one image set."""

    name: str
    title: str
    summary: str
    state: str = Field(description="State in the server, or 'missing' (not installed), 'misconfigured' (here).")
    enabled: bool = Field(description="Whether it is switched on.")
    is_running: bool = Field(description="Whether it is on and works.")
    required: bool = Field(description="Whether changes are refused while it fails.")
    problem: str = Field(description="Why it is on and does not work, or why it cannot be switched on; else empty.")
    is_suggested: bool = Field(description="Whether it suits one of the image set's products.")
    requires: list[str]
    required_by: list[str] = Field(description="Plugins that are on here and need this one.")
    settings: dict[str, Any]
    settings_schema: dict[str, Any] | None = Field(description="JSON schema of the settings, for a form.")
    updated_at: datetime | None
    updated_by: str = Field(description="Who switched it last; empty when nobody did.")


class PluginSwitchIn(BaseModel):
    """What to change about a plugin in an image set; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool | None = None
    required: bool | None = Field(default=None, description="Administrators only.")
    settings: dict[str, Any] | None = Field(default=None, description="All settings that differ from the defaults.")


class StatisticOut(BaseModel):
    """One figure of a plugin."""

    plugin: str
    id: str
    label: str
    value: float | int | str | None
    unit: str
    note: str
    maximum: float | None


class OverlayOut(BaseModel):
    """A picture of a plugin to draw over the slide."""

    plugin: str
    id: str
    title: str
    url: str = Field(description="One picture over the whole image, or a template with {level}, {column} and {row}.")
    is_tiled: bool
    places: list[str]
    opacity: float
    is_shown: bool
