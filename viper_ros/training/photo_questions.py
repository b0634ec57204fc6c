"""Questions about a labelled photograph, with answers that its labels prove.

The sentences are those of the simulated world (`sim.phrases`). Nothing is asked where a label leaves doubt: "the cup"
only where exactly one cup is labelled and no glass that might be called one, "how many" only where all is labelled.
Colours are unknown, so a thing's answer is its name alone: "cup", "two cups".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from viper_ros.sim.phrases import NO_VERB, NUMBER_WORDS, POLITE, SUPERLATIVE_WORDS
from viper_ros.sim.sentences import SENTENCES
from viper_ros.sim.splits import Split
from viper_ros.sim.wording import Wording, misspell, with_article
from viper_ros.training.annotations import Sentence
from viper_ros.training.class_names import ClassName, ClassNames

NOT_FOUND = "not found"
ABSENT_RATE = 0.3  # of the questions about a photograph, at the least
MIN_AREA = 60 / (256 * 192)  # of the image, as in the simulated world: less is too little to be asked about
MIN_FRACTION = 0.4  # of a thing's own mask or box
BORDER = 0.025  # nearer than this to the border between two ninths, where a thing is is left open
STEP = 0.05  # of the width between neighbours, for "leftmost"
ORDERS = ("leftmost", "rightmost", "second from the left", "second from the right")


@dataclass(frozen=True)
class Thing:
    """One labelled thing in a photograph: its id in the map, its class, and how it appears.

    ``centre_uv`` is the middle of its box in [0, 1]; ``clear`` says that it shows enough to be asked about.
    """

    id: int
    named: ClassName | None
    centre_uv: tuple[float, float]
    clear: bool
    loose: bool


@dataclass(frozen=True)
class Labelled:
    """A photograph as its labels tell it.

    ``complete``: every thing of the named classes is labelled. ``never`` are nouns that must not be said.
    ``surely_absent`` are names that the photographs of this source never show.
    """

    things: tuple[Thing, ...]
    names: ClassNames
    complete: bool = True
    never: frozenset[str] = frozenset()
    surely_absent: tuple[ClassName, ...] = ()

    def found(self, noun: ClassName) -> list[Thing] | None:
        """Every thing that a noun names; None where one of them, or whether it is one, is unclear."""
        chosen = []
        for thing in self.things:
            verdict = False if thing.named is None else thing.named.is_a(noun)
            if verdict is None or (verdict and not thing.clear):
                return None
            if verdict:
                chosen.append(thing)
        return chosen

    @cached_property
    def present(self) -> list[tuple[ClassName, list[Thing]]]:
        """Nouns of which something is in clear sight, with everything that they name."""
        both = [(noun, self.found(noun)) for noun in self._sayable]
        return [(noun, things) for noun, things in both if things]

    @cached_property
    def absent(self) -> list[ClassName]:
        """Nouns of which surely nothing is there: other classes of the same set where everything is labelled."""
        return [*(n for n in self._sayable if self.complete and self.found(n) == []), *self.surely_absent]

    @property
    def _sayable(self) -> list[ClassName]:
        return [n for n in self.names.nouns.values() if n.name not in self.never and not self.never & set(n.kinds)]


def sample_questions(
    rng: np.random.Generator,
    labelled: Labelled,
    count: int,
    sentences: tuple[Sentence, ...] = (),
    split: Split = Split.TRAIN,
    typo_rate: float = 0.0,
) -> list[dict]:
    """Sample up to ``count`` different questions, a user's own ``sentences`` first; [] if nothing can be asked.

    Each is a dict as shards hold it: text, kind, answer, targets and anchors (ids), present, relation, and ``loose`` if
    the place of a target is known by a box alone.
    """
    bank = {said.text: _own(said, labelled) for said in sentences[:count]}
    left = count - len(bank)
    absent = int(np.ceil(left * ABSENT_RATE)) if labelled.absent else 0
    _fill(bank, len(bank) + left - absent, lambda: _about_present(rng, labelled, split))
    if bank:  # as many in proportion where little can be asked of what is there
        _fill(bank, len(bank) + min(absent, len(bank)), lambda: _about_absent(rng, labelled, split))
    for question in bank.values():
        if typo_rate and rng.random() < typo_rate:
            question["text"] = misspell(rng, question["text"])
    return list(bank.values())


def _fill(bank: dict[str, dict], count: int, ask) -> None:
    for _ in range(20 * count):
        if len(bank) >= count:
            return
        question = ask()
        if question is not None:
            bank.setdefault(question["text"], question)


def _about_present(rng: np.random.Generator, labelled: Labelled, split: Split) -> dict | None:
    if not labelled.present:
        return None
    noun, things = labelled.present[rng.integers(len(labelled.present))]
    kind = str(
        rng.choice(("refer", "where", "exists", "count", "plural", "order"), p=(0.45, 0.13, 0.1, 0.08, 0.08, 0.16))
    )
    if kind in ("count", "plural", "order") and not labelled.complete:
        return None
    one, several = len(things) == 1, 1 < len(things) < len(NUMBER_WORDS)
    if kind in ("refer", "where") and one:
        answer = noun.name if kind == "refer" else ninth(things[0].centre_uv)
        return None if answer is None else _ask(rng, split, kind, noun, answer, things)
    if kind == "exists":
        return _ask(rng, split, kind, noun, "yes", things)
    if noun.plural is None:
        several = one = False
    if kind == "count" and (several or (one and rng.random() < 0.4)):
        return _ask(rng, split, kind, noun, NUMBER_WORDS[len(things)], things)
    if kind == "plural" and several:
        return _ask(rng, split, kind, noun, f"{NUMBER_WORDS[len(things)]} {noun.plural}", things)
    return _order(rng, split, noun, things) if kind == "order" else None


def _about_absent(rng: np.random.Generator, labelled: Labelled, split: Split) -> dict | None:
    noun = labelled.absent[rng.integers(len(labelled.absent))]
    kind = str(rng.choice(("refer", "where", "exists", "count"), p=(0.5, 0.2, 0.2, 0.1)))
    if kind == "count":
        return None if noun.plural is None else _ask(rng, split, kind, noun, "zero", [])
    return _ask(rng, split, kind, noun, "no" if kind == "exists" else NOT_FOUND, [])


def _order(rng: np.random.Generator, split: Split, noun: ClassName, things: list[Thing]) -> dict | None:
    """Ask for the leftmost of several, where a clear step separates it from its neighbours."""
    name = str(rng.choice(ORDERS))
    rank, sign = int(name.startswith("second")), 1 if "left" in name else -1
    if len(things) < 2 + rank:
        return None
    ordered = sorted(things, key=lambda thing: sign * thing.centre_uv[0])
    steps = np.abs(np.diff([thing.centre_uv[0] for thing in ordered]))[: rank + 1]
    if steps.min() < STEP:
        return None
    asked = _ask(rng, split, "refer", noun, noun.name, [ordered[rank]], name)
    return asked | {"anchors": [thing.id for thing in things]}


def _ask(
    rng: np.random.Generator,
    split: Split,
    sentence: str,
    noun: ClassName,
    answer: str,
    things: list[Thing],
    relation: str | None = None,
) -> dict:
    """Put a noun into a sentence of the simulated world; no sentence says that something is on a table."""
    wording = Wording(rng, split)
    said = str(rng.choice(noun.synonyms)) if noun.synonyms and rng.random() < 0.3 else noun.name
    indefinite = noun.indefinite if said == noun.name else with_article(said)
    if relation is not None:
        said = wording.choose(SUPERLATIVE_WORDS[relation]).text.format(bare=said)
    usable = tuple(piece for piece in SENTENCES[sentence] if "the table" not in piece.text)
    piece = wording.choose(usable)
    text = piece.text.format(the=f"the {said}", bare=said, a=indefinite, plural=noun.plural)
    command = sentence == "refer" and piece.text.split()[0] not in NO_VERB and not text.endswith("?")
    if command and rng.random() < 0.12:
        text = wording.choose(POLITE).text.format(x=text)
    kind = "refer" if sentence == "plural" else sentence
    return _question(text, kind, answer, things, relation)


def _own(said: Sentence, labelled: Labelled) -> dict:
    """A user's own sentence; without an answer of its own it gets the name of what it means."""
    things = [labelled.things[k] for k in said.targets]
    names = [thing.named.name for thing in things if thing.named is not None]
    answer = said.answer or (NOT_FOUND if not names else names[0] if len(names) == 1 else _number_of(things, names))
    return _question(said.text.strip().lower(), said.kind, answer, things, None)


def _number_of(things: list[Thing], names: list[str]) -> str:
    plural = things[0].named.plural if len(set(names)) == 1 and things[0].named else None
    return f"{NUMBER_WORDS[min(len(things), 10)]} {plural or 'things'}"


def _question(text: str, kind: str, answer: str, things: list[Thing], relation: str | None) -> dict:
    question = {
        "text": text,
        "kind": kind,
        "answer": answer,
        "targets": [thing.id for thing in things],
        "anchors": [],
        "present": bool(things),
        "relation": relation,
    }
    return question | ({"loose": True} if any(thing.loose for thing in things) else {})


def ninth(centre_uv: tuple[float, float]) -> str | None:
    """Name the ninth of the image that holds a point, in the words of `sim.view.region`; None near a border."""
    if min(abs(x - border) for x in centre_uv for border in (1 / 3, 2 / 3)) < BORDER:
        return None
    u, v = (min(max(x, 0.0), 0.999) for x in centre_uv)
    column, row = ("left", "", "right")[int(3 * u)], ("back", "", "front")[int(3 * v)]
    return f"{row} {column}".strip() or "middle"
