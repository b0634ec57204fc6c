"""How things are said: templates of sentences, relations and noun phrases. Data only.

Every piece has an id; a question's template is the ids of its pieces joined with "+". Pieces marked ``held_out``
are said in the PHRASING split alone.

Fields: ``{the}`` definite noun phrase, ``{bare}`` the same without its article, ``{a}`` indefinite, ``{plural}``,
``{goal}`` and ``{other}`` further definite noun phrases.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Piece:
    """A way to say something."""

    id: str
    text: str
    held_out: bool = False


def _pieces(prefix: str, said: tuple[str, ...], held_out: tuple[str, ...] = ()) -> tuple[Piece, ...]:
    """Number the texts of one kind; ids stay the same when texts are only added at the end."""
    usual = [Piece(f"{prefix}.{k}", text) for k, text in enumerate(said)]
    return (*usual, *(Piece(f"{prefix}.x{k}", text, held_out=True) for k, text in enumerate(held_out)))


SENTENCES: dict[str, tuple[Piece, ...]] = {
    "refer": _pieces(
        "refer",
        (
            "pick up {the}",
            "{the}",
            "{bare}",
            "grab {the}",
            "find {the}",
            "take {the}",
            "point to {the}",
            "show me {the}",
            "give me {the}",
            "hand me {the}",
            "get {the}",
            "look at {the}",
            "touch {the}",
            "i need {the}",
            "can you pick up {the}?",
            "could you give me {the}?",
            "pick {the}",
            "lift {the}",
            "bring me {the}",
            "move {the}",
        ),
        (
            "grasp {the}",
            "locate {the}",
            "fetch {the}",
            "reach for {the}",
            "pass me {the}",
            "i would like {the}",
            "would you get {the}?",
            "select {the}",
        ),
    ),
    "plural": _pieces(
        "plural",
        ("the {plural}", "all {plural}", "find all {plural}", "pick up the {plural}", "show me all the {plural}"),
        ("point to every {bare}", "collect the {plural}"),
    ),
    "goal in": _pieces(
        "goal_in",
        ("put {the} in {goal}", "place {the} in {goal}", "put {the} into {goal}"),
        ("drop {the} into {goal}",),
    ),
    "goal on": _pieces(
        "goal_on",
        ("put {the} on {goal}", "place {the} on {goal}", "put {the} on top of {goal}"),
        ("set {the} down on {goal}",),
    ),
    "goal next to": _pieces(
        "goal_next",
        ("put {the} next to {goal}", "move {the} next to {goal}", "place {the} beside {goal}"),
        ("bring {the} over to {goal}",),
    ),
    "where": _pieces(
        "where",
        ("where is {the}?", "where can i find {the}?", "in which part of the image is {the}?"),
        ("where do you see {the}?",),
    ),
    "colour": _pieces(
        "colour",
        ("what colour is {the}?", "what color is {the}?", "which colour is {the}?", "what is the colour of {the}?"),
        ("tell me the color of {the}", "what colour does {the} have?"),
    ),
    "what": _pieces("what", ("what is {the}?", "what do you call {the}?"), ("name {the}",)),
    "relation": _pieces(
        "relation",
        ("what is {where}?", "what object is {where}?", "which thing is {where}?"),
        ("what do you see {where}?",),
    ),
    "count": _pieces(
        "count",
        (
            "how many {plural} are there?",
            "how many {plural} are on the table?",
            "count the {plural}",
            "how many {plural} do you see?",
        ),
        ("what is the number of {plural}?",),
    ),
    "exists": _pieces(
        "exists",
        ("is there {a}?", "is there {a} on the table?", "do you see {a}?", "can you see {a}?"),
        ("does the image show {a}?",),
    ),
    "bigger": _pieces(
        "bigger",
        ("which is bigger, {the} or {other}?", "which is larger, {the} or {other}?"),
        ("what is bigger: {the} or {other}?",),
    ),
    "smaller": _pieces("smaller", ("which is smaller, {the} or {other}?",), ("what is smaller: {the} or {other}?",)),
}

RELATION_WORDS: dict[str, tuple[Piece, ...]] = {
    "left of": _pieces(
        "left", ("left of {the}", "to the left of {the}", "on the left of {the}"), ("on the left side of {the}",)
    ),
    "right of": _pieces(
        "right", ("right of {the}", "to the right of {the}", "on the right of {the}"), ("on the right side of {the}",)
    ),
    "in front of": _pieces("front", ("in front of {the}",), ("before {the}",)),
    "behind": _pieces("behind", ("behind {the}", "in the back of {the}"), ("beyond {the}",)),
    "next to": _pieces("next", ("next to {the}", "beside {the}", "close to {the}"), ("right by {the}",)),
    "between": _pieces("between", ("between {the} and {other}",), ("in the middle of {the} and {other}",)),
    "on": _pieces("on", ("on {the}", "on top of {the}"), ("lying on {the}",)),
    "in": _pieces("in", ("in {the}", "inside {the}"), ("inside of {the}",)),
    "nearest to": _pieces("nearest", ("nearest to {the}", "closest to {the}"), ("that is nearest {the}",)),
}

SUPERLATIVE_WORDS: dict[str, tuple[Piece, ...]] = {
    "leftmost": _pieces("leftmost", ("leftmost {bare}", "{bare} on the far left"), ("{bare} furthest to the left",)),
    "rightmost": _pieces(
        "rightmost", ("rightmost {bare}", "{bare} on the far right"), ("{bare} furthest to the right",)
    ),
    "second from the left": _pieces(
        "second_left", ("second {bare} from the left",), ("{bare} that is second from the left",)
    ),
    "second from the right": _pieces(
        "second_right", ("second {bare} from the right",), ("{bare} that is second from the right",)
    ),
    "closest": _pieces("closest", ("closest {bare}", "{bare} closest to the camera"), ("{bare} nearest to you",)),
    "farthest": _pieces("farthest", ("farthest {bare}", "{bare} farthest from the camera"), ("most distant {bare}",)),
    "largest": _pieces("largest", ("largest {bare}", "biggest {bare}"), ("{bare} that is the largest",)),
    "smallest": _pieces("smallest", ("smallest {bare}",), ("{bare} that is the smallest", "tiniest {bare}")),
}

ADJECTIVE_STYLES: tuple[Piece, ...] = (
    Piece("adjective", "{adjectives} {noun}"),
    Piece("that_is", "{noun} that is {colour}"),
    Piece("coloured", "{colour} coloured {noun}", held_out=True),
    Piece("which_is", "{noun} which is {colour}", held_out=True),
)

POLITE: tuple[Piece, ...] = (
    Piece("please_first", "please {x}"),
    Piece("please_last", "{x}, please"),
    Piece("now", "now {x}"),
    Piece("robot", "robot, {x}", held_out=True),
)

THING_WORDS = (("thing", "things"), ("object", "objects"), ("item", "items"))
SIZE_WORDS = {"small": ("small", "little"), "large": ("large", "big")}
NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def all_pieces() -> tuple[Piece, ...]:
    """Give every piece there is."""
    tables = (SENTENCES, RELATION_WORDS, SUPERLATIVE_WORDS)
    listed = tuple(piece for table in tables for pieces in table.values() for piece in pieces)
    return (*listed, *ADJECTIVE_STYLES, *POLITE)
