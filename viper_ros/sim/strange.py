"""Words that nobody has heard: as verbs, where they do not matter, and as nouns, of which there is nothing in view."""

from __future__ import annotations

import re
from functools import cache

import numpy as np

from viper_ros.sim.household_words import HOUSEHOLD
from viper_ros.sim.phrases import SIZE_WORDS, THING_WORDS
from viper_ros.sim.sentences import SENTENCES
from viper_ros.sim.vocabulary import COLOUR_SYNONYMS, PAINTED

_SYLLABLES = tuple(
    first + rest
    for first in ("", *"bcdfghjklmnprstvwz")
    for rest in ("a", "e", "i", "o", "u", "an", "er", "is", "ock", "end")
)


def made_up_word(rng: np.random.Generator) -> str:
    """Make up a word of two or three syllables that means nothing."""
    while True:
        word = "".join(rng.choice(_SYLLABLES, rng.integers(2, 4)))
        if len(word) > 3 and word not in _known_words():
            return word


def with_made_up_verb(rng: np.random.Generator, text: str) -> str:
    """Put one to three made-up words in the place of how an instruction begins: "pick up the mug" -> "zobend the mug".

    A text that does not begin as instructions do stays as it is: "mug behind the plate" is about the mug.
    """
    before, the, rest = text.partition(" the ")
    if not the or not _BEGINNING.search(before):
        return text
    words = " ".join(made_up_word(rng) for _ in range(rng.integers(1, 4)))
    return f"{words} the {rest}"


def with_made_up_noun(rng: np.random.Generator, text: str) -> str | None:
    """Put a made-up word in the place of the one thing that a text names, at its end; None if it is not so built.

    "is there a red mug?" -> "is there a red zobend?", of which there is none.
    """
    found = _named().fullmatch(text)
    if found is None or _any_name().search(found["before"]):
        return None
    before = re.sub(r"\ban $", "a ", found["before"])
    return f"{before}{made_up_word(rng)}{found['end']}"


_BEGINNING = re.compile(
    "(^| )("
    + "|".join(
        sorted(
            {
                piece.text.split(" {the}")[0]
                for kind, pieces in SENTENCES.items()
                if kind == "refer" or kind.startswith(("goal", "carry"))
                for piece in pieces
                if " {the}" in piece.text and "{" not in piece.text.split(" {the}")[0]
            }
        )
    )
    + ")$"
)
"""How an instruction begins before the thing that it is about, whatever politeness comes first."""


@cache
def _names() -> tuple[str, ...]:
    rows = HOUSEHOLD.categories.values()
    names = {name for row in rows for name in (row.name, *row.synonyms, *row.kinds)} | set(HOUSEHOLD.groups)
    return tuple(sorted(names | {word for pair in THING_WORDS for word in pair}, key=len, reverse=True))


@cache
def _named() -> re.Pattern[str]:
    return re.compile(rf"(?P<before>.*\b)({'|'.join(_names())})(?P<end>\??)")


@cache
def _any_name() -> re.Pattern[str]:
    return re.compile(rf"\b({'|'.join(_names())})s?\b")


@cache
def _known_words() -> frozenset[str]:
    colours = (*PAINTED, *(word for words in COLOUR_SYNONYMS.values() for word in words))
    sizes = (word for words in SIZE_WORDS.values() for word in words)
    said = (piece.text for pieces in SENTENCES.values() for piece in pieces)
    plurals = (row.plural for row in HOUSEHOLD.categories.values())
    return frozenset(" ".join((*_names(), *plurals, *colours, *sizes, *said)).split())
