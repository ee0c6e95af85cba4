"""``exact plugin new``: a complete plugin in a folder, from templates."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

PARTS = ("panel", "routes", "tables", "jobs", "model", "statistics")
"""What can be asked for; each works with and without the others."""

TEMPLATES = Path(__file__).parent / "templates" / "plugin"
MOST_LETTERS = 30

_ALWAYS = (
    "pyproject.toml", "README.md", ".gitignore", "package/__init__.py", "package/plugin.py", "package/settings.py",
    "tests/test_conformance.py", "tests/test_plugin.py",
)  # fmt: skip


class BadName(ValueError):
    """The name cannot be that of a plugin; the message says why, and what would do."""


@dataclass(frozen=True, slots=True)
class Naming:
    """The names that follow from one.

    Attributes:
        plugin: ``nuclei_count``: the plugin.
        title: ``Nuclei count``: what people read.
    """

    plugin: str
    title: str

    @property
    def package(self) -> str:
        """The import package."""
        return f"exact_{self.plugin}"

    @property
    def distribution(self) -> str:
        """The distribution."""
        return f"exact-{self.dashed}"

    @property
    def dashed(self) -> str:
        """The plugin's folder, and the beginning of its style classes."""
        return self.plugin.replace("_", "-")

    @property
    def classname(self) -> str:
        """The beginning of its classes."""
        return "".join(word.title() for word in self.plugin.split("_"))


def naming_of(name: str) -> Naming:
    """The names of a plugin from what somebody typed: dashes, spaces and capitals are taken care of.

    Raises:
        BadName: No plugin can be called so.
    """
    from exact_core.kernel.loader import RESERVED

    plain = re.sub(r"[\s-]+", "_", name.strip()).lower()
    for prefix in ("exact_plugin_", "exact_"):
        plain = plain.removeprefix(prefix)
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", plain):
        raise BadName(f"{name!r} is no name for a plugin: letters, digits and single dashes, a letter first.")
    if len(plain) > MOST_LETTERS:
        raise BadName(f"{name!r} is too long: at most {MOST_LETTERS} letters.")
    if plain in RESERVED or plain == "sdk":
        raise BadName(f"The name {plain!r} belongs to EXACT itself; choose another one.")
    if keyword.iskeyword(plain):
        raise BadName(f"{plain!r} is a word of Python; choose another one.")
    return Naming(plain, plain.replace("_", " ").capitalize())


def parts_of(text: str) -> tuple[str, ...]:
    """The parts in a list with commas, in their order; raises ``BadName`` for one that does not exist."""
    wanted = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [part for part in wanted if part not in PARTS]
    if unknown:
        raise BadName(f"There is no part {unknown[0]!r}; choose among: {', '.join(PARTS)}.")
    return tuple(part for part in PARTS if part in wanted)


def render(naming: Naming, parts: Iterable[str]) -> dict[str, str]:
    """Every file of a new plugin, by its path below the plugin's folder."""
    chosen = set(parts)
    values = _values(naming, chosen)
    environment = _environment()
    files = {}
    for path in _paths(chosen):
        # hidden files and folders of tests would be left out of the wheel, or look as if they were the SDK's own
        template = re.sub(r"^tests/", "own_tests/", path.removeprefix("."))
        text = environment.get_template(f"{template}.j2").render(values)
        files[re.sub(r"^package(?=/)", naming.package, path)] = text
    if "panel" in chosen:
        files["types/exact-sdk.d.ts"] = (browser_folder() / "exact-sdk.d.ts").read_text(encoding="utf-8")
    return files


def write(naming: Naming, parts: Iterable[str], into: Path) -> Path:
    """Write a new plugin into a folder of its own; never over a file.

    Raises:
        FileExistsError: One of its files is there already; nothing was written.
    """
    folder = into / naming.dashed
    files = render(naming, parts)
    for path in files:
        if (folder / path).exists():
            raise FileExistsError(f"{folder / path} is there already; nothing was written.")
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


def browser_folder() -> Path:
    """Where the types and the fake viewer lie: inside the wheel's package, beside it in a source folder."""
    inside = Path(__file__).parent / "js"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "js"


def _paths(parts: set[str]) -> Sequence[str]:
    found = list(_ALWAYS)
    has_jobs = bool(parts & {"jobs", "model"})
    if parts & {"routes", "statistics"}:
        found.append("package/service.py")
    if "routes" in parts or has_jobs:
        found.append("package/schemas.py")
    if "routes" in parts:
        found.append("package/routes.py")
    if "tables" in parts:
        found += ["package/tables.py", "package/migrations/__init__.py", "package/migrations/0001_initial.py"]
    if "jobs" in parts:
        found.append("package/jobs.py")
    if "model" in parts:
        found.append("package/model.py")
    if "panel" in parts:
        found += ["package/static/index.js", "package/static/panel.css", "tests/panel.test.mjs", "jsconfig.json"]
    return found


def _values(naming: Naming, parts: set[str]) -> dict[str, Any]:
    has_jobs = bool(parts & {"jobs", "model"})
    api = {"PluginInfo", "hookimpl"}
    api |= {"Frontend", "Panel", "Slot"} if "panel" in parts else set()
    api |= {"PluginRouter"} if "routes" in parts else set()
    api |= {"PluginSchema"} if "tables" in parts else set()
    api |= {"JobType"} if has_jobs else set()
    api |= {"AnnotationReader", "Region", "Statistic"} if "statistics" in parts else set()
    job_schemas = [name for part, name in (("jobs", "CountParams"), ("model", "PredictParams")) if part in parts]
    route_schemas = ["CountAnswer", *job_schemas]
    route_schemas += ["JobStarted"] if has_jobs else []
    route_schemas += ["NoteText"] if "tables" in parts else []
    modules = {"routes": "routes" in parts, "service": "statistics" in parts}
    deps = {"Annotations", "ImageInSet", "PluginSettings"}
    deps |= {"DbSession"} if "tables" in parts else set()
    deps |= {"Plugin"} if has_jobs else set()
    deps |= {"ImageSetAccess", "Transaction"} if has_jobs or "tables" in parts else set()
    return {
        "plugin": naming.plugin,
        "title": naming.title,
        "package": naming.package,
        "distribution": naming.distribution,
        "classname": naming.classname,
        "css": naming.dashed,
        "parts": parts,
        "has_jobs": has_jobs,
        "imports_sequence": bool(parts & {"routes", "jobs", "model", "statistics"}),
        "api_names": sorted(api, key=_as_isort),
        "own_modules": [name for name, is_wanted in modules.items() if is_wanted],
        "job_schemas": job_schemas,
        "route_schemas": sorted(route_schemas),
        "deps": sorted(deps),
    }


def _as_isort(name: str) -> tuple[bool, str]:
    return name[0].islower(), name


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(  # noqa: S701 - what is written is source code, not a page
        loader=FileSystemLoader(TEMPLATES),
        block_start_string="[%",
        block_end_string="%]",
        variable_start_string="[[",
        variable_end_string="]]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
