"""From expressions to words: noun phrases, articles, plurals, typos."""

from __future__ import annotations

import numpy as np

from viper_ros.sim.expressions import THING, Descriptor, Expression
from viper_ros.sim.household_words import HOUSEHOLD
from viper_ros.sim.phrases import (
    ADJECTIVE_STYLES,
    RELATION_WORDS,
    SIZE_WORDS,
    SUPERLATIVE_WORDS,
    THING_WORDS,
    Piece,
)
from viper_ros.sim.splits import Split
from viper_ros.sim.vocabulary import COLOUR_SYNONYMS

HELD_OUT_SHARE = 1 / 3


class Wording:
    """Says expressions for one question and notes which pieces it used."""

    def __init__(self, rng: np.random.Generator, split: Split) -> None:
        self.rng, self.split = rng, split
        self.used: list[Piece] = []

    def choose(self, pieces: tuple[Piece, ...], prefer_held_out: bool = False) -> Piece:
        """Choose a way to say something; held-out ones only in PHRASING: a third, all if ``prefer_held_out``."""
        usable = [p for p in pieces if not p.held_out]
        if self.split is Split.PHRASING and (prefer_held_out or self.rng.random() < HELD_OUT_SHARE):
            usable = [p for p in pieces if p.held_out] or usable
        piece = usable[self.rng.integers(len(usable))]
        self.used.append(piece)
        return piece

    def phrase(self, expression: Expression, plural: bool = False) -> str:
        """Say an expression without an article."""
        if expression.superlative is not None:
            piece = self.choose(SUPERLATIVE_WORDS[expression.superlative])
            return piece.text.format(bare=self._descriptor(expression.head, simple=True))
        text = self._descriptor(expression.head, plural, simple=expression.relation is not None)
        if expression.relation is None:
            return text
        return f"{text} {self.relation(expression.relation, expression.anchors)}"

    def relation(self, name: str, anchors: tuple[Descriptor, ...]) -> str:
        """Say a relation with its anchors, such as "left of the plate"."""
        the = [f"the {self._descriptor(anchor, simple=True)}" for anchor in anchors]
        return self.choose(RELATION_WORDS[name]).text.format(the=the[0], other=the[-1])

    def _descriptor(self, descriptor: Descriptor, plural: bool = False, simple: bool = False) -> str:
        noun = self._noun(descriptor.noun, plural)
        if descriptor.not_colour is not None:
            return f"{noun} that {'are' if plural else 'is'} not {self._colour(descriptor.not_colour)}"
        colour = None if descriptor.colour is None else self._colour(descriptor.colour)
        size = None if descriptor.size is None else str(self.rng.choice(SIZE_WORDS[descriptor.size]))
        adjectives = " ".join(word for word in (size, colour, descriptor.material) if word)
        if not adjectives:
            return noun
        style = ADJECTIVE_STYLES[0]
        if colour and not (plural or simple or size or descriptor.material) and self.rng.random() < 0.1:
            style = self.choose(ADJECTIVE_STYLES[1:])
        return style.text.format(adjectives=adjectives, colour=colour, noun=noun)

    def _colour(self, colour: str) -> str:
        synonyms = COLOUR_SYNONYMS.get(colour, ())
        return str(self.rng.choice(synonyms)) if synonyms and self.rng.random() < 0.15 else colour

    def _noun(self, noun: str, plural: bool) -> str:
        if noun == THING:
            return THING_WORDS[self.rng.integers(len(THING_WORDS))][plural]
        if noun in HOUSEHOLD.groups:
            return HOUSEHOLD.groups[noun] if plural else ("food item" if noun == "food" else noun)
        row = HOUSEHOLD.categories[noun]
        if plural:
            return row.plural
        return str(self.rng.choice(row.synonyms)) if row.synonyms and self.rng.random() < 0.3 else row.name


def with_article(phrase: str) -> str:
    """Put "a" or "an" before a phrase."""
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def misspell(rng: np.random.Generator, text: str) -> str:
    """Make one typing error in a word of at least four letters: a letter swapped, dropped or doubled."""
    words = text.split(" ")
    long = [k for k, word in enumerate(words) if len(word) >= 4 and word.isalpha()]
    if not long:
        return text
    k = long[rng.integers(len(long))]
    word, i = words[k], int(rng.integers(1, len(words[k]) - 1))
    swapped, dropped, doubled = word[i + 1] + word[i] + word[i + 2 :], word[i + 1 :], word[i] + word[i:]
    words[k] = word[:i] + (swapped, dropped, doubled)[rng.integers(3)]
    return " ".join(words)
