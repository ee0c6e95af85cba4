"""Mistakes of authors: each is told with the line to mend and what to write there."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from exact_sdk.clean_load import CleanLoad
from exact_sdk.commands import plugin
from exact_sdk.examination import examine
from exact_sdk.fakedist import FakeDistributions
from exact_sdk.problems import Problem

QUICK = CleanLoad(seconds=0.01)
HEAD = "from exact_core.api import *\n"
ROUTER = "from fastapi import APIRouter\nrouter = APIRouter()\n"
ADD_ROUTER = "@hookimpl\ndef exact_routers():\n    return [PluginRouter(router)]\n"
TABLES = """from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column
from exact_core.api.tables import core, plugin_base
Base = plugin_base("lab")
class Note(Base):
    __tablename__ = "lab_note"
    id: Mapped[int] = mapped_column(primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey(core.Image.id{cascade}))
@hookimpl
def exact_schema():
    return PluginSchema(Base.metadata, "exact_lab.migrations")
"""
MIGRATIONS = {"migrations/__init__.py": ""}
TOOL = """@hookimpl
def exact_frontend():
    return Frontend(tools=(
        Tool("lab.tool", "Tool", key="{key}"),
    ))
"""
FIELD = """@hookimpl
def exact_search_fields():
    return [SearchField("lab.word", SearchKind.BOOLEAN, lambda row, settings: {value})]
"""
SCRIPT = {"static/index.js": "export default function activate(ctx) {}\n"}
PROJECT = {
    "pyproject.toml": """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "exact-lab"
version = "1.0.0"
dependencies = ["exact-core>=99"]

[project.entry-points."exact.plugins"]
lab = "exact_lab.plugin"

[tool.hatch.build.targets.wheel]
packages = ["exact_lab"]
"""
}


@dataclass(frozen=True)
class Mistake:
    """What an author wrote, and what must be said about it."""

    source: str
    line: str
    said: str
    remedy: str
    more: dict[str, Any] = field(default_factory=dict)


MISTAKES: dict[str, Mistake] = {
    "wrong hook name": Mistake(
        HEAD + "@hookimpl\ndef exact_statistic(): ...",
        "plugin.py:3",
        "did you mean 'exact_statistics'",
        "docs/hooks.md",
    ),
    "wrong argument": Mistake(
        HEAD + "\n@hookimpl\ndef exact_overlays(img): ...", "plugin.py:4", "asks for 'img'", "docs/hooks.md"
    ),
    "async hook": Mistake(HEAD + "@hookimpl\nasync def exact_overlays(): ...", "plugin.py:3", "synchronous", "Mend"),
    "import error": Mistake(HEAD + "import nothing_like_it", "plugin.py:2", "nothing_like_it", "dependencies"),
    "blocking route": Mistake(
        HEAD + ROUTER + "import time as clock\n"
        '@router.get("/slow", summary="Slow")\nasync def slow() -> None:\n    clock.sleep(1)\n' + ADD_ROUTER,
        "plugin.py:7",
        "async and calls time.sleep()",
        "Write 'def slow' instead of 'async def'",
    ),
    "blocking route that reads the database": Mistake(
        HEAD + ROUTER + "from exact_core.api.deps import DbSession\n"
        '@router.get("/rows", summary="Rows")\nasync def rows(session: DbSession) -> None: ...\n' + ADD_ROUTER,
        "plugin.py:6",
        "async and asks the database",
        "'def rows'",
    ),
    "blocking route that opens a file": Mistake(
        HEAD + ROUTER + '@router.get("/file", summary="File")\n'
        "async def file() -> str:\n    import subprocess\n    subprocess.run(['true'])\n    return open('x').read()\n"
        + ADD_ROUTER,
        "plugin.py:8",
        "calls io.open()",
        "'def file'",
    ),
    "unprefixed table": Mistake(
        HEAD + TABLES.replace("lab_note", "note").format(cascade=""), "plugin.py:6", "must start with 'lab_'", "Mend"
    ),
    "missing cascade": Mistake(
        HEAD + TABLES.format(cascade=""), "plugin.py:9", "needs ondelete='CASCADE'", "Mend", {"files": MIGRATIONS}
    ),
    "wrong core version": Mistake(
        HEAD,
        "pyproject.toml:8",
        "it needs exact-core >=99",
        "range of versions",
        {"project": PROJECT, "requires": ["exact-core>=99"]},
    ),
    "key of the viewer": Mistake(
        HEAD + TOOL.format(key="shift+h"),
        "plugin.py:5",
        "belongs to the viewer",
        "Choose one that is free",
        {"files": SCRIPT},
    ),
    "key in capitals": Mistake(
        HEAD + TOOL.format(key="Ctrl+Shift+G"),
        "plugin.py:5",
        "'Ctrl+Shift+G' of tool 'lab.tool' is no keyboard shortcut",
        'Write key="ctrl+shift+g"',
        {"files": SCRIPT},
    ),
    "search field that is no SQL": Mistake(
        HEAD + FIELD.format(value="row.image_id > 3 and True"),
        "plugin.py:4",
        "the expression of 'lab.word' raised TypeError: Boolean value of this clause is not defined",
        "exists().where",
    ),
    "search field that gives a number": Mistake(
        HEAD + FIELD.format(value="3"),
        "plugin.py:4",
        "the expression of 'lab.word' gave int, not SQL",
        "exists().where",
    ),
    "id used twice": Mistake(
        HEAD + "@hookimpl\ndef exact_permissions():\n    return [\n"
        '        Permission("lab.reset", "Reset"),\n        Permission("lab.reset", "Again"),\n    ]\n',
        "plugin.py:5",
        "'lab.reset' is used twice",
        "Mend",
    ),
    "id of another plugin": Mistake(
        HEAD + TOOL.format(key="").replace("lab.tool", "mill.tool"),
        "plugin.py:5",
        "'mill.tool' must start with 'lab.'",
        "Mend",
        {"files": SCRIPT},
    ),
    "missing asset": Mistake(HEAD + TOOL.format(key=""), "plugin.py:3", "there is no file static/index.js", "Mend"),
    "inside of the core": Mistake(
        HEAD + "from exact_core.storage.models import Image",
        "plugin.py:2",
        "can change with any release",
        "exact_core.api",
    ),
    "asset outside of the wheel": Mistake(
        HEAD + TOOL.format(key=""),
        "static/index.js",
        "not in the wheel",
        ".gitignore",
        {"project": {**PROJECT, ".gitignore": "*.js\n"}, "files": SCRIPT},
    ),
    "import of what is not the SDK": Mistake(
        HEAD + TOOL.format(key=""),
        "static/index.js:3",
        "'exact/viewer/stage.js' cannot be imported",
        "'exact/sdk'",
        {
            "files": {
                "static/index.js": "import {\n  Stage,\n} from 'exact/viewer/stage.js';\nexport default () => Stage;\n"
            }
        },
    ),
    "style for the whole page": Mistake(
        HEAD + TOOL.format(key=""),
        "static/lab.css:3",
        "the style for 'button' would change pages",
        '[data-plugin="lab"]',
        {
            "files": {
                **SCRIPT,
                "static/lab.css": "/* of buttons */\n.lab button { color: red; }\nbutton { color: red; }\n",
            }
        },
    ),
    "script that cannot be parsed": Mistake(
        HEAD + TOOL.format(key=""),
        "static/index.js:2",
        "node cannot parse it",
        "",
        {"files": {"static/index.js": "export default function activate(ctx) {}\nconst = 3;\n"}},
    ),
}


def found(name: str, said: str, measured: CleanLoad = QUICK) -> Problem:
    """The problem whose message holds some words."""
    problems = examine(name, measured=measured).problems
    matching = [each for each in problems if said in each.message]
    assert matching, [each.message for each in problems]
    return matching[0]


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_the_line_to_mend(mistake: Mistake, fake_distributions: FakeDistributions) -> None:
    fake_distributions.add("lab", mistake.source, **mistake.more)
    problem = found("lab", mistake.said)
    assert problem.place.endswith(mistake.line)
    assert Path(problem.place.rpartition(":")[0] if ":" in problem.place else problem.place).is_file()
    assert mistake.remedy in problem.remedy


def test_a_heavy_import_is_told_with_its_line(fake_distributions: FakeDistributions) -> None:
    """Really imported, in a process of its own: the one check of these that needs one."""
    fake_distributions.library("umap", "import pandas")
    fake_distributions.library("pandas")
    fake_distributions.add("lab", HEAD + "from exact_lab import net", files={"net.py": "import os\nimport umap"})
    report = examine("lab")
    (problem,) = (each for each in report.problems if each.rule == "it_imports_no_heavy_library")
    assert "loads umap, " in problem.message
    assert problem.place.endswith("net.py:2")
    assert "into the function that needs it" in problem.remedy


def test_an_import_that_takes_long_is_told_with_its_time(fake_distributions: FakeDistributions) -> None:
    fake_distributions.add("lab", HEAD + "import time\nwhile time.process_time() < 0.2: ...")
    loaded = CleanLoad(seconds=0.9)
    from exact_sdk.checks.loading import it_loads_quickly
    from exact_sdk.subject import Subject

    (problem,) = it_loads_quickly(Subject("lab"), loaded)
    assert "takes 900 ms" in problem.message


def test_a_name_that_two_distributions_claim_is_told_with_both(fake_distributions: FakeDistributions) -> None:
    fake_distributions.add("lab", HEAD, distribution="lab-a", package="lab_a")
    fake_distributions.add("lab", HEAD, distribution="lab-b", package="lab_b")
    problem = found("lab", "claimed by lab-a")
    assert problem.place.endswith("entry_points.txt:2")


def test_a_key_that_another_plugin_has_is_told_with_its_owner(fake_distributions: FakeDistributions) -> None:
    fake_distributions.add("lab", HEAD + TOOL.format(key="g"), files=SCRIPT)
    fake_distributions.add("mill", HEAD + TOOL.format(key="G").replace("lab.", "mill.").replace("G", "g"), files=SCRIPT)
    assert "belongs to the plugin 'mill'" in found("lab", "the key 'g'").message


def test_the_command_prints_what_it_found_and_says_so_in_its_exit_code(fake_distributions: FakeDistributions) -> None:
    fake_distributions.add("lab", HEAD + "@hookimpl\ndef exact_statistic(): ...")
    told = CliRunner().invoke(plugin, ["check", "lab"])
    assert told.exit_code == 1
    assert "plugin.py:3: there is no hook exact_statistic; did you mean" in told.output
    facts = json.loads(CliRunner().invoke(plugin, ["check", "lab", "--json"]).output)
    assert (facts["state"], facts["is_good"], facts["problems"][0]["rule"]) == ("invalid", False, "it_loads")
    missing = CliRunner().invoke(plugin, ["check", "nonsense"])
    assert (missing.exit_code, "No plugin 'nonsense' is installed" in missing.output) == (1, True)
