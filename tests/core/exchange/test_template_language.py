"""Templates of strangers: what they can say, what they cannot reach, and what is told about mistakes."""

from __future__ import annotations

import time
from typing import Any

import pytest

from exact_core.api.contributions import Shape
from exact_core.exchange.document import Report
from exact_core.exchange.template_format import TemplateTexts, compiled, filled, template_format
from exact_core.exchange.template_language import Budget, Language, TemplateFailure
from tests.core.exchange.format_documents import EVERY_SHAPE, IMAGE, Document, annotation, written

VALUES: dict[str, Any] = {
    "annotation": {
        "label": 'Mitotic "figure" & <co>, 1',
        "text": "=SUM(A1)",
        "x": 12.5,
        "points": [{"x": 1.0, "y": 2.5}, {"x": 3.0, "y": 4.0}],
        "attributes": {"grade": "low", "sure": True, "none": None},
    },
    "number": 1,
    "set": {"name": "Slides"},
    "image": {"width": 100},
    "types": [{"label": "A"}, {"label": "B"}],
}


def say(text: str, escape: Any = "none", budget: Budget | None = None, **values: Any) -> str:
    return Language(escape, budget).part("body", text).filled({**VALUES, **values})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ annotation.x }} {{ annotation['x'] }}", "12.5 12.5"),
        ("{{ annotation.x * 2 + 1 }} {{ 7 // 2 }} {{ annotation.x | round }}", "26 3 12"),
        ("{{ annotation.x | fixed(3) }}|{{ annotation.label | upper }}", '12.500|MITOTIC "FIGURE" & <CO>, 1'),
        (
            "{% for p in annotation.points %}{{ p.x }},{{ p.y }}{% if not loop.last %};{% endif %}{% endfor %}",
            "1,2.5;3,4",
        ),
        ("{% for t in types %}{{ loop.index }}{{ t.label }}{% endfor %}", "1A2B"),
        ("{{ annotation.attributes.size | default('?') }}{{ annotation.attributes.none | default(0) }}", "?0"),
        ("{{ 'yes' if annotation.attributes.sure else 'no' }} {{ annotation.text ~ '!' }}", "yes =SUM(A1)!"),
        ("{{ annotation.attributes | json }}", '{"grade": "low", "sure": true, "none": null}'),
        ("{{ annotation.label | replace('figure', 'cell') | length }}", "24"),
        ("{# a comment #}plain {{ '{{' }}", "plain {{"),
    ],
)
def test_templates_can_say(text: str, expected: str) -> None:
    assert say(text) == expected


def test_placeholders_are_written_as_the_kind_of_file_needs() -> None:
    text = "{{ annotation.label }};{{ annotation.text }};{{ annotation.x }};{{ annotation.label | raw }}"
    label = VALUES["annotation"]["label"]
    assert say(text, "json") == f'"Mitotic \\"figure\\" & <co>, 1";"=SUM(A1)";12.5;{label}'
    assert say(text, "csv") == f'"Mitotic ""figure"" & <co>, 1";\'=SUM(A1);12.5;{label}'
    assert say(text, "xml") == f"Mitotic &quot;figure&quot; &amp; &lt;co&gt;, 1;=SUM(A1);12.5;{label}"
    assert say("{{ annotation.text }}", "xml", annotation={"text": "a\x00\x1bb"}) == "a\ufffd\ufffdb"


ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''['__class__'] }}",
    "{{ annotation.__class__ }}",
    "{{ annotation['__cl' ~ 'ass__'] }}",
    "{{ annotation | attr('__class__') }}",
    "{{ annotation.items() }}",
    "{{ ''.join(['a']) }}",
    "{{ '{0.__class__}'.format(annotation) }}",
    "{{ '%s' % annotation }}",
    "{{ self }}",
    "{{ self._TemplateReference__context }}",
    "{{ config }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ lipsum.__globals__ }}",
    "{{ namespace() }}",
    "{{ range(10) }}",
    "{{ dict() }}",
    "{{ loop.cycle('a') }}",
    "{% set x = 1 %}",
    "{% set x %}a{% endset %}",
    "{% include 'a' %}",
    "{% import 'a' as b %}",
    "{% extends 'a' %}",
    "{% macro m() %}{% endmacro %}",
    "{% block b %}{% endblock %}",
    "{% call m() %}{% endcall %}",
    "{% filter upper %}a{% endfilter %}",
    "{% for x in types recursive %}{% endfor %}",
    "{% for loop in types %}{% endfor %}",
    "{% for annotation in types %}{% endfor %}",
    "{% for _x in types %}{% endfor %}",
    "{{ types | map(attribute='__class__') }}",
    "{{ types | tojson }}",
    "{{ 2 ** 10 }}",
    "{{ 'a' * 1000000000 }}",
    "{{ [1] * 1000000000 }}",
    "{{ 'a' + 'b' }}",
    "{{ types[0:1] }}",
    "{{ {'a': 1} }}",
    "{% autoescape true %}{% endautoescape %}",
    "{% with a = 1 %}{% endwith %}",
    "{% do 1 %}",
    "{{ annotation }}",
    "{{ 1 is callable }}",
    "{{ annotation.label | replace(annotation.label, annotation.label, 3) }}",
]


@pytest.mark.parametrize("text", ESCAPES)
def test_templates_cannot(text: str) -> None:
    with pytest.raises(TemplateFailure) as failure:
        say(text)
    assert failure.value.reason
    assert "object at 0x" not in failure.value.message


def test_no_value_leads_to_what_it_is_made_of() -> None:
    for name in ("class", "mro", "globals", "subclasses", "init", "dict"):
        for place in ("annotation", "annotation.label", "annotation.points", "types", "number"):
            with pytest.raises(TemplateFailure):
                say("{{ " + f"{place}.__{name}__" + " }}")


def test_time_and_size_are_limited() -> None:
    many = {"points": [{"x": 1}] * 3_000}
    loops = "{% for a in annotation.points %}{% for b in annotation.points %}{% for c in annotation.points %}"
    began = time.monotonic()
    with pytest.raises(TemplateFailure, match=r"more than 0\.3 seconds"):
        say(loops + "{% endfor %}" * 3, budget=Budget(each=0.3), annotation=many)
    assert time.monotonic() - began < 5
    with pytest.raises(TemplateFailure, match="more than 16 MB"):
        say(loops + "x" * 1_000 + "{% endfor %}" * 3, budget=Budget(each=30), annotation=many)
    with pytest.raises(TemplateFailure, match="more than 1 MB"):
        say("{{ annotation.text | replace('a', '" + "b" * 1_000 + "') }}", annotation={"text": "a" * 10_000})
    with pytest.raises(TemplateFailure, match="single value"):
        say("{% for a in annotation.text %}{% endfor %}")
    with pytest.raises(TemplateFailure, match="at most 5"):
        say("{% for a in types %}" * 6 + "{% endfor %}" * 6)
    for deep in ("{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}", "{% if 1 %}" * 500 + "{% endif %}" * 500,
                 "{{ " + "-" * 3_000 + "1 }}", "{{ " + "not " * 3_000 + "1 }}"):  # fmt: skip
        with pytest.raises(TemplateFailure):
            say(deep)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a\nb\n{% if %}", 3, "Expected an expression"),
        ("a\n{{ annotation.labl }}", 2, "no 'labl' here"),
        ("\n\n{{ anotation.label }}", 3, "no 'anotation'; there are annotation, image"),
        ("{% for p in annotation.points %}\n{{ p.z }}{% endfor %}", 2, "no 'z' here"),
        ("x\n{{ annotation.label | fixed }}", 2, "needs a number"),
        ("x\n{{ annotation.label | nofilter }}", 2, "no filter 'nofilter'; there are abs"),
        ("{{ 1 // 0 }}", 1, "divides by zero"),
        ("{{ annotation.label", 1, "unexpected|end of"),
    ],
)
def test_mistakes_are_told_with_their_line(text: str, line: int, words: str) -> None:
    with pytest.raises(TemplateFailure, match=rf"body, line {line}:.*({words})") as failure:
        say(text)
    assert (failure.value.part, failure.value.line) == ("body", line)


def test_a_template_is_filled_for_every_annotation_and_streams() -> None:
    texts = TemplateTexts(
        "Mine", ".json", "set", "json",
        '{"set": {{ set.name }}, "shapes": [', "\n", '{"label": {{ annotation.label }}, "rings": {{ annotation.rings }}'
        ', "box": [{{ annotation.left }}, {{ annotation.top }}], "wkt": {{ annotation.wkt }}}', ",\n", "", "]}",
    )  # fmt: skip
    import json

    document = Document({IMAGE.id: EVERY_SHAPE})
    content, report = written(template_format(texts), document)
    found = json.loads(content)
    assert len(found["shapes"]) == len(EVERY_SHAPE)
    assert {each["label"] for each in found["shapes"]} == {each.type.name for each in EVERY_SHAPE}
    assert not report.losses
    again, _ = written(template_format(texts), document)
    assert again == content
    pieces = filled(texts, document)
    assert next(pieces).startswith('{"set"')
    assert isinstance(Report(), Report)


def test_areas_are_in_pixels_and_square_micrometres() -> None:
    shape = annotation(1, Shape.BOX, [[[0, 0], [20, 10]]])
    texts = TemplateTexts("A", body="{{ annotation.area_px }} {{ annotation.area_um2 | fixed(1) }}")
    assert written(template_format(texts), Document({IMAGE.id: [shape]}))[0].decode().split()[0] == "200"


def test_an_empty_body_is_a_template_too() -> None:
    assert set(compiled(TemplateTexts("E", header="h"))) == {"header", "body"}
