"""The reference of hooks, and of the values that they take and give, written from their declarations."""

from __future__ import annotations

import inspect

from exact_core.api.markers import Deprecated, Policy, Scope
from exact_core.api.version import API_VERSION
from exact_core.kernel.signatures import Hook, all_hooks
from exact_core.kernel.value_reference import value_reference

_HEAD = f"""# Hooks

<!-- Written by `exact plugins docs --write docs/hooks.md`; edit the docstrings in exact_core/api/hookspecs.py. -->

Plugin API {API_VERSION}. A plugin implements a hook by a function of that name, marked with `@hookimpl`, in the module
that its entry point names:

```python
from exact_core.api import PluginInfo, hookimpl

@hookimpl
def exact_plugin_info():
    return PluginInfo(title="Nuclei count", summary="Counts nuclei per field of view.")
```

Arguments are given by keyword and may be left out. Hooks are ordinary functions: `async def`, generators, wrappers,
default values and unknown arguments are refused when the plugin loads, with the reason in `exact plugins list`. A hook
that takes longer than 50 ms is logged with the plugin's name; long work belongs into a job.

A hook stays as it is until API 2; arguments are only added. One that is called *provisional* has not been tried by a
plugin of ours yet, and may change in a minor version.

## Policies

| policy | when an implementation raises |
|---|---|
"""

_POLICIES = {
    Policy.COLLECT: "It is recorded and left out; the other answers are collected.",
    Policy.FIRST: "It is recorded and the next one is asked; the first answer that is not `None` counts.",
    Policy.CHAIN: "It is recorded and the value passes on unchanged; each answer is handed to the next.",
    Policy.GUARD: "`Refused` aborts the change (409). Any other error undoes only what the plugin wrote and is "
    "recorded; where the plugin is *required*, the change is refused (503).",
    Policy.NOTIFY: "It is recorded and the others are still told.",
}
_SCOPES = {Scope.INSTANCE: "every loaded plugin", Scope.IMAGE_SET: "plugins that are on in the image set"}


def hook_reference() -> str:
    """The whole page, as Markdown."""
    hooks = list(all_hooks().values())
    used = [policy for policy in Policy if any(hook.facts.policy is policy for hook in hooks)]
    rows = "".join(f"| `{policy.name}` | {_POLICIES[policy]} |\n" for policy in used)
    index = "".join(_row(hook) for hook in hooks)
    table = f"\n## All hooks\n\n| hook | policy | asked | what for |\n|---|---|---|---|\n{index}"
    return _HEAD + rows + table + "".join(_section(hook) for hook in hooks) + value_reference()


def signature_of(hook: Hook) -> str:
    """The exact signature, as the documentation shows it."""
    return f"{hook.name}{inspect.signature(hook.spec)}".replace("'", "")  # annotations are kept as quoted text


def _row(hook: Hook) -> str:
    facts = hook.facts
    note = " *Provisional.*" if facts.is_provisional else ""
    asked = f"{facts.policy.name} | {_SCOPES[facts.scope]}"
    return f"| [`{hook.name}`](#{hook.name}) | {asked} | {_sentence(hook)}{note} |\n"


def _section(hook: Hook) -> str:
    facts = hook.facts
    lines = inspect.getdoc(hook.spec) or ""
    body = []
    for paragraph in lines.split("\n\n"):
        first, _, rest = paragraph.partition("\n")
        if first in ("Args:", "Returns:", "Scope and failure:"):
            body.append(f"**{first[:-1]}**\n\n{_items(rest) if first == 'Args:' else inspect.cleandoc(rest)}")
        else:
            body.append(paragraph)
    text = "\n\n".join(body).replace("``", "`")
    about = f"Policy `{facts.policy.name}`, scope `{facts.scope.name}`, since {facts.since}."
    if facts.is_provisional:
        about += " **Provisional**: it may change in a minor version."
    if facts.deprecated:
        about += f" {_ending(facts.deprecated)}"
    for argument, ending in facts.deprecated_arguments.items():
        about += f" `{argument}`: {_ending(ending)}"
    return f"\n## {hook.name}\n\n```python\n{signature_of(hook)}\n```\n\n{about}\n\n{text}\n"


def _ending(ending: Deprecated) -> str:
    return f"**Deprecated** since {ending.since}, gone in {ending.until}: {ending.instead}."


def _items(text: str) -> str:
    items: list[str] = []
    for line in inspect.cleandoc(text).splitlines():
        if line.startswith(" "):
            items[-1] += " " + line.strip()
        else:
            name, _, rest = line.partition(": ")
            items.append(f"- `{name}`: {rest}")
    return "\n".join(items)


def _sentence(hook: Hook) -> str:
    return (inspect.getdoc(hook.spec) or "").partition("\n\n")[0].replace("\n", " ").replace("``", "`")
