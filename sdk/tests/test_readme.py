"""``exact plugin docs``: a README tells what the plugin contributes, and a check says when it is behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from exact_sdk.commands import plugin
from exact_sdk.fakedist import FakeDistributions
from exact_sdk.readme import with_tables
from exact_sdk.scaffold import PARTS, naming_of, write


def docs(*arguments: str) -> tuple[int, str]:
    told = CliRunner().invoke(plugin, ["docs", *arguments])
    return told.exit_code, told.output


def test_a_readme_is_behind_until_it_was_written(fake_distributions: FakeDistributions, tmp_path: Path) -> None:
    folder = write(naming_of("told-about"), PARTS, tmp_path)
    fake_distributions.adopt(folder)
    code, text = docs("told-about", "--check")
    assert (code, "is behind; run: exact plugin docs told_about --write" in text) == (1, True)
    assert docs("told-about", "--write")[0] == 0
    assert docs("told-about", "--check")[0] == 0
    readme = (folder / "README.md").read_text()
    assert readme.startswith("# Told about for EXACT\n")
    for line in (
        "| Shapes that are enough (`minimum`) | `1` | With fewer shapes in view the count carries a note. |",
        "| Told about | viewer.right |",
        "| `PUT /api/v2/image-sets/{image_set_id}/plugins/told_about/images/{image_id}/note` "
        "| Write the note about an image |",
        "| `told_about_note` | `id`, `image_id`, `author_id`, `text` |",
        "| `told_about.predict` | Predict with the model |",
        "| `exact_statistics` | Give figures about an image or a field of view. |",
    ):
        assert line in readme
    assert docs("told-about", "--write")[0] == 0
    assert (folder / "README.md").read_text() == readme
    (folder / "README.md").write_text(readme.replace("viewer.right", "viewer.left"))
    assert docs("told-about", "--check")[0] == 1


def test_a_plugin_that_does_not_load_has_nothing_to_tell(fake_distributions: FakeDistributions) -> None:
    fake_distributions.add("lost", "import nothing_like_it")
    code, text = docs("lost")
    assert (code, "nothing_like_it" in text) == (1, True)
    fake_distributions.add("plain", "from exact_core.api import *")
    code, text = docs("plain", "--write")
    assert (code, "not installed from a folder" in text) == (1, True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# A\n", "# A\n\n<!-- exact plugin docs: begin -->\n\nX\n<!-- exact plugin docs: end -->\n"),
        (
            "# A\n<!-- exact plugin docs: begin -->\nold\n<!-- exact plugin docs: end -->\nrest\n",
            "# A\n<!-- exact plugin docs: begin -->\n\nX\n<!-- exact plugin docs: end -->\nrest\n",
        ),
    ],
)
def test_only_what_stands_between_the_marks_is_replaced(before: str, after: str) -> None:
    assert with_tables(before, "X") == after
