"""Referring expressions: what a noun phrase means, apart from how it is said.

`resolve` is the only judge of truth for questions: it says which things in view an expression means, or that this
is unclear.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from viper_ros.sim.household_words import HOUSEHOLD
from viper_ros.sim.scene import SceneObject
from viper_ros.sim.view import Truth, View, order

THING = "thing"
"""The noun that everything in a scene answers to."""


@dataclass(frozen=True)
class Descriptor:
    """A noun (a category, a group or ``THING``) with its attributes."""

    noun: str
    colour: str | None = None
    not_colour: str | None = None
    size: str | None = None
    material: str | None = None

    def matches(self, thing: SceneObject) -> Truth:
        """Say whether the words fit ``thing``."""
        tests = (
            self._is_kind(thing),
            self.colour is None or _has_colour(thing, self.colour),
            self.not_colour is None or _not(_has_colour(thing, self.not_colour)),
            self.size is None or (None if thing.size_word == "medium" else thing.size_word == self.size),
            self.material is None or thing.material == self.material,
        )
        return _all(tests)

    def _is_kind(self, thing: SceneObject) -> Truth:
        if self.noun == THING or thing.category == self.noun:
            return True
        row = HOUSEHOLD.categories[thing.category]
        if self.noun in row.kinds or self.noun in row.groups:
            return True
        if self.noun in HOUSEHOLD.categories:
            doubtful = thing.category in HOUSEHOLD.categories[self.noun].confusable or self.noun in row.maybe
        else:
            doubtful = thing.category in HOUSEHOLD.unclear_members.get(self.noun, ())
        return None if doubtful else False


@dataclass(frozen=True)
class Expression:
    """A descriptor, narrowed by a relation to anchors or by a superlative (``nearest to`` has an anchor too)."""

    head: Descriptor
    relation: str | None = None
    anchors: tuple[Descriptor, ...] = ()
    superlative: str | None = None


def resolve(view: View, expression: Expression) -> tuple[int, ...] | None:
    """Give the ids of the things in view that the expression means, () for none, None where it is unclear.

    An anchor that is not in view makes the answer (); one that is not unique makes it unclear.
    """
    found = [_select(view, lambda thing, d=anchor: d.matches(thing)) for anchor in expression.anchors]
    if any(things is None or len(things) > 1 for things in found):
        return None
    if any(len(things) == 0 for things in found):
        return ()
    anchors = tuple(things[0] for things in found)
    anchor_ids = {anchor.id for anchor in anchors}

    def judge(thing: SceneObject) -> Truth:
        fits = expression.head.matches(thing)
        if fits is False or thing.id in anchor_ids:
            return False
        if expression.relation is None or expression.relation == "nearest to":
            return fits
        return _all((fits, view.relation(expression.relation, thing, anchors)))

    things = _select(view, judge)
    if things is None:
        return None
    return _narrow(view, expression, things, anchors)


def _narrow(
    view: View, expression: Expression, things: list[SceneObject], anchors: tuple[SceneObject, ...]
) -> tuple[int, ...] | None:
    if expression.superlative is not None and things:
        chosen = order(view, expression.superlative, things)
        return None if chosen is None else (chosen.id,)
    if expression.relation == "nearest to" and things:
        near = sorted((view.gap_m(thing, anchors[0]), thing.id) for thing in things)
        clear = len(near) > 1 and near[1][0] > 1.4 * near[0][0] + 0.03
        return (near[0][1],) if clear else None
    return tuple(thing.id for thing in things)


def _select(view: View, judge: Callable[[SceneObject], Truth]) -> list[SceneObject] | None:
    """Collect what ``judge`` accepts; None if it is unclear about anything, or accepts a thing hardly in sight."""
    chosen = []
    for thing in view.things:
        verdict = judge(thing)
        if verdict is False:
            continue
        if verdict is None or not view.sights[thing.id].clear:
            return None
        chosen.append(thing)
    return chosen


def _all(truths: tuple[Truth, ...]) -> Truth:
    """Kleene's strong conjunction."""
    if any(truth is False for truth in truths):
        return False
    return None if any(truth is None for truth in truths) else True


def _not(truth: Truth) -> Truth:
    return None if truth is None else not truth


def _has_colour(thing: SceneObject, colour: str) -> Truth:
    """Say whether a thing is of a colour; unclear of one that is on it but that it is not named by."""
    return True if thing.colour == colour else None if colour in thing.other_colours else False


def said_nouns(category: str) -> tuple[str, ...]:
    """Give the groups that a category is surely in, those that are said."""
    return tuple(group for group in HOUSEHOLD.categories[category].groups if group in HOUSEHOLD.groups)
