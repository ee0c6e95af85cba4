"""Whether a plugin's browser files are there, can be served and parsed, and are in its wheel."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from exact_sdk.problems import CannotCheck, Problem
from exact_sdk.subject import Subject

_IMPORT = re.compile(r"""^\s*(?:(?:import|export)\s[^'";]*?\bfrom\s*|import\s*\(?\s*)['"]([^'"]+)['"]""", re.MULTILINE)
_NOT_BUILT_FROM = shutil.ignore_patterns(".*", "node_modules", "build", "dist", "*.egg-info", "__pycache__")


def its_assets_are_there(subject: Subject) -> Iterator[Problem]:
    """What the plugin names exists below ``static``, by a relative path that stays there."""
    for file in _named(subject):
        path = PurePosixPath(file)
        if path.is_absolute() or ".." in path.parts:
            yield Problem(f"{file!r} leaves the static folder", subject.place_of_text(file), "Write a relative path.")
        elif subject.static is None or not (subject.static / file).is_file():
            yield Problem(f"there is no file static/{file}", subject.place_of_text(file))


def its_assets_can_be_served(subject: Subject) -> Iterator[Problem]:
    """Every file below ``static`` has a type that the server sends."""
    from exact_core.web.assets import MEDIA_TYPES

    for path in _files(subject):
        if path.suffix.lower() not in MEDIA_TYPES:
            yield Problem(
                f"files that end with {path.suffix!r} are never sent",
                str(path),
                f"Use one of: {', '.join(sorted(MEDIA_TYPES))}; or move it out of static.",
            )


def its_files_are_in_its_wheel(subject: Subject) -> Iterator[Problem]:
    """Every file of the package is in the wheel: browser files, migrations, templates."""
    if subject.folder is None:
        return
    held = _wheel_of(subject) if subject.project is not None else _installed(subject)
    for path in sorted(subject.folder.rglob("*")):
        relative = path.relative_to(subject.folder.parent)
        is_leftover = any(part == "__pycache__" or part.startswith(".") for part in relative.parts)
        name = relative.as_posix()
        if path.is_file() and not is_leftover and name not in held:
            yield Problem(
                f"{name} is not in the wheel: whoever installs the plugin will not have it",
                str(path),
                "Look for a line in .gitignore that hides it, or add to pyproject.toml: "
                f'[tool.hatch.build.targets.wheel] packages = ["{subject.package}"]',
            )


def its_browser_modules_parse(subject: Subject) -> Iterator[Problem]:
    """node can parse every module below ``static``."""
    modules = [path for path in _files(subject) if path.suffix in (".js", ".mjs")]
    if not modules:
        return
    node = shutil.which("node")
    if node is None:
        raise CannotCheck("node is not installed, so that JavaScript cannot be parsed")
    program = (
        "const fs=require('fs'),vm=require('vm');for(const f of process.argv.slice(1)){try{"
        "new vm.SourceTextModule(fs.readFileSync(f,'utf8'),{identifier:f})}catch(e){"
        "console.log(JSON.stringify({file:f,message:String(e.message)}))}}"
    )
    command = [node, "--experimental-vm-modules", "--no-warnings", "-e", program, *map(str, modules)]
    done = subprocess.run(  # noqa: S603 - node, with files of the plugin as arguments
        command, capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        raise CannotCheck(f"node could not parse modules: {done.stderr.strip()[-300:]}")
    for line in done.stdout.splitlines():
        told = json.loads(line)
        place = f"{told['file']}:{_line_of_syntax_error(node, Path(told['file']))}"
        yield Problem(f"node cannot parse it: {told['message']}", place, "Mend the line; node --check says the same.")


def _line_of_syntax_error(node: str, path: Path) -> int:
    """The line that ``node --check`` names, which only takes a file for a module when its name says so."""
    with TemporaryDirectory(prefix="exact-check-") as folder:
        copy = Path(folder) / "module.mjs"
        copy.write_bytes(path.read_bytes())
        command = [node, "--check", str(copy)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    found = re.search(r"module\.mjs:(\d+)", done.stderr)
    return int(found[1]) if found else 1


def its_entry_exports_activate(subject: Subject) -> Iterator[Problem]:
    """The entry module has a default export, the function ``activate(ctx)``."""
    frontend = subject.contributions.frontend if subject.contributions else None
    if frontend is None or subject.static is None:
        return
    entry = subject.static / frontend.entry
    text = entry.read_text(encoding="utf-8")
    if not re.search(r"^\s*export\s+default\b|\bas\s+default\b", text, re.MULTILINE):
        yield Problem(
            "it has no default export, so that nothing can be started",
            f"{entry}:1",
            "Write: export default function activate(ctx) { … }",
        )


def its_imports_can_be_found(subject: Subject) -> Iterator[Problem]:
    """Browser modules import files beside them, ``exact/sdk``, or plugins that it requires."""
    requires = subject.contributions.info.requires if subject.contributions else ()
    of_plugins = tuple(f"exact/plugins/{need}/" for need in (*requires, subject.name))
    for path in _files(subject):
        if path.suffix not in (".js", ".mjs"):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for found in _IMPORT.finditer(text):
            target = found[1]
            place = f"{path}:{text.count(chr(10), 0, found.start(1)) + 1}"
            if target.startswith(("./", "../")):
                if not (path.parent / target).resolve().is_file():
                    yield Problem(f"there is no file {target!r} beside it", place)
            elif target != "exact/sdk" and not target.startswith(of_plugins):
                yield Problem(
                    f"{target!r} cannot be imported in the browser",
                    place,
                    "Import './file.js', 'exact/sdk', or 'exact/plugins/NAME/…' of a plugin that it requires.",
                )


def its_styles_stay_in_its_panels(subject: Subject) -> Iterator[Problem]:
    """No style sheet changes elements of the page by their tag, their id or for everything."""
    for path in _files(subject):
        if path.suffix != ".css":
            continue
        text = re.sub(r"/\*.*?\*/", lambda found: re.sub(r"[^\n]", " ", found[0]), path.read_text(), flags=re.DOTALL)
        for found in re.finditer(r"(?:^|[{}])\s*([^{}@;]+)\{", text):
            for selector in found[1].split(","):
                first = selector.strip()
                if re.match(r"(\*|html|body|:root|[a-z][a-z0-9]*)(?=[\s:>+~]|$)", first) and not _inside(text, found):
                    yield Problem(
                        f"the style for {first!r} would change pages beyond the plugin's own panels",
                        f"{path}:{text.count(chr(10), 0, found.start(1)) + 1}",
                        f'Begin it with: [data-plugin="{subject.name}"]',
                    )


def _inside(text: str, found: re.Match[str]) -> bool:
    """Whether a rule is nested in another one, or a step of an animation."""
    before = text[: found.start(1)]
    return before.count("{") > before.count("}")


def _named(subject: Subject) -> list[str]:
    frontend = subject.contributions.frontend if subject.contributions else None
    if frontend is None:
        return []
    return [frontend.entry, *frontend.styles, *(tool.icon for tool in frontend.tools if tool.icon)]


def _files(subject: Subject) -> list[Path]:
    if subject.static is None:
        return []
    return sorted(path for path in subject.static.rglob("*") if path.is_file() and not path.name.startswith("."))


def _installed(subject: Subject) -> set[str]:
    return {file.as_posix() for file in subject.distribution.files or ()}


def _wheel_of(subject: Subject) -> set[str]:
    """The names in a wheel of the project, built by the backend that it names."""
    assert subject.project is not None
    facts = tomllib.loads((subject.project / "pyproject.toml").read_text(encoding="utf-8"))
    backend = facts.get("build-system", {}).get("build-backend", "setuptools.build_meta")
    if importlib.util.find_spec(backend.partition(".")[0]) is None:
        raise CannotCheck(f"the wheel cannot be built: {backend.partition('.')[0]} is not installed here")
    with TemporaryDirectory(prefix="exact-wheel-") as folder:
        target = Path(folder) / "wheel"
        target.mkdir()
        source = subject.project
        if not backend.startswith("hatchling"):  # others write into the folder that they build from
            source = Path(shutil.copytree(subject.project, Path(folder) / "source", ignore=_NOT_BUILT_FROM))
        program = f"import sys, {backend}; {backend}.build_wheel(sys.argv[1])"
        done = subprocess.run(  # noqa: S603 - the project's own build backend
            [sys.executable, "-c", program, str(target)],
            cwd=source,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        built = list(target.glob("*.whl"))
        if done.returncode or not built:
            raise CannotCheck(f"the wheel cannot be built: {done.stderr.strip()[-300:]}")
        with zipfile.ZipFile(built[0]) as archive:
            return set(archive.namelist())
