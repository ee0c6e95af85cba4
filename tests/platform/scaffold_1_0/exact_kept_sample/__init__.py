"""Kept sample: a plugin for EXACT."""

__version__ = "1.0.0"
