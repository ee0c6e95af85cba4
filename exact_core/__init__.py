"""EXACT: a small kernel with plugins for collaborative annotation of images of any size."""

__version__ = "1.0.0"
