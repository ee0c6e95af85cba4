"""Cards are the same bytes each time, refuse what is no fact, and show every fact to people."""

from __future__ import annotations

import json

import pytest
from exact_sdk.ml.card import Calibrated, Card, Measured, Run, TrainedOn
from markdown_it import MarkdownIt

from exact_core.agreement.measures.bootstrap import Interval
from exact_core.api.errors import Invalid

CARD = Card(
    model_id="01a2b3c4-0000-7000-8000-000000000000",
    title="Nuclei of <b>lungs</b> | v1",
    plugin="satseg",
    plugin_version="1.2",
    architecture="satseg.deconv",
    parameters=1_234_567,
    created_utc="2026-01-02T03:04:05+00:00",
    created_by="Ann",
    trained_on=TrainedOn(
        image_set_id=1, image_set="Lung", version_id=4, version="v1", manifest_sha256="ab" * 32,
        images={"train": 8, "test": 2}, annotations={"train": {"Nucleus": 70}, "test": {"Nucleus": 20, "Other": 1}},
        group_key="patient", split_seed=3,
    ),
    config={"epochs": 3},
    run=Run(seed=3, threads=2, device="cpu", precision="fp32", epochs=3, best_epoch=2, criterion="macro F1"),
    metrics={
        "macro F1": Measured.of(Interval(0.8123, 0.75, 0.86, 10)),
        "kappa": Measured.of(Interval(0.7, None, None, 1)),
    },
    calibration=Calibrated(temperature=1.41, ece_before=0.062, ece_after=0.01),
    intended_use="Counting.",
    out_of_scope="Diagnosis.",
    failure_modes=("Blur", "Ink"),
    pretrained_licence="Apache-2.0",
    input={"bands": "rgb"},
)  # fmt: skip


def test_a_card_is_read_as_it_was_written():
    assert Card.of_json(json.loads(CARD.text())) == CARD
    assert CARD.text() == Card.of_json(json.loads(CARD.text())).text()
    assert CARD.metrics["kappa"].ci is None


def test_people_read_every_fact_and_no_name_becomes_markup():
    text = CARD.markdown()
    page = MarkdownIt("commonmark").enable("table").render(text)
    assert "<b>" not in page
    assert "Nuclei of &lt;b&gt;lungs&lt;/b&gt; | v1</h1>" in page
    for fact in ("0.8123", "0.75 to 0.86", "1,234,567", "macro F1", "<td>70</td>", "1.41", "Diagnosis", "<li>Ink</li>"):
        assert fact in page
    assert page.count("<table>") == 3
    assert Card(title="", architecture="a").markdown().startswith("# a\n")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"unknown": 1}, "unknown"),
        ({"model_id": "7"}, "UUID"),
        ({"metrics": {"F1": {"value": float("nan")}}}, "metrics"),
        ({"calibration": {"temperature": 0, "ece_before": 0, "ece_after": 0}}, "temperature"),
    ],
)
def test_what_is_no_fact_is_refused(change, reason):
    with pytest.raises(Invalid, match=reason):
        Card.of_json(json.loads(CARD.text()) | change)


def test_settings_that_json_cannot_hold_are_refused():
    with pytest.raises(Invalid, match="card"):
        Card(config={"lr": float("nan")}).text()
    with pytest.raises(Invalid, match="card"):
        Card(config={"net": object()}).text()
