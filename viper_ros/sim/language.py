"""Questions and instructions about a scene, with their true answers.

Kinds: ``refer`` (instructions and noun phrases; singular, plural, and with a goal), ``where``, ``colour``, ``what``,
``relation``, ``count``, ``exists``, ``compare``. Answers are short, lower case and canonical:

- refer, what, relation: colour and category of the target, "red mug", or the category alone of a thing of many
  colours, "cream cheese"; several targets "two red mugs"; "not found"
- where: the ninth of the image that holds the target's centre (`view.region`), or "not found"
- colour: a colour, or "not found"; count: "zero" to "ten"; exists: "yes" or "no"; compare: a category
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from viper_ros.sim.describe import describe, describe_absent, sample_descriptor
from viper_ros.sim.expressions import THING, Descriptor, Expression, resolve
from viper_ros.sim.household_words import HOUSEHOLD
from viper_ros.sim.phrases import ADDRESSED, NO_VERB, NUMBER_WORDS, POLITE
from viper_ros.sim.render import Frame
from viper_ros.sim.scene import Scene, SceneObject
from viper_ros.sim.sentences import SENTENCES
from viper_ros.sim.splits import LIBERO_SENTENCES, Split
from viper_ros.sim.view import View, bigger, carrying, region
from viper_ros.sim.wording import Wording, misspell, with_article

NOT_FOUND = "not found"
ABSENT_ANSWERS = {"refer": NOT_FOUND, "where": NOT_FOUND, "exists": "no"}
"""What is answered to plain questions about a thing that is not there, by kind."""

ABSENT_RATE = 0.3
"""Share of the referring questions that name something that is not there."""


@dataclass(frozen=True)
class Question:
    """A question or instruction with its ground truth.

    ``target_ids`` are the things that it is about, () if they are absent; ``present`` says whether they are in view.
    ``template`` joins the ids of its pieces (`phrases`); ``relation`` is the relation or superlative that it uses.
    ``expressions`` hold its meaning, for checks. ``anchor_ids`` are the things that its words mention on the way: the
    anchors of a relation, those that a superlative chooses from, the two that are compared.
    """

    text: str
    kind: str
    answer: str
    target_ids: tuple[int, ...]
    present: bool
    template: str
    relation: str | None = None
    expressions: tuple[Expression, ...] = ()
    anchor_ids: tuple[int, ...] = ()


def sample_questions(
    rng: np.random.Generator,
    scene: Scene,
    frame: Frame,
    count: int,
    split: Split = Split.TRAIN,
    typo_rate: float = 0.0,
) -> tuple[Question, ...]:
    """Sample ``count`` different questions about ``scene`` as ``frame`` shows it.

    ``typo_rate`` is the probability that a text has one typing error. A view that shows next to nothing may give
    fewer questions than asked for.
    """
    view = View(scene, frame)
    questions: dict[str, Question] = {}
    for _ in range(40 * count):
        if len(questions) >= count:
            break
        kind = str(rng.choice(list(_KINDS), p=_WEIGHTS))
        question = _KINDS[kind](rng, view, split)
        if question is not None and question.text not in LIBERO_SENTENCES:
            questions.setdefault(question.text, replace(question, anchor_ids=_anchor_ids(view, question)))
    return tuple(_with_typo(rng, question, typo_rate) for question in questions.values())


def _anchor_ids(view: View, question: Question) -> tuple[int, ...]:
    expression = question.expressions[0]
    means = expression.anchors
    if question.kind == "compare":
        means = tuple(told.head for told in question.expressions)
    elif expression.superlative is not None:
        means = (expression.head,)
    found = [resolve(view, Expression(head)) for head in means]
    return () if None in found else tuple(id for ids in found for id in ids)


def _with_typo(rng: np.random.Generator, question: Question, rate: float) -> Question:
    if rng.random() >= rate:
        return question
    return replace(question, text=misspell(rng, question.text))


def _ask(
    wording: Wording,
    sentence: str,
    expressions: tuple[Expression, ...],
    answer: str,
    targets: tuple[int, ...],
    kind: str | None = None,
    plural: bool = False,
) -> Question:
    """Put expressions into a sentence: the first one in its main field, the second one as goal or other."""
    piece = wording.choose(SENTENCES[sentence], prefer_held_out=True)
    main = wording.phrase(expressions[0], plural and "{plural}" in piece.text)
    second = wording.phrase(expressions[1]) if len(expressions) > 1 else ""
    text = piece.text.format(
        the=f"the {main}", bare=main, a=with_article(main), plural=main, goal=f"the {second}", other=f"the {second}"
    )
    command = kind == "refer" and piece.text.split()[0] not in NO_VERB and not text.endswith("?")
    wrapped = wording.rng.random()
    if command and wrapped < 0.25:
        text = wording.choose(POLITE).text.format(x=text)
    elif not command and wrapped < 0.06:
        text = wording.choose(ADDRESSED).text.format(x=text)
    template = "+".join(piece.id for piece in wording.used)
    relation = expressions[0].relation or expressions[0].superlative
    return Question(text, kind or sentence, answer, targets, bool(targets), template, relation, expressions)


def _describe(
    rng: np.random.Generator,
    view: View,
    split: Split,
    colour: bool = True,
    absent_rate: float = ABSENT_RATE,
    named: float = 0.7,
) -> tuple[Expression, SceneObject | None] | None:
    """Choose a target and a unique expression for it, or (at the given rate) an expression of something absent."""
    if rng.random() < absent_rate:
        expression = describe_absent(rng, view, colour)
        return None if expression is None else (expression, None)
    target = _choose_target(rng, view, split)
    expression = None if target is None else describe(rng, view, target, colour, named=named)
    return None if expression is None else (expression, target)


def _choose_target(rng: np.random.Generator, view: View, split: Split) -> SceneObject | None:
    """Choose a thing in clear sight; in NOVEL scenes mostly one that training never shows."""
    things = list(view.clear)
    novel = [thing for thing in things if thing.held_out]
    if split is Split.NOVEL and novel and rng.random() < 0.8:
        things = novel
    return things[rng.integers(len(things))] if things else None


def _refer(rng: np.random.Generator, view: View, split: Split) -> Question | None:
    found = _describe(rng, view, split)
    if found is None:
        return None
    expression, target = found
    answer, targets = (NOT_FOUND, ()) if target is None else (target.name, (target.id,))
    return _ask(Wording(rng, split), "refer", (expression,), answer, targets, "refer")


def _goal(rng: np.random.Generator, view: View, split: Split) -> Question | None:
    """An instruction that moves a target to a goal; only the target is asked for.

    A target told by a relation is first taken and then put: in "put the egg left of the cup on the plate" the egg may
    be left of the cup or be put there.
    """
    found, goal = _describe(rng, view, split), _choose_target(rng, view, Split.TRAIN)
    if found is None or goal is None or found[1] is goal:
        return None
    expression, target = found
    place = describe(rng, view, goal, relations=False)
    if place is None or (target is not None and target.supports == goal.id):
        return None
    surface = goal.shape.surface
    way = "goal" if expression.relation is None and rng.random() < 0.7 else "carry"
    sentence = f"{way} {'next to' if surface is None or rng.random() < 0.2 else surface.relation}"
    answer, targets = (NOT_FOUND, ()) if target is None else (target.name, (target.id,))
    return _ask(Wording(rng, split), sentence, (expression, place), answer, targets, "refer")


def _plural(rng: np.random.Generator, view: View, split: Split) -> Question | None:
    head = sample_descriptor(rng, view)
    targets = None if head is None else resolve(view, Expression(head))
    if not targets or len(targets) < 2 or len(targets) >= len(NUMBER_WORDS):
        return None
    answer = f"{NUMBER_WORDS[len(targets)]} {_plural_name(head)}"
    return _ask(Wording(rng, split), "plural", (Expression(head),), answer, targets, "refer", plural=True)


def _plural_name(head: Descriptor) -> str:
    rows = HOUSEHOLD.categories
    noun = rows[head.noun].plural if head.noun in rows else HOUSEHOLD.groups.get(head.noun, "things")
    return " ".join(word for word in (head.colour, noun) if word)


def _where(rng: np.random.Generator, view: View, split: Split) -> Question | None:
    found = _describe(rng, view, split)
    if found is None:
        return None
    expression, target = found
    answer = NOT_FOUND if target is None else region(view, target)
    if answer is None:
        return None
    return _ask(Wording(rng, split), "where", (expression,), answer, () if target is None else (target.id,))


def _colour(rng: np.random.Generator, view: View, split: Split) -> Question | None:
    found = _describe(rng, view, split, colour=False, absent_rate=0.15)
    if found is None or (found[1] is not None and found[1].colour in (None, found[1].category)):
        return None
    expression, target = found
    answer, targets = (NOT_FOUND, ()) if target is None else (target.colour, (target.id,))
    return _ask(Wording(rng, split), "colour", (expression,), answer, targets)


def _what(rng: np.random.Generator, view: View, split: Split) -> Question | None:
    """Ask for the name of a thing told by its attributes or its place."""
    found = _describe(rng, view, split, absent_rate=0.1, named=0.0)
    if found is None or found[0].head.noun in HOUSEHOLD.categories:
        return None
    expression, target = found
    answer, targets = (NOT_FOUND, ()) if target is None else (target.name, (target.id,))
    return _ask(Wording(rng, split), "what", (expression,), answer, targets)


def _relation(rng: np.random.Generator, view: View, split: Split) -> Question | None:
    """Ask what stands in a relation to an anchor."""
    found = _relation_with(rng, view, targets=int(rng.random() < 0.85))
    place = None if found is None else describe(rng, view, found[1], relations=False)
    if place is None or place.head.not_colour is not None:
        return None
    name = found[0]
    expression = Expression(Descriptor(THING), name, (place.head,))
    targets = resolve(view, expression)
    if targets is None or len(targets) > 1:
        return None
    wording = Wording(rng, split)
    piece = wording.choose(SENTENCES["relation"], prefer_held_out=True)
    text = piece.text.format(where=wording.relation(name, expression.anchors))
    answer = view.scene.object(targets[0]).name if targets else NOT_FOUND
    template = "+".join(piece.id for piece in wording.used)
    return Question(text, "relation", answer, targets, bool(targets), template, name, (expression,))


def _relation_with(rng: np.random.Generator, view: View, targets: int) -> tuple[str, SceneObject] | None:
    """Find a relation and an anchor to which exactly so many things (0 or 1) stand in it; None: there is none."""
    found = []
    for anchor in view.clear:
        carries = carrying(view.scene, anchor)
        names = ["left of", "right of", "in front of", "behind", "next to"]
        for name in names if carries is None else [*names, carries]:
            truths = [view.relation(name, thing, (anchor,)) for thing in view.things]
            if None not in truths and sum(truths) == targets:
                found += [(name, anchor)] * (4 if name in ("on", "in") else 1)
    return found[rng.integers(len(found))] if found else None


def _count(rng: np.random.Generator, view: View, split: Split) -> Question | None:
    absent = rng.random() < 0.15
    expression = describe_absent(rng, view, relations=False) if absent else None
    head = expression.head if expression is not None else sample_descriptor(rng, view)
    targets = None if head is None else resolve(view, Expression(head))
    if targets is None or len(targets) >= len(NUMBER_WORDS) or (len(targets) == 1 and rng.random() < 0.6):
        return None
    answer = NUMBER_WORDS[len(targets)]
    return _ask(Wording(rng, split), "count", (Expression(head),), answer, targets, plural=True)


def _exists(rng: np.random.Generator, view: View, split: Split) -> Question | None:
    found = _describe(rng, view, split, absent_rate=0.5)
    if found is None or found[0].superlative is not None or found[0].relation == "nearest to":
        return None
    targets = () if found[1] is None else (found[1].id,)
    return _ask(Wording(rng, split), "exists", (found[0],), "yes" if targets else "no", targets)


def _compare(rng: np.random.Generator, view: View, split: Split) -> Question | None:
    """Ask which of two things of different categories is bigger or smaller."""
    if len(view.clear) < 2:
        return None
    first, second = (view.clear[k] for k in rng.choice(len(view.clear), 2, replace=False))
    told = [describe(rng, view, thing, relations=False) for thing in (first, second)]
    verdict = bigger(view, first, second)
    if verdict is None or None in told or first.category == second.category:
        return None
    word = str(rng.choice(["bigger", "smaller"]))
    winner = first if verdict == (word == "bigger") else second
    return _ask(Wording(rng, split), word, tuple(told), winner.category, (winner.id,), "compare")


_SAMPLERS = {
    "refer": (_refer, 0.35),
    "goal": (_goal, 0.08),
    "plural": (_plural, 0.06),
    "where": (_where, 0.08),
    "colour": (_colour, 0.08),
    "what": (_what, 0.05),
    "relation": (_relation, 0.13),
    "count": (_count, 0.07),
    "exists": (_exists, 0.06),
    "compare": (_compare, 0.04),
}
_KINDS = {name: sampler for name, (sampler, _) in _SAMPLERS.items()}
_WEIGHTS = np.array([weight for _, weight in _SAMPLERS.values()])
