"""Tools for authors of EXACT plugins."""

__version__ = "1.0.0"
