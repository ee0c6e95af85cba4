"""The plugin host: it knows nothing about images and could be lifted out."""

from exact_core.kernel.kernel import Kernel

__all__ = ["Kernel"]
