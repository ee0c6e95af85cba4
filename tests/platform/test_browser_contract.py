"""The browser side of the contract: its page, its types and the real interface say the same."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.platform import browser_contract

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "javascript.md").read_text()
FRONTEND = ROOT / "frontend"
TSC = FRONTEND / "node_modules" / ".bin" / "tsc"


def sections() -> dict[str, list[str]]:
    """The names in the first column of each table of the page, by the first word of the heading."""
    found = {}
    for part in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]:
        heading = re.match(r"\w+", part)
        assert heading
        found[heading[0]] = re.findall(r"^\| `(\w+)", part.partition("\n## ")[0], re.MULTILINE)
    return found


def test_every_member_of_the_types_is_explained_on_the_page_and_no_other() -> None:
    told = sections()
    assert sorted(told.pop("Functions")) == sorted(browser_contract.functions())
    typed = {name: [member.rstrip("?") for member in own] for name, own in browser_contract.members().items()}
    assert told == typed


def test_the_versions_of_the_interface_agree() -> None:
    version = (ROOT / "exact_core" / "web" / "static" / "sdk" / "version.js").read_text()
    number = re.search(r"API_VERSION = '(.+)'", version)
    assert number
    assert f"Browser API {number[1]}." in PAGE
    assert f"Browser API {number[1]}." in browser_contract.TYPES.read_text()
    assert f"API_VERSION = '{number[1]}'" in (ROOT / "sdk" / "js" / "fake_sdk.js").read_text()


def test_the_classes_and_variables_that_panels_may_rely_on_are_on_every_page() -> None:
    web = ROOT / "exact_core" / "web"
    linked = re.findall(r"asset\('(shell/\w+\.css)'\)", (web / "templates" / "base.html").read_text())
    styles = "".join((web / "static" / name).read_text() for name in linked)
    selectors = re.sub(r"\{[^{}]*\}", "{}", styles)
    told = PAGE.partition("\n## How a panel looks\n")[2].partition("\n## ")[0]
    names = [
        name for line in re.findall(r"^\| (`[^|]+) \|", told, re.MULTILINE) for name in re.findall(r"`([\w-]+)`", line)
    ]
    variables = {name for name in names if name.startswith("--")}
    classes = set(names) - variables
    assert {"btn", "muted", "field__label"} <= classes
    assert {"--text", "--space-6"} <= variables
    assert {name for name in classes if not re.search(rf"\.{name}(?![\w-])", selectors)} == set()
    assert {name for name in variables if not re.search(rf"^\s*{name}:", styles, re.MULTILINE)} == set()


def test_what_the_page_says_of_the_fake_page_is_there_and_nothing_is_left_out() -> None:
    told = PAGE.partition("\n## Tests without a browser\n")[2]
    options, members = (
        set(re.findall(r"^\| (`\w.*?) \|", part, re.MULTILINE)) for part in told.split("| member of")[:2]
    )
    script = (ROOT / "sdk" / "js" / "testing.js").read_text()
    assert {name.strip("`") for name in options} == set(re.findall(r"@property \{.*\} \[?(\w+)\]?", script))
    given = set(re.findall(r"^  (?:async )?(\w+)\(.*\) \{$|^    this\.(\w+) = ", script, re.MULTILINE))
    real = {first or second for first, second in given} - {
        "constructor",
        "options",
        "listeners",
        "end",
        "stops",
        "view",
    }
    assert {name for each in members for name in re.findall(r"`(\w+)", each)} == real


@pytest.fixture(scope="module")
def compiler() -> Path:
    if not TSC.exists():
        pytest.skip("the TypeScript compiler is not installed: make dev")
    return TSC


def compiled(compiler: Path, folder: Path, types: str) -> str:
    """What the compiler says of ``types.check.js`` with a text in place of ``exact-sdk.d.ts``."""
    (folder / "exact-sdk.d.ts").write_text(types)
    config = folder / "tsconfig.json"
    config.write_text(
        f"""{{"extends": "{FRONTEND.as_posix()}/tsconfig.json", "include": [],
        "compilerOptions": {{"typeRoots": ["{FRONTEND.as_posix()}/node_modules/@types"]}},
        "files": ["exact-sdk.d.ts", "{FRONTEND.as_posix()}/test/sdk/types.check.js"]}}"""
    )
    done = subprocess.run(
        [str(compiler), "--project", str(config)], capture_output=True, text=True, timeout=120, check=False
    )
    return done.stdout


def test_the_types_for_authors_are_those_of_the_real_interface(compiler: Path, tmp_path: Path) -> None:
    types = browser_contract.TYPES.read_text()
    assert compiled(compiler, tmp_path, types) == ""
    wrong = (
        ("    flip: boolean;\n", ""),  # a member that is forgotten
        ("  export function duration(seconds: number): string;\n", ""),  # a function
        ("    keepalive?: boolean;\n", ""),  # a member that may be left out
    )
    for before, after in wrong:
        assert before in types
        assert "error TS" in compiled(compiler, tmp_path, types.replace(before, after)), before
