"""Sounds, films and pictures attached to annotations and images, and maps made of spectrograms."""

__version__ = "1.0.0"
