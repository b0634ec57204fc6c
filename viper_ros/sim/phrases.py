"""How things are said: relations and noun phrases; whole sentences are in `sentences`. Data only.

Every piece has an id; a question's template is the ids of its pieces joined with "+". Pieces marked ``held_out``
are said in the PHRASING split alone.

Fields: ``{the}`` definite noun phrase, ``{bare}`` the same without its article, ``{a}`` indefinite, ``{plural}``,
``{goal}`` and ``{other}`` further definite noun phrases.
"""

from __future__ import annotations

from viper_ros.sim.pieces import Piece, pieces
from viper_ros.sim.sentences import SENTENCES

RELATION_WORDS: dict[str, tuple[Piece, ...]] = {
    "left of": pieces(
        "left",
        (
            "left of {the}",
            "to the left of {the}",
            "on the left of {the}",
            "further left than {the}",
            "at the left of {the}",
            "on the left hand of {the}",
        ),
        ("on the left side of {the}",),
    ),
    "right of": pieces(
        "right",
        (
            "right of {the}",
            "to the right of {the}",
            "on the right of {the}",
            "further right than {the}",
            "at the right of {the}",
            "on the right hand of {the}",
        ),
        ("on the right side of {the}",),
    ),
    "in front of": pieces(
        "front",
        (
            "in front of {the}",
            "in the front of {the}",
            "nearer to the camera than {the}",
        ),
        ("before {the}",),
    ),
    "behind": pieces(
        "behind",
        (
            "behind {the}",
            "in the back of {the}",
            "at the back of {the}",
            "further back than {the}",
            "farther from the camera than {the}",
        ),
        ("beyond {the}",),
    ),
    "next to": pieces(
        "next",
        (
            "next to {the}",
            "beside {the}",
            "close to {the}",
            "near {the}",
            "by the side of {the}",
            "by {the}",
        ),
        ("right by {the}",),
    ),
    "between": pieces(
        "between",
        (
            "between {the} and {other}",
            "in between {the} and {other}",
        ),
        ("in the middle of {the} and {other}",),
    ),
    "on": pieces(
        "on",
        (
            "on {the}",
            "on top of {the}",
            "standing on {the}",
            "upon {the}",
        ),
        ("lying on {the}",),
    ),
    "in": pieces(
        "in",
        (
            "in {the}",
            "inside {the}",
            "lying in {the}",
            "within {the}",
        ),
        ("inside of {the}",),
    ),
    "nearest to": pieces(
        "nearest",
        ("nearest to {the}", "closest to {the}", "nearest to where {the} is", "that is closest to {the}"),
        ("that is nearest {the}",),
    ),
}

SUPERLATIVE_WORDS: dict[str, tuple[Piece, ...]] = {
    "leftmost": pieces(
        "leftmost",
        (
            "leftmost {bare}",
            "{bare} on the far left",
            "{bare} at the far left",
            "left most {bare}",
            "{bare} on the very left",
            "{bare} that is leftmost",
        ),
        ("{bare} furthest to the left",),
    ),
    "rightmost": pieces(
        "rightmost",
        (
            "rightmost {bare}",
            "{bare} on the far right",
            "{bare} at the far right",
            "right most {bare}",
            "{bare} on the very right",
            "{bare} that is rightmost",
        ),
        ("{bare} furthest to the right",),
    ),
    "second from the left": pieces(
        "second_left",
        ("second {bare} from the left", "{bare} second from the left", "{bare} second in the row from the left"),
        ("{bare} that is second from the left",),
    ),
    "second from the right": pieces(
        "second_right",
        ("second {bare} from the right", "{bare} second from the right", "{bare} second in the row from the right"),
        ("{bare} that is second from the right",),
    ),
    "closest": pieces(
        "closest",
        (
            "closest {bare}",
            "{bare} closest to the camera",
            "nearest {bare}",
            "{bare} that is closest to us",
            "{bare} in the very front",
            "{bare} nearest to the camera",
            "{bare} closest to you",
        ),
        ("{bare} nearest to you",),
    ),
    "farthest": pieces(
        "farthest",
        (
            "farthest {bare}",
            "{bare} farthest from the camera",
            "furthest {bare}",
            "{bare} that is farthest away",
            "{bare} at the very back",
            "{bare} furthest from you",
        ),
        ("most distant {bare}",),
    ),
    "largest": pieces(
        "largest",
        (
            "largest {bare}",
            "biggest {bare}",
            "{bare} that is biggest",
            "{bare} of the largest size",
            "{bare} that is larger than the others",
        ),
        ("{bare} that is the largest",),
    ),
    "smallest": pieces(
        "smallest",
        (
            "smallest {bare}",
            "littlest {bare}",
            "{bare} of the smallest size",
            "{bare} that is smaller than the others",
            "{bare} that is smallest of all",
        ),
        ("{bare} that is the smallest", "tiniest {bare}"),
    ),
}

ADJECTIVE_STYLES: tuple[Piece, ...] = (
    Piece("adjective", "{adjectives} {noun}"),
    Piece("that_is", "{noun} that is {colour}"),
    Piece("in_colour", "{noun} in {colour}"),
    Piece("with_colour", "{noun} with a {colour} colour"),
    Piece("one_that_is", "{noun}, the {colour} one"),
    Piece("coloured", "{colour} coloured {noun}", held_out=True),
    Piece("which_is", "{noun} which is {colour}", held_out=True),
)

POLITE: tuple[Piece, ...] = (
    Piece("please_first", "please {x}"),
    Piece("please_last", "{x}, please"),
    Piece("now", "now {x}"),
    Piece("hey", "hey, {x}"),
    Piece("ok", "ok, {x}"),
    Piece("can_you", "can you {x}?"),
    Piece("could_you", "could you please {x}?"),
    Piece("want_you", "i want you to {x}"),
    Piece("should", "you should {x}"),
    Piece("next", "next, {x}"),
    Piece("for_me", "{x} for me"),
    Piece("go_and", "go and {x}"),
    Piece("then", "then {x}"),
    Piece("first", "first {x}"),
    Piece("need_you", "i need you to {x}"),
    Piece("try", "try to {x}"),
    Piece("with_gripper", "{x} with your gripper"),
    Piece("would_you", "would you {x}?"),
    Piece("machine", "machine, {x}"),
    Piece("thanks", "{x}, thanks"),
    Piece("robot", "robot, {x}", held_out=True),
)

NO_VERB = frozenset({"{the}", "{bare}", "{plural}", "{the}:", "the", "this", "it", "i", "all", "every", "each", "into"})
"""First words of instructions that are not an imperative, which no way of being polite fits around."""

ADDRESSED: tuple[Piece, ...] = (
    Piece("tell_me", "tell me: {x}"),
    Piece("question", "a question: {x}"),
    Piece("hey_asked", "hey, {x}"),
    Piece("please_say", "please say, {x}"),
    Piece("and", "and {x}"),
    Piece("so", "so, {x}"),
    Piece("can_say", "can you say {x}"),
)
"""Ways to begin any question."""

THING_WORDS = (("thing", "things"), ("object", "objects"), ("item", "items"))
SIZE_WORDS = {"small": ("small", "little"), "large": ("large", "big")}
NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def all_pieces() -> tuple[Piece, ...]:
    """Give every piece there is."""
    tables = (SENTENCES, RELATION_WORDS, SUPERLATIVE_WORDS)
    listed = tuple(piece for table in tables for row in table.values() for piece in row)
    return (*listed, *ADJECTIVE_STYLES, *POLITE, *ADDRESSED)
