"""What EXACT asks of every plugin."""

from __future__ import annotations

from exact_sdk.conformance import PluginConformance


class TestMedia(PluginConformance):
    plugin = "media"
