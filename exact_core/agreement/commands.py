"""``exact agreement``: how far the readers of an image set agree."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from exact_core.agreement.report import Question

_READ = ("fleiss_kappa", "krippendorff_alpha", "cohen_kappa", "f1", "icc")


@click.command()
@click.option("--set", "set_name", required=True, help="Name of the image set.")
@click.option("--team", "team_name", default="", help="Team that owns the set; needed when several could.")
@click.option("--reader", "readers", multiple=True, help="Only these: a name, or user:NUMBER or claimed:NAME.")
@click.option("--class", "classes", multiple=True, help="Only these annotation types, by name.")
@click.option("--revision", type=click.IntRange(min=0), help="As of this revision of the set.")
@click.option("--match", type=click.Choice(["auto", "distance", "overlap"]), default="auto", show_default=True,
              help="When two marks are one thing.")  # fmt: skip
@click.option("--distance", type=float, help="How far apart the middles may be.")
@click.option("--unit", type=click.Choice(["auto", "um", "px"]), default="auto", show_default=True)
@click.option("--overlap", type=float, default=0.5, show_default=True, help="Least intersection over union.")
@click.option("--method", type=click.Choice(["greedy", "optimal"]), default="greedy", show_default=True)
@click.option("--ordered/--names", default=None, help="Whether classes are grades; found out unless told.")
@click.option("--resamples", type=click.IntRange(100, 10_000), default=1_000, show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=20_210_214, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per figure.")
def agreement(set_name: str, team_name: str, as_json: bool, **asked: Any) -> None:
    """Compare the readers of an image set: kappas, alpha, detection scores, correlations, with intervals.

    Readers are authors, and for imported work those whom the file names.
    """
    from exact_core.settings import Settings
    from exact_core.storage.database import Database

    database = Database(Settings().effective_database_url)
    try:
        found = _answer(database, set_name, team_name, asked)
    finally:
        database.dispose()
    if not as_json:
        click.echo(_spoken(found))
        return
    for line in _lines(found):
        click.echo(json.dumps(line))


def _answer(database: Any, set_name: str, team_name: str, asked: dict[str, Any]) -> dict[str, Any]:
    from exact_core.agreement.access import can_of, everything_in
    from exact_core.agreement.readings import load
    from exact_core.agreement.report import answer
    from exact_core.agreement.service import check_revision
    from exact_core.annotations.access import rights_in
    from exact_core.api.context import Actor
    from exact_core.imagesets.finding import find_by_name

    with database.read() as session:
        image_set = find_by_name(session, set_name, team_name)
        can = can_of(rights_in(session), Actor.system(), image_set.id)
        everything = everything_in(session, image_set.id, can)
        check_revision(everything, asked["revision"])
        known = load(session, everything, at=asked["revision"])
        keys = {reader.name: reader.key for reader in known.readers} | {r.key: r.key for r in known.readers}
        types: dict[str, list[int]] = {}
        for each in known.classes:
            types.setdefault(each.name, []).append(each.id)
        readers = [_one(keys, name, "reader") for name in asked["readers"]]
        classes = [type_id for name in asked["classes"] for type_id in _one(types, name, "annotation type")]
        return answer(session, everything, _question(asked, readers, classes))


def _question(asked: dict[str, Any], readers: list[str], classes: list[int]) -> Question:
    from exact_core.agreement.figures import Resampling
    from exact_core.agreement.report import Question
    from exact_core.agreement.rules import MatchRule

    rule = MatchRule(asked["match"], asked["distance"], asked["unit"], asked["overlap"], asked["method"])
    resampling = Resampling(resamples=asked["resamples"], seed=asked["seed"])
    return Question(tuple(readers), tuple(classes), asked["revision"], rule, asked["ordered"], resampling)


def _one(known: dict[str, Any], name: str, what: str) -> Any:
    if name not in known:
        there = ", ".join(sorted(known)[:20]) or "none"
        raise click.UsageError(f"There is no {what} {name!r} in this set; there are: {there}.")
    return known[name]


def _lines(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One object per figure, each readable by itself."""
    readers = {reader["key"]: reader["name"] for reader in found["all_readers"]}
    classes = {each["id"]: each["name"] for each in found["all_classes"]}
    shared = {"set": found["image_set"]["name"], "revision": found["revision"], "state": found["state"]}
    if not found["figures"]:
        yield {**shared, "figure": None, "readers": [reader["name"] for reader in found["readers"]]}
    for figure in found["figures"]:
        yield {
            **shared,
            **figure,
            "reader_keys": figure["readers"],
            "readers": [readers[key] for key in figure["readers"]],
            "class": classes.get(figure["class_id"]),
            "rule": found["rule"],
        }


def _spoken(found: dict[str, Any]) -> str:
    """The main figures as lines of text."""
    images = found["images"]
    lines = [
        f"{found['image_set']['name']}, revision {found['revision']}: {len(found['readers'])} readers, "
        f"{images['any']} images ({images['all']} read by all), {found['items']} things"
    ]
    words = {"too_few_readers": "There are fewer than two readers.", "no_common_images": "No image was read by two."}
    if found["state"] in words:
        return "\n".join([*lines, words[found["state"]]])
    rule = found["rule"]
    same = f"within {rule['distance']:g} {rule['unit']}" if rule["kind"] == "distance" else f"IoU ≥ {rule['overlap']:g}"
    lines.append(f"Same thing: {same}")
    for line in _lines(found):
        if line["figure"] in _READ and line["scope"] in {"all", "pair", "reader"} and line["class"] is None:
            lines.append(_line(line))
    return "\n".join(lines)


def _line(line: dict[str, Any]) -> str:
    about = " / ".join(line["readers"]) or "all readers"
    more = ", ".join(str(line[name]) for name in ("missed", "weights", "scale", "form") if line.get(name))
    value = "–" if line["value"] is None else f"{line['value']:.3f}"
    ends = "" if line["low"] is None else f"  [{line['low']:.3f}, {line['high']:.3f}]"
    return f"  {line['figure']:<20} {about:<44} {value:>7}{ends}  {more}".rstrip()
