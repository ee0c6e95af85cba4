"""The promise to plugins: every hook is documented, tested, called by the core, and never changed by accident."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from enum import Enum
from pathlib import Path

import pytest

import exact_core.api
import exact_core.api.drivers
from exact_core.api.markers import Policy
from exact_core.kernel.hook_reference import hook_reference, signature_of
from exact_core.kernel.hooks import Hooks
from exact_core.kernel.index import ContributionIndex
from exact_core.kernel.signatures import Hook, all_hooks
from tests.platform import browser_contract

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = Path(__file__).parent / "contract.txt"
HOOKS = list(all_hooks().values())


def contract() -> str:
    """Names, hooks and arguments that plugins rely on, one a line."""
    lines = [f"api {exact_core.api.API_VERSION}"]
    lines += [f"name {name}" for name in sorted(exact_core.api.__all__)]
    for module in ("deps", "tables", "drivers"):
        lines += [f"{module} {name}" for name in sorted(_defined_in(ROOT / "exact_core" / "api" / f"{module}.py"))]
    for module in (exact_core.api, exact_core.api.drivers):
        for name, value in sorted(vars(module).items()):
            if isinstance(value, type) and value.__module__.startswith("exact_core.api"):
                lines.append(f"{_kind(value)} {name}({', '.join(_parts(value))})")
    for hook in HOOKS:
        facts = hook.facts
        since = f"since {facts.since}{' provisional' if facts.is_provisional else ''}"
        lines.append(f"hook {hook.name}({', '.join(hook.arguments)}) {facts.policy} {facts.scope} {since}")
    lines += [f"browser {name}" for name in sorted(browser_contract.functions())]
    lines += [f"browser {name}({', '.join(own)})" for name, own in sorted(browser_contract.members().items())]
    return "\n".join(lines) + "\n"


def _kind(value: type) -> str:
    if issubclass(value, Enum):
        return "enum"
    return "value" if dataclasses.is_dataclass(value) else "class"


def _parts(value: type) -> list[str]:
    """What plugins write or read of a class: members of an enum, fields (``=`` where there is a default), methods."""
    if issubclass(value, Enum):
        return [f"{each.name}={each.value}" for each in value]
    if issubclass(value, exact_core.api.ExactError):
        return [str(value.status), value.code]
    fields = dataclasses.fields(value) if dataclasses.is_dataclass(value) else ()
    parts = [
        each.name + ("" if each.default is each.default_factory is dataclasses.MISSING else "=") for each in fields
    ]
    own = [
        (name, each)
        for name, each in vars(value).items()
        if not name.startswith("_") and name not in {f.name for f in fields}
    ]
    for name, each in own:
        function = each.__func__ if isinstance(each, classmethod | staticmethod) else each
        if inspect.isfunction(function):
            parts.append(f"{name}({', '.join(list(inspect.signature(function).parameters)[1:])})")
        elif isinstance(each, property):
            parts.append(name)
    return parts


def _defined_in(path: Path) -> set[str]:
    """The public names that a module defines itself."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {name for name in found if not name.startswith("_")}


def test_a_change_of_the_contract_is_a_change_of_its_listing() -> None:
    assert contract() == CONTRACT.read_text(), (
        "the contract of plugins has changed; when that is meant, raise API_VERSION and rewrite the listing:\n"
        "python -m tests.platform.test_hooks_documented"
    )


def test_the_page_of_hooks_is_the_one_that_the_docstrings_give() -> None:
    assert (ROOT / "docs" / "hooks.md").read_text() == hook_reference(), "run: make docs"


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.name)
def test_a_hook_is_documented_in_five_parts(hook: Hook) -> None:
    text = inspect.getdoc(hook.spec) or ""
    paragraphs = text.split("\n\n")
    assert paragraphs[0].endswith((".", "stop them.")), "the first part is a sentence"
    assert re.match(r"Called ", paragraphs[1]), "the second part says when it is called"
    arguments = next((each for each in paragraphs if each.startswith("Args:")), "")
    named = re.findall(r"^    (\w+): ", arguments, re.MULTILINE)
    assert named == list(hook.arguments), "the third part explains each argument, in order"
    answers = inspect.signature(hook.spec).return_annotation != "None"
    assert any(each.startswith("Returns:") for each in paragraphs) == answers
    assert paragraphs[-1].startswith("Scope and failure:\n")
    assert f"\n{signature_of(hook)}\n" in (ROOT / "docs" / "hooks.md").read_text()
    assert "Any" not in str(inspect.signature(hook.spec))


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.name)
def test_a_hook_is_tested_by_name(hook: Hook) -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests" / "core" / "kernel").glob("test_*.py"))
    subject = re.sub(r"^exact_(annotations|images)_", "exact_{subject}_", hook.name)
    assert f"def {hook.name}(" in tests or f"def {subject}(" in tests


TOLD_ONLY = [hook for hook in HOOKS if hook.facts.policy is not Policy.COLLECT]


@pytest.mark.parametrize("hook", TOLD_ONLY, ids=lambda hook: hook.name)
def test_a_hook_that_is_not_asked_for_answers_says_so(hook: Hook) -> None:
    text = inspect.getdoc(hook.spec) or ""
    assert "recorded" in text


def _core_outside_of_the_kernel() -> str:
    folders = [each for each in (ROOT / "exact_core").iterdir() if each.is_dir() and each.name not in ("kernel", "api")]
    files = [path for folder in folders for path in folder.rglob("*.py")]
    return "".join(path.read_text() for path in [*files, ROOT / "exact_core" / "app.py"])


@pytest.mark.parametrize(
    "method", [name for name in vars(Hooks) if not name.startswith("_") and name not in ("startup", "shutdown")]
)
def test_the_core_calls_every_hook_that_it_declares(method: str) -> None:
    assert re.search(rf"hooks\.{method}\b", _core_outside_of_the_kernel())


@pytest.mark.parametrize(
    "kind", [name for name in vars(ContributionIndex) if not name.startswith("_") and name.endswith("s")]
)
def test_the_core_uses_every_kind_of_contribution(kind: str) -> None:
    used = _core_outside_of_the_kernel()
    singular = kind.removesuffix("s")
    assert kind == "plugins" or re.search(rf"index\.({kind}|{singular})\(", used)


if __name__ == "__main__":
    CONTRACT.write_text(contract())
