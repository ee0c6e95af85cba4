"""The answer as tables for spreadsheets and statistics programs, one row after another."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from exact_core.agreement.comparison import Compared
from exact_core.agreement.items import MISSED, UNREAD
from exact_core.agreement.report import item_json

Table = Literal["figures", "items", "counts", "confusion"]
"""``items``: every thing with what each reader said, the table that other programs can compute from."""

Row = Sequence[object]
_FIGURE_COLUMNS = (
    *("figure", "scope", "reader", "other_reader", "class", "grouping", "group", "missed", "weights", "scale", "form"),
    *("value", "low", "high", "items", "images", "hits", "extra", "missed_marks", "p"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_lines(rows: Iterable[Row]) -> Iterator[str]:
    """Rows as CSV (RFC 4180); text that a spreadsheet would run as a formula is kept from it."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for row in rows:
        writer.writerow([_safe(value) for value in row])
        if buffer.tell() > 16_000:
            yield _taken(buffer)
    yield _taken(buffer)


def table_of(answer: Mapping[str, Any], table: Table) -> Iterator[Row]:
    """A table of what :func:`~exact_core.agreement.report.answer` gave, with its heading."""
    if table == "figures":
        return figure_rows(answer)
    return _counts(answer) if table == "counts" else _confusion(answer)


def figure_rows(answer: Mapping[str, Any]) -> Iterator[Row]:
    """Every figure with its interval."""
    yield _FIGURE_COLUMNS
    readers, classes = _names(answer)
    for figure in answer["figures"]:
        pair = [readers.get(key, key) for key in figure["readers"]] + ["", ""]
        yield (
            figure["figure"], figure["scope"], pair[0], pair[1], classes.get(figure["class_id"], ""),
            figure["grouping"], figure["group"], figure["missed"], figure.get("weights", ""), figure.get("scale", ""),
            figure.get("form", ""), figure["value"], figure["low"], figure["high"], figure["items"], figure["images"],
            figure.get("hits", ""), figure.get("extra", ""), figure.get("missed_marks", ""), figure.get("p", ""),
        )  # fmt: skip


def item_rows(compared: Compared) -> Iterator[Row]:
    """Every thing: where it is, and per reader the class, ``missed``, or nothing where the image was not read."""
    readings = compared.readings
    yield ("image_id", "image", "x", "y", "z", "t", *(reader.name for reader in readings.readers))
    names = {number: each.name for number, each in enumerate(readings.classes)} | {MISSED: "missed", UNREAD: ""}
    for number in range(len(compared.items)):
        item = item_json(compared, number)
        yield (
            item["image_id"], item["image"], item["x"], item["y"], item["z"], item["t"],
            *(names[value] for value in item["said"]),
        )  # fmt: skip


def _counts(answer: Mapping[str, Any]) -> Iterator[Row]:
    yield ("reader", "class", "marks", "images")
    readers, classes = _names(answer)
    for row in answer["counts"]:
        yield readers[row["reader"]], classes[row["class_id"]], row["marks"], row["images"]


def _confusion(answer: Mapping[str, Any]) -> Iterator[Row]:
    yield ("reader", "other_reader", "reader_says", "other_says", "items")
    readers, _ = _names(answer)
    said = [each["name"] for each in answer["classes"]] + ["missed"]
    for pair in answer["confusion"]:
        first, second = (readers[key] for key in pair["readers"])
        for row, mine in zip(pair["table"], said, strict=True):
            for count, theirs in zip(row, said, strict=True):
                yield first, second, mine, theirs, count


def _names(answer: Mapping[str, Any]) -> tuple[dict[str, str], dict[int | None, str]]:
    readers = {reader["key"]: reader["name"] for reader in answer["readers"]}
    return readers, {each["id"]: each["name"] for each in answer["classes"]}


def _safe(value: object) -> object:
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
