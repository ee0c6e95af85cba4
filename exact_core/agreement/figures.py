"""The figures of agreement: each a value with its interval, of all readers, a class, two readers, one, or a group."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exact_core.agreement.comparison import Compared
from exact_core.agreement.items import MISSED, UNREAD
from exact_core.agreement.measures.alpha import Scale, krippendorff_alpha
from exact_core.agreement.measures.bootstrap import Interval, IntervalMethod, Statistic, intervals
from exact_core.agreement.measures.icc import icc
from exact_core.agreement.measures.kappa import (
    Weights,
    cohen_kappa,
    fleiss_kappa_of,
    gwet_ac1,
    gwet_ac1_of,
    mean_agreement_of,
    percent_agreement,
)
from exact_core.agreement.measures.matching import f1, precision, recall
from exact_core.agreement.measures.matthews import matthews
from exact_core.agreement.parts import (
    coincidence_parts,
    detection_parts,
    hit_cells,
    mark_counts,
    pair_tables,
    rating_parts,
    with_missed,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GROUPINGS = ("site:", "round:")
"""Tags of images that begin so say where and when an image was read."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number and what it is about.

    Attributes:
        figure: Name of the statistic.
        scope: ``all``, ``class``, ``pair``, ``reader`` or ``group``.
        value: None where it is not defined.
        low: Lower end of the interval; None where there is none.
        high: Upper end.
        items: How many things (or images, for correlations of scores) it rests on.
        images: From how many images.
        readers: Keys of the readers; the second one is the reference of precision and recall. Empty: all.
        class_id: The annotation type, where it is about one.
        grouping: ``site`` or ``round``.
        group: Which one.
        missed: Whether what a reader did not mark counts as a class of its own (``counted``) or not (``left_out``).
        details: Degrees of freedom, weights, scales.
    """

    figure: str
    scope: str
    value: float | None
    low: float | None = None
    high: float | None = None
    items: int = 0
    images: int = 0
    readers: tuple[str, ...] = ()
    class_id: int | None = None
    grouping: str = ""
    group: str = ""
    missed: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The form that the API and the command answer."""
        return {
            "figure": self.figure,
            "scope": self.scope,
            "readers": list(self.readers),
            "class_id": self.class_id,
            "grouping": self.grouping,
            "group": self.group,
            "missed": self.missed,
            "value": finite(self.value),
            "low": finite(self.low),
            "high": finite(self.high),
            "items": self.items,
            "images": self.images,
            **self.details,
        }


def finite(value: float | None) -> float | None:
    """JSON has no NaN."""
    return None if value is None or not math.isfinite(value) else float(value)


@dataclass(frozen=True, slots=True)
class Resampling:
    """How intervals are made."""

    method: IntervalMethod = "bca"
    level: float = 0.95
    resamples: int = 1_000
    seed: int = 20_210_214

    def intervals(self, statistics: Mapping[str, Statistic], parts: Floats) -> dict[str, Interval]:
        """Values and intervals of statistics of the same sums."""
        return intervals(
            statistics, parts, method=self.method, level=self.level, resamples=self.resamples, seed=self.seed
        )


def all_figures(compared: Compared, resampling: Resampling, progress: Callable[[float], None]) -> list[Figure]:
    """Every figure, in the order in which people read them."""
    maker = _Figures(compared, resampling)
    found = [*maker.of_all(), *maker.of_classes()]
    progress(0.2)
    for number, (first, second) in enumerate(maker.pairs):
        found += maker.of_pair(first, second)
        progress(0.2 + 0.7 * number / len(maker.pairs))
    return [*found, *maker.of_readers(), *maker.scores(), *maker.of_groups()]


class _Figures:
    """Makes figures from what was compared."""

    def __init__(self, compared: Compared, resampling: Resampling) -> None:
        self.compared = compared
        self.resampling = resampling
        self.readings = compared.readings
        self.items = compared.items
        self.images = len(self.readings.images)
        self.classes = len(self.readings.classes)
        self.counts = mark_counts(self.readings, compared.usable)
        self.cells = hit_cells(self.readings, compared.matched)
        readers = range(len(self.readings.readers))
        self.pairs = [(first, second) for first in readers for second in readers if first < second]
        # Hits, extra and missed marks of each reader against all others, and of all pairs.
        self.by_reader = np.zeros((len(readers), self.images, 3, self.classes))
        for first, second in self.pairs:
            parts = self._pair_parts(first, second)
            self.by_reader[first] += parts
            self.by_reader[second] += parts[:, [0, 2, 1]]
        self.by_pair = self.by_reader.sum(axis=0) / 2

    def of_all(self) -> Iterator[Figure]:
        """All readers together."""
        yield from self._together(np.ones(len(self.items), bool), Figure("", "all", None))

    def of_groups(self) -> Iterator[Figure]:
        """All readers together, on the images of one site or round."""
        for prefix in GROUPINGS:
            groups = np.array([image.group(prefix) for image in self.readings.images], object)
            for group in sorted({name for name in groups.tolist() if name}):
                about = Figure("", "group", None, grouping=prefix.rstrip(":"), group=group)
                on = groups == group
                yield from self._together(on[self.items.image], about)
                yield from self._mean_f1(on, about)

    def of_classes(self) -> Iterator[Figure]:
        """One class against everything else that was said, "missed" included."""
        said = self.items.said
        for number, each in enumerate(self.readings.classes):
            about = (said == number).any(axis=1)
            binary = np.where(said == UNREAD, -1, (said == number).astype(np.int64))[about]
            image = self.items.image[about]
            figure = Figure("", "class", None, class_id=each.id, missed="counted")
            yield from self._chance_corrected(image, binary, 2, figure)
            yield from self._mean_f1(np.ones(self.images, bool), Figure("", "class", None, class_id=each.id), number)

    def of_pair(self, first: int, second: int) -> Iterator[Figure]:
        """Two readers."""
        classes = self.classes
        readers = (self.readings.readers[first].key, self.readings.readers[second].key)
        both = self.readings.has_read[:, first] & self.readings.has_read[:, second]
        tables = pair_tables(self.items, self.images, first, second, classes)[both].astype(np.float64)
        about = Figure("", "pair", None, readers=readers)
        marked = tables[:, :classes, :classes]
        if classes > 1:
            yield from self._table_figures(marked, replace(about, missed="left_out"))
        yield from self._table_figures(tables, replace(about, missed="counted"))
        parts = detection_parts(self.readings, self.counts, self.cells, first, second)[both]
        yield from self._detection(parts.sum(axis=2), about)
        for number, each in enumerate(self.readings.classes):
            if parts[:, :, number].any():
                yield from self._detection(parts[:, :, number], replace(about, class_id=each.id))
        yield from self._overlaps(first, second, about)

    def of_readers(self) -> Iterator[Figure]:
        """One reader against each of the others, added up."""
        for reader, parts in zip(self.readings.readers, self.by_reader, strict=True):
            about = Figure("", "reader", None, readers=(reader.key,))
            yield from self._detection(parts.sum(axis=2), about)
            for place, each in enumerate(self.readings.classes):
                if parts[:, :, place].any():
                    yield from self._detection(parts[:, :, place], replace(about, class_id=each.id), ("f1",))

    def scores(self) -> Iterator[Figure]:
        """Intraclass correlations of how many marks of a class each reader found on an image."""
        common = self.readings.has_read.all(axis=1)
        if common.sum() < 2 or len(self.readings.readers) < 2:
            return
        counts = self.counts[common]
        tables: list[tuple[int | None, NDArray[np.int64]]] = [(None, counts.sum(axis=-1))]
        if self.classes > 1:
            tables += [(each.id, counts[:, :, number]) for number, each in enumerate(self.readings.classes)]
        for class_id, table in tables:
            for each in icc(table, self.resampling.level):
                yield Figure(
                    "icc", "all" if class_id is None else "class", each.value, each.low, each.high,
                    items=len(table), images=len(table), class_id=class_id,
                    details={"form": each.form, "score": "marks per image", "f": finite(each.f), "df1": each.df1,
                             "df2": each.df2, "p": finite(each.p)},
                )  # fmt: skip

    def _together(self, chosen: NDArray[np.bool_], about: Figure) -> Iterator[Figure]:
        """Figures of any number of readers on some of the items."""
        said, image = self.items.said[chosen], self.items.image[chosen]
        counted = with_missed(said, self.classes)
        yield from self._chance_corrected(image, counted, self.classes + 1, replace(about, missed="counted"))
        if self.classes < 2:
            return  # who marked it said what it is
        marked = np.where(said == MISSED, UNREAD, said)
        yield from self._chance_corrected(image, marked, self.classes, replace(about, missed="left_out"))
        if self.compared.values is not None:
            yield from self._on_scales(image, marked, self.compared.values, replace(about, missed="left_out"))

    def _chance_corrected(self, image: Ints, said: Ints, classes: int, about: Figure) -> Iterator[Figure]:
        """Fleiss' kappa of what all have rated; the others of what two have rated at least."""
        complete = (said >= 0).all(axis=-1)
        paired = (said >= 0).sum(axis=1) >= 2
        full = rating_parts(image[complete], self.images, said[complete], classes)
        yield from self._figures({"fleiss_kappa": fleiss_kappa_of}, self._there(full), about, int(full[:, 0].sum()))
        table = coincidence_parts(image, self.images, said, classes)
        alpha = {"krippendorff_alpha": _alpha_of(classes, "nominal", None)}
        yield from self._figures(
            alpha, self._there(table), replace(about, details={"scale": "nominal"}), int(paired.sum())
        )
        loose = rating_parts(image, self.images, said, classes)
        yield from self._figures(
            {"gwet_ac1": gwet_ac1_of, "mean_agreement": mean_agreement_of}, self._there(loose), about,
            int(loose[:, 0].sum()),
        )  # fmt: skip

    def _on_scales(self, image: Ints, said: Ints, grades: Floats, about: Figure) -> Iterator[Figure]:
        """Alpha where classes are grades."""
        order = np.argsort(grades)
        values = grades[order]
        place = np.argsort(order)
        ranked = np.where(said >= 0, place[said], said)
        table = self._there(coincidence_parts(image, self.images, ranked, self.classes))
        paired = int(((said >= 0).sum(axis=1) >= 2).sum())
        scales: tuple[Scale, ...] = ("ordinal", "interval") if values.min() < 0 else ("ordinal", "interval", "ratio")
        for scale in scales:
            statistic = {"krippendorff_alpha": _alpha_of(self.classes, scale, values)}
            yield from self._figures(statistic, table, replace(about, details={"scale": scale}), paired)

    def _table_figures(self, tables: Floats, about: Figure) -> Iterator[Figure]:
        """Figures of two readers from what they said of the same items."""
        classes = tables.shape[-1]
        parts = tables.reshape(len(tables), classes * classes)

        def of(measure: Callable[[Floats], Floats]) -> Statistic:
            return lambda sums: measure(sums.reshape(*sums.shape[:-1], classes, classes))

        items = int(tables.sum())
        plain = {
            "cohen_kappa": of(cohen_kappa),
            "percent_agreement": of(percent_agreement),
            "gwet_ac1": of(gwet_ac1),
            "matthews": of(matthews),
        }
        yield from self._figures(plain, parts, about, items)
        if self.compared.values is None or classes > self.classes:
            return  # "missed" has no place among grades
        weighted: tuple[Weights, ...] = ("linear", "quadratic")
        for weights in weighted:
            statistic = {"cohen_kappa": of(_weighted(weights, self.compared.values))}
            yield from self._figures(statistic, parts, replace(about, details={"weights": weights}), items)

    def _detection(
        self, parts: Floats, about: Figure, names: Sequence[str] = ("f1", "precision", "recall")
    ) -> Iterator[Figure]:
        """Of sums of hits, extra and missed marks."""
        known: dict[str, Statistic] = {
            "f1": lambda sums: f1(sums[..., 0], sums[..., 1], sums[..., 2]),
            "precision": lambda sums: precision(sums[..., 0], sums[..., 1]),
            "recall": lambda sums: recall(sums[..., 0], sums[..., 2]),
        }
        hits, extra, missed = parts.sum(axis=0).astype(int).tolist() if len(parts) else (0, 0, 0)
        details = {"hits": hits, "extra": extra, "missed_marks": missed}
        chosen = {name: known[name] for name in names}
        yield from self._figures(chosen, parts, replace(about, details=details), hits + extra + missed)

    def _mean_f1(self, on: NDArray[np.bool_], about: Figure, number: int | None = None) -> Iterator[Figure]:
        """The marks of all pairs of readers added up: the extra of one are the missed of the other."""
        parts = self.by_pair[on]
        summed = parts.sum(axis=2) if number is None else parts[:, :, number]
        yield from self._detection(self._there(summed), about, ("f1",))

    def _overlaps(self, first: int, second: int, about: Figure) -> Iterator[Figure]:
        """How alike the outlines of the marks are that two readers have in common."""
        overlaps = self.compared.overlaps(first, second)
        if overlaps is None:
            return
        parts = np.zeros((self.images, 5))
        ones = np.ones(len(overlaps.image))
        for column, values in enumerate((ones, *overlaps.values.T)):
            parts[:, column] = np.bincount(overlaps.image, values, minlength=self.images)
        means = {name: _mean_of(number) for number, name in enumerate(("iou", "dice", "hausdorff", "hausdorff_95"), 1)}
        details = {"unit": self.compared.rule.unit, "of": overlaps.of}
        yield from self._figures(means, self._there(parts), replace(about, details=details), len(overlaps.image))

    def _pair_parts(self, first: int, second: int) -> Floats:
        return detection_parts(self.readings, self.counts, self.cells, first, second)

    def _figures(
        self, statistics: Mapping[str, Statistic], parts: Floats, about: Figure, items: int
    ) -> Iterator[Figure]:
        for name, found in self.resampling.intervals(statistics, parts).items():
            yield replace(
                about, figure=name, value=found.value, low=found.low, high=found.high, items=items, images=found.images
            )

    @staticmethod
    def _there(parts: Floats) -> Floats:
        """The images that have anything to compare."""
        there: Floats = parts[parts.any(axis=1)]
        return there


def _alpha_of(classes: int, scale: Scale, values: NDArray[np.float64] | None) -> Statistic:
    return lambda sums: krippendorff_alpha(sums.reshape(*sums.shape[:-1], classes, classes), scale, values)


def _weighted(weights: Weights, values: Floats) -> Callable[[Floats], Floats]:
    return lambda table: cohen_kappa(table, weights, values)


def _mean_of(column: int) -> Statistic:
    def mean(sums: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            value: Floats = sums[..., column] / sums[..., 0]
            return value

    return mean
