"""What EXACT asks of every plugin."""

from exact_sdk.conformance import PluginConformance


class TestKeptSample(PluginConformance):
    plugin = "kept_sample"
