"""Model cards as people read them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exact_sdk.ml.card import Card, TrainedOn


def markdown(card: Card) -> str:
    """The card as Markdown of plain paragraphs, lists and tables; no name in it can become markup."""
    return "\n".join(part for section in _sections(card) for part in section) + "\n"


def _sections(card: Card) -> list[list[str]]:
    uses = [("Intended use", card.intended_use), ("Not for", card.out_of_scope)]
    return [
        [f"# {_plain(card.title or card.architecture or 'Model')}", ""],
        *([f"**{name}.** {_plain(text)}", ""] for name, text in uses if text),
        _failures(card),
        _metrics(card),
        _data(card.trained_on) if card.trained_on else [],
        _facts(card),
    ]


def _failures(card: Card) -> list[str]:
    if not card.failure_modes:
        return []
    return ["**Known to fail.**", "", *(f"- {_plain(one)}" for one in card.failure_modes), ""]


def _metrics(card: Card) -> list[str]:
    if not card.metrics:
        return []
    rows = []
    for name, one in card.metrics.items():
        ends = f"{one.ci[0]:.4g} to {one.ci[1]:.4g}" if one.ci else "–"
        rows.append(f"| {_plain(name)} | {one.value:.4g} | {ends} |")
    found = ["## How good it is", "", "| figure | test part | 95 % interval |", "|---|---|---|", *rows, ""]
    if card.calibration is not None:
        kept = card.calibration
        found += [
            f"Calibrated with temperature {kept.temperature:.3g}: expected calibration error {kept.ece_before:.4g} "
            f"before, {kept.ece_after:.4g} after.",
            "",
        ]
    return found


def _data(data: TrainedOn) -> list[str]:
    parts = list(data.images)
    labels = sorted({label for counts in data.annotations.values() for label in counts})
    rows = [["images", *(str(data.images[part]) for part in parts)]]
    rows += [[label, *(str(data.annotations.get(part, {}).get(label, 0)) for part in parts)] for label in labels]
    group = f"by {data.group_key}" if data.group_key else "by file"
    return [
        "## What it was trained on",
        "",
        f"Version {_plain(data.version)} of the image set {_plain(data.image_set)}; data {data.manifest_sha256[:12]}, "
        f"split {_plain(group)}.",
        "",
        "| | " + " | ".join(map(_plain, parts)) + " |",
        "|---" * (len(parts) + 1) + "|",
        *("| " + " | ".join(map(_plain, row)) + " |" for row in rows),
        "",
    ]


def _facts(card: Card) -> list[str]:
    run = card.run
    facts = {
        "model": card.model_id, "kind": card.kind, "made by": f"{card.plugin} {card.plugin_version}".strip(),
        "network": card.architecture, "numbers learned": "" if card.parameters is None else f"{card.parameters:,}",
        "made": card.created_utc, "trained by": card.created_by, "refined from": card.parent_model_id,
        "began with": card.pretrained_licence, "seed": run.seed, "threads": run.threads,
        "computed on": f"{run.device} {run.precision}".strip(), "torch": run.torch, "code": run.commit,
        "epochs": run.epochs, "best epoch": run.best_epoch, "chosen by": run.criterion, "seconds": run.wall_seconds,
    }  # fmt: skip
    shown = [f"| {name} | {_plain(str(value))} |" for name, value in facts.items() if value not in ("", None)]
    found = ["## Facts", "", "| | |", "|---|---|", *shown, ""]
    for name, values in (("Input", card.input), ("Settings", card.config)):
        if values:
            text = json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False)
            found += [f"## {name}", "", *(f"    {line}" for line in text.splitlines()), ""]
    return found


def _plain(text: str) -> str:
    """Text that means nothing to Markdown: a name may hold anything."""
    marked = "".join(f"\\{each}" if each in r"\`*_{}[]<>#|!&~" else each for each in text)
    return " ".join(marked.split())
