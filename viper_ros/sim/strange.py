"""Words that nobody has heard: as verbs or brands, where they do not matter, and as nouns, of which there is none."""

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


def with_made_up_brand(rng: np.random.Generator, text: str) -> str | None:
    """Put a made-up word before the first made thing that a text names: "the red mug" -> "the red zobend mug".

    People say brands that nobody taught; the thing is still what its name says. None if no made thing is named.
    """
    found = _branded().search(text)
    if found is None:
        return None
    brand = made_up_word(rng)
    article = found["article"]
    if article in ("a", "an") and not found["between"]:
        article = "an" if brand[0] in "aeiou" else "a"
    told = f"{article} {found['between']}{brand} {found['name']}"
    return text[: found.start()] + told + text[found.end() :]


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
def _branded() -> re.Pattern[str]:
    """An article, up to two words, and the name of a thing that somebody made; "can you" is none."""
    rows = [r for r in HOUSEHOLD.categories.values() if not {"fruit", "vegetable"} & set(r.groups) and r.name != "egg"]
    names = sorted({name for row in rows for name in (row.name, *row.synonyms)}, key=len, reverse=True)
    return re.compile(rf"\b(?P<article>the|an?) (?P<between>(?:\w+ ){{0,2}}?)(?P<name>{'|'.join(names)})\b(?! you)")


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
