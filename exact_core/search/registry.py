"""Every field that an image set can be searched for, and the directives that say which annotations are searched.

A part of the platform that knows more of annotations adds its fields to :data:`GROUPS`; plugins add theirs by a hook.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from exact_core.annotations.scope import ReadScope
from exact_core.search.conditions import Always, Condition, either, opposite, together
from exact_core.search.directives import DIRECTIVES
from exact_core.search.field import Asked, Field, Use
from exact_core.search.fields import attributes, facts, images, labels, people, places, plugins, sizes, sources
from exact_core.search.fields.labels import nearest
from exact_core.search.syntax import And, Bare, Everything, Node, Not, Op, Term, all_of, terms_of
from exact_core.search.tokens import SearchSyntaxError

GROUPS: tuple[Sequence[Field], ...] = (
    labels.FIELDS,
    sizes.FIELDS,
    people.FIELDS,
    facts.FIELDS,
    places.FIELDS,
    images.FIELDS,
    sources.FIELDS,
)
"""Fields of the core, group by group."""

CORE_FIELDS = {field.name: field for group in GROUPS for field in group}


def all_fields(asked: Asked) -> list[Field]:
    """Every field of an image set: of the core, of its attributes, of plugins that are on there."""
    return [*CORE_FIELDS.values(), *attributes.fields(asked), *plugins.fields(asked)]


def compiled(node: Node, use: Use) -> Condition:
    """What a query without directives comes to; raises ``SearchSyntaxError`` with the column."""
    if isinstance(node, Everything):
        return Always(True)
    if isinstance(node, Bare):
        return _bare(use, node)
    if isinstance(node, Term):
        return _term(use, node)
    if isinstance(node, Not):
        return opposite(compiled(node.child, use))
    join = together if isinstance(node, And) else either
    return join(*(compiled(child, use) for child in node.children))


@dataclass(frozen=True, slots=True)
class Directed:
    """A query without its directives, and what they make of the scope of each image."""

    node: Node
    steps: tuple[Callable[[ReadScope], ReadScope], ...] = ()
    deleted: bool = False

    @property
    def is_present(self) -> bool:
        """Whether it is about annotations as they are now."""
        return not self.steps and not self.deleted

    def scope(self, scope: ReadScope) -> ReadScope:
        """The scope that is searched."""
        for step in self.steps:
            scope = step(scope)
        return scope


def directed(node: Node, asked: Asked) -> Directed:
    """Take the directives out of a query; they stand beside the other terms, never inside of or and not."""
    children = node.children if isinstance(node, And) else (node,)
    kept: list[Node] = []
    steps: list[Callable[[ReadScope], ReadScope]] = []
    deleted = False
    for child in children:
        directive = DIRECTIVES.get(child.name.casefold()) if isinstance(child, Term) else None
        if directive is None or not isinstance(child, Term):
            _require_no_directive(child)
            kept.append(child)
            continue
        if child.op is not Op.HAS or len(child.values) != 1:
            raise SearchSyntaxError(
                f"{directive.name} has one value: {directive.example}", child.column, len(child.name)
            )
        effect = directive.build(asked, child.values[0])
        deleted = deleted or effect.deleted
        if effect.step is not None:
            steps.append(effect.step)
    if deleted and steps:
        raise SearchSyntaxError("what is deleted now, and what was there then, cannot be searched at once", 0)
    return Directed(all_of(*kept), tuple(steps), deleted)


def _require_no_directive(node: Node) -> None:
    for term in terms_of(node):
        if isinstance(term, Term) and term.name.casefold() in DIRECTIVES:
            raise SearchSyntaxError(
                f"{term.name} says what is searched, so it stands alone, not in or, not or parentheses",
                term.column, len(term.name),
            )  # fmt: skip


def _bare(use: Use, node: Bare) -> Condition:
    """A word without a field: in the remark, or in the name of the class."""
    found = labels.types_named(use.asked, Op.CONTAINS, node.word)
    types = use.asked.names.tree.with_descendants(found)
    return either(labels.of_types(types), facts.FIELDS[0].build(use, Op.CONTAINS, node.word))


def _term(use: Use, term: Term) -> Condition:
    field = _field(use.asked, term)
    if term.op not in field.operators:
        allowed = " ".join(op for op in Op if op in field.operators)
        raise SearchSyntaxError(f"{field.name} is compared with {allowed}", term.column + len(term.name), len(term.op))
    condition = either(*(field.build(use, term.op.positive, value) for value in term.values))
    return opposite(condition) if term.op.is_negative else condition


def _field(asked: Asked, term: Term) -> Field:
    name = term.name
    known = CORE_FIELDS.get(name.casefold())
    if known is not None:
        return known
    if name.casefold().startswith(attributes.PREFIX):
        return attributes.field_of(asked, name[len(attributes.PREFIX) :], term.column)
    every = all_fields(asked)
    for field in every:
        if field.name.casefold() == name.casefold():
            return field
    names = [*(field.name for field in every), *DIRECTIVES]
    raise SearchSyntaxError(f"there is no field {name!r}", term.column, len(name), nearest(name, names))
