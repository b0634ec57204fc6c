"""Choosing expressions: unique ones for a thing in view, and hard ones for things that are not there."""

from __future__ import annotations

import numpy as np

from viper_ros.sim.expressions import THING, Descriptor, Expression, resolve, said_nouns
from viper_ros.sim.household_words import HOUSEHOLD
from viper_ros.sim.scene import SceneObject
from viper_ros.sim.splits import is_held_out, may_not_be_named
from viper_ros.sim.view import RELATIONS, SUPERLATIVES, View, carrying

_TRIES = 12
_SAID_MATERIALS = ("wooden", "metal")


def describe(
    rng: np.random.Generator,
    view: View,
    thing: SceneObject,
    colour: bool = True,
    relations: bool = True,
    named: float = 0.7,
) -> Expression | None:
    """Find an expression that means ``thing`` alone; None if chance finds none.

    ``colour=False`` leaves its colour out (to ask for it); ``relations=False`` keeps to attributes; ``named`` is
    the probability of naming its category rather than a group or "thing".
    """
    for _ in range(_TRIES):
        if relations and rng.random() < 0.6:
            expression = _relational(rng, view, thing, colour, named)
        else:
            expression = Expression(_attributes(rng, view, thing, colour, named))
        if expression is not None and resolve(view, expression) == (thing.id,):
            return expression
    return None


def sample_descriptor(rng: np.random.Generator, view: View) -> Descriptor | None:
    """Describe a thing in view loosely, for plurals and counts."""
    if not view.clear:
        return None
    thing = view.clear[rng.integers(len(view.clear))]
    colour = thing.colour if rng.random() < 0.4 else None
    return Descriptor(_noun(rng, thing, 0.7), colour=colour)


def _noun(rng: np.random.Generator, thing: SceneObject, specific: float) -> str:
    """Choose a noun for a thing; a category that training never shows is never named."""
    kinds = tuple(kind for kind in HOUSEHOLD.categories[thing.category].kinds if not may_not_be_named(kind))
    named = not may_not_be_named(thing.category)
    if named and rng.random() < specific:
        return str(rng.choice(kinds)) if kinds and rng.random() < 0.15 else thing.category
    if kinds and rng.random() < 0.3:
        return str(rng.choice(kinds))
    groups = said_nouns(thing.category)
    return str(rng.choice(groups)) if groups and rng.random() < 0.5 else THING


def _attributes(rng: np.random.Generator, view: View, thing: SceneObject, colour: bool, named: float) -> Descriptor:
    noun = _noun(rng, thing, named)
    draw = rng.random()
    rival = any(t.category == noun and t.size_word != thing.size_word for t in view.clear)
    if thing.size_word != "medium" and rival and draw < 0.4:
        return Descriptor(noun, size=thing.size_word, colour=thing.colour if colour and rng.random() < 0.3 else None)
    draw = rng.random()
    if draw < 0.16 and thing.material in _SAID_MATERIALS and len(HOUSEHOLD.categories[thing.category].materials) > 1:
        return Descriptor(noun, material=thing.material)
    if colour and draw < 0.22 and noun != THING and thing.colour is not None:
        others = [c for c in HOUSEHOLD.categories[thing.category].colours if c != thing.colour]
        return Descriptor(noun, not_colour=str(rng.choice(others)) if others else None)
    if colour and (draw < 0.75 or noun == THING):
        return Descriptor(noun, colour=thing.colour)
    return Descriptor(noun)


def _relational(
    rng: np.random.Generator, view: View, thing: SceneObject, colour: bool, named: float
) -> Expression | None:
    """Find an expression with a superlative or a relation that fits ``thing``; the caller checks the relation."""
    noun = _noun(rng, thing, named)
    head = Descriptor(noun, colour=thing.colour if colour and rng.random() < 0.35 else None)
    if rng.random() < 0.4:
        told = [Expression(head, superlative=name) for name in SUPERLATIVES]
        told = [expression for expression in told if resolve(view, expression) == (thing.id,)]
        return told[rng.integers(len(told))] if told else None
    relation = _true_relation(rng, view, thing)
    return None if relation is None else Expression(head, *relation)


def _true_relation(
    rng: np.random.Generator, view: View, thing: SceneObject
) -> tuple[str, tuple[Descriptor, ...]] | None:
    """Pick a relation that holds between ``thing`` and other things in clear sight."""
    others = [other for other in view.clear if other.id != thing.id]
    if not others:
        return None
    pairs = [(a, b) for a in others for b in others if a.id < b.id and view.relation("between", thing, (a, b))]
    if pairs and rng.random() < 0.3:
        return "between", tuple(_anchor(rng, other) for other in pairs[rng.integers(len(pairs))])
    support = [other for other in others if other.id == thing.supports]
    anchor = support[0] if support and rng.random() < 0.6 else others[rng.integers(len(others))]
    if rng.random() < 0.15:
        return "nearest to", (_anchor(rng, anchor),)
    names = [name for name in RELATIONS if name != "between" and view.relation(name, thing, (anchor,)) is True]
    return (str(rng.choice(names)), (_anchor(rng, anchor),)) if names else None


def _anchor(rng: np.random.Generator, thing: SceneObject) -> Descriptor:
    noun = _noun(rng, thing, specific=0.95)
    return Descriptor(noun, colour=thing.colour if noun == THING or rng.random() < 0.5 else None)


def describe_absent(
    rng: np.random.Generator, view: View, colour: bool = True, relations: bool = True
) -> Expression | None:
    """Find an expression of nothing in view, close to what is there; None if chance finds none.

    Sorts, in equal parts where allowed: the right category in a wrong colour, the right colour on a wrong category,
    a thing in view with a relation that it does not have, and anything else.
    """
    if not view.clear:
        return None
    sorts = [_anything_else]
    if colour:
        sorts += [_wrong_colour, _wrong_category]
    if relations:
        sorts += [_false_relation]
    for _ in range(_TRIES):
        thing = view.clear[rng.integers(len(view.clear))]
        expression = sorts[rng.integers(len(sorts))](rng, view, thing)
        if expression is not None and _may_say(expression.head) and resolve(view, expression) == ():
            return expression
    return None


def _may_say(head: Descriptor) -> bool:
    """Held-out categories and pairs are not named, not even where they are absent."""
    return head.noun not in HOUSEHOLD.categories or not is_held_out(head.colour or "", head.noun)


def _wrong_colour(rng: np.random.Generator, view: View, thing: SceneObject) -> Expression | None:
    noun = _noun(rng, thing, specific=0.8)
    seen = tuple({t.colour for t in view.clear} - {None})
    colours = HOUSEHOLD.categories[thing.category].colours if noun in HOUSEHOLD.categories else seen
    others = sorted(c for c in colours if c != thing.colour)
    return Expression(Descriptor(noun, colour=str(rng.choice(others)))) if others else None


def _wrong_category(rng: np.random.Generator, view: View, thing: SceneObject) -> Expression | None:
    if rng.random() < 0.15:
        return Expression(Descriptor(str(rng.choice(list(view.scene.words.groups))), colour=thing.colour))
    rows = [row for row in view.scene.words.categories.values() if row.name != thing.category]
    nouns = [row.name for row in rows if thing.colour is None or thing.colour in row.colours]
    return Expression(Descriptor(str(rng.choice(nouns)), colour=thing.colour)) if nouns else None


def _false_relation(rng: np.random.Generator, view: View, thing: SceneObject) -> Expression | None:
    others = [other for other in view.clear if other.id != thing.id]
    if not others:
        return None
    anchor = others[rng.integers(len(others))]
    carries = carrying(view.scene, anchor)
    sides = ["left of", "right of", "in front of", "behind", "next to"]
    name = str(rng.choice(sides if carries is None else [*sides, carries, carries]))
    return Expression(_anchor(rng, thing), name, (_anchor(rng, anchor),))


def _anything_else(rng: np.random.Generator, view: View, thing: SceneObject) -> Expression | None:
    draw = rng.random()
    if draw < 0.15:
        return Expression(Descriptor(str(rng.choice(list(view.scene.words.groups)))))
    return Expression(Descriptor(str(rng.choice(list(view.scene.words.categories)))))
