"""Candidates: what installed distributions offer under the entry-point group of plugins. Nothing is imported here."""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.utils import canonicalize_name

GROUP = "exact.plugins"

# What importlib.metadata lets through when files of a distribution are missing, unreadable or malformed.
_BROKEN_METADATA = (OSError, ValueError, KeyError, TypeError, AttributeError)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry point and the distribution that brings it.

    Attributes:
        name: Name of the entry point: the plugin's name.
        value: The module to import.
        distribution: Name of the distribution; empty for built-in parts.
        version: Version of the distribution.
        requires: Its ``Requires-Dist`` lines.
    """

    name: str
    value: str
    distribution: str = ""
    version: str = ""
    requires: tuple[str, ...] = ()


def discover(path: Sequence[str] | None = None) -> list[Candidate]:
    """List every candidate, sorted by name and distribution; a broken distribution is logged and left out.

    Args:
        path: Folders to look in instead of ``sys.path``.
    """
    found: list[Candidate] = []
    for distribution in _distributions(path):
        try:
            found.extend(_candidates(distribution))
        except _BROKEN_METADATA as error:
            _log.warning("A distribution's metadata cannot be read, it is left out: %r", error)
    return sorted(found, key=lambda each: (each.name, each.distribution))


def _distributions(path: Sequence[str] | None) -> Iterator[importlib.metadata.Distribution]:
    """Each distribution that offers plugins, once: the first on the path hides later ones of its name, as for imports.

    Only of these the metadata is read: reading that of everything that is installed takes longer than all else here.
    """
    where: dict[str, Any] = {} if path is None else {"path": list(path)}
    seen: set[str] = set()
    for distribution in importlib.metadata.distributions(**where):
        try:
            if GROUP not in (distribution.read_text("entry_points.txt") or ""):
                continue
            name = canonicalize_name(distribution.metadata["Name"])
        except _BROKEN_METADATA:
            continue
        if name not in seen:
            seen.add(name)
            yield next(iter(importlib.metadata.distributions(name=name, **where)), distribution)


def _candidates(distribution: importlib.metadata.Distribution) -> Iterator[Candidate]:
    for entry in distribution.entry_points:
        if entry.group == GROUP:
            yield Candidate(
                entry.name,
                entry.value,
                distribution.metadata["Name"],
                distribution.version,
                tuple(distribution.requires or ()),
            )
