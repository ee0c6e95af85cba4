"""What the pages for people say is there is there."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from exact_core.cli import COMMANDS, main
from exact_core.settings import Settings

REPOSITORY = Path(__file__).parent.parent.parent
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]


def test_every_setting_is_explained_to_operators():
    text = (REPOSITORY / "docs" / "operating.md").read_text()
    missing = [name for name in Settings.model_fields if f"`EXACT_{name.upper()}`" not in text]
    assert not missing


def test_no_page_names_a_setting_that_does_not_exist():
    known = {f"EXACT_{name.upper()}" for name in Settings.model_fields}
    for page in PAGES:
        named = set(re.findall(r"\bEXACT_[A-Z_]+\b", page.read_text()))
        assert named <= known, page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_command_that_a_page_names_exists():
    context = click.Context(main)
    for page in PAGES:
        for line in re.findall(r"(?:^|`)(exact [a-z][a-z -]*)", page.read_text(), flags=re.MULTILINE):
            words = line.split()[1:]
            command: click.Command | None = main
            for word in words:
                if not isinstance(command, click.Group) or word.startswith("-"):
                    break
                if command is main and word not in COMMANDS:
                    break
                command = command.get_command(context, word)
                assert command is not None, f"{page.name}: {line}"


def test_make_targets_that_a_page_names_exist():
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), flags=re.MULTILINE))
    for page in PAGES:
        named = set(re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), flags=re.MULTILINE))
        assert named <= targets, page.name
