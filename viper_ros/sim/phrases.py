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
            "pick out {the}",
            "go to {the}",
            "hold {the}",
            "i want {the}",
            "point at {the}",
            "look for {the}",
            "choose {the}",
            "carry {the}",
            "push {the}",
            "remove {the}",
            "seize {the}",
            "clear away {the}",
            "hand over {the}",
            "let me have {the}",
            "collect {the}",
            "approach {the}",
            "identify {the}",
            "detect {the}",
            "highlight {the}",
            "raise {the}",
            "catch {the}",
            "use {the}",
            "deliver {the}",
            "pick {the} up",
            "hold on to {the}",
            "get hold of {the}",
            "get me {the}",
            "drive to {the}",
            "show {the}",
            "i am looking for {the}",
            "go and get {the}",
            "this one: {the}",
            "put your gripper on {the}",
            "close your fingers around {the}",
            "i would love to have {the}",
            "will you bring me {the}?",
            "may i have {the}?",
            "can you show me {the}?",
            "could you move {the}?",
            "would you hand me {the}?",
            "can i have {the}?",
            "it is {the} that i want",
            "the next thing is {the}",
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
            "retrieve {the}",
            "focus on {the}",
            "could you reach {the}?",
            "do pick up {the}",
            "i am after {the}",
            "what i need is {the}",
        ),
    ),
    "plural": _pieces(
        "plural",
        (
            "the {plural}",
            "all {plural}",
            "find all {plural}",
            "pick up the {plural}",
            "show me all the {plural}",
            "{plural}",
            "all the {plural}",
            "take all {plural}",
            "every {bare}",
            "each {bare}",
            "gather the {plural}",
            "point to all of the {plural}",
            "i need all the {plural}",
        ),
        ("point to every {bare}", "collect the {plural}", "lift every {bare}", "get me all {plural}"),
    ),
    "goal in": _pieces(
        "goal_in",
        (
            "put {the} in {goal}",
            "place {the} in {goal}",
            "put {the} into {goal}",
            "lay {the} in {goal}",
            "take {the} and put it in {goal}",
            "grab {the} and lay it into {goal}",
            "move {the} into {goal}",
            "pick {the} up and put it inside {goal}",
            "{the} goes into {goal}",
            "into {goal} with {the}",
        ),
        ("drop {the} into {goal}", "let {the} fall into {goal}"),
    ),
    "goal on": _pieces(
        "goal_on",
        (
            "put {the} on {goal}",
            "place {the} on {goal}",
            "put {the} on top of {goal}",
            "lay {the} on {goal}",
            "take {the} and put it on {goal}",
            "grab {the} and lay it onto {goal}",
            "move {the} onto {goal}",
            "pick {the} up and put it on top of {goal}",
            "{the} goes on {goal}",
            "stack {the} on {goal}",
        ),
        ("set {the} down on {goal}", "rest {the} on {goal}"),
    ),
    "goal next to": _pieces(
        "goal_next",
        (
            "put {the} next to {goal}",
            "move {the} next to {goal}",
            "place {the} beside {goal}",
            "take {the} and put it beside {goal}",
            "push {the} to {goal}",
            "move {the} closer to {goal}",
            "bring {the} to {goal}",
        ),
        ("bring {the} over to {goal}", "shift {the} next to {goal}"),
    ),
    "where": _pieces(
        "where",
        (
            "where is {the}?",
            "where can i find {the}?",
            "in which part of the image is {the}?",
            "what is the location of {the}?",
            "tell me where {the} is",
            "where in the picture is {the}?",
            "whereabouts is {the}?",
            "can you tell me where {the} is?",
            "where would i look for {the}?",
            "where did {the} go?",
            "in what part of the image can you see {the}?",
            "where should i look to see {the}?",
        ),
        ("where do you see {the}?", "what part of the image holds {the}?", "where does {the} lie?"),
    ),
    "colour": _pieces(
        "colour",
        (
            "what colour is {the}?",
            "what color is {the}?",
            "which colour is {the}?",
            "what is the colour of {the}?",
            "of what color is {the}?",
            "say what colour {the} is",
            "which color does {the} show?",
            "do you know the colour of {the}?",
            "name the color of {the}",
            "what is the color of {the}?",
            "give me the colour of {the}",
            "what sort of colour has {the}?",
            "{the}: what colour is it?",
        ),
        ("tell me the color of {the}", "what colour does {the} have?", "which colour would you say {the} is?"),
    ),
    "what": _pieces(
        "what",
        (
            "what is {the}?",
            "what do you call {the}?",
            "tell me what {the} is",
            "what is the name of {the}?",
            "say what {the} is",
            "give the name of {the}",
            "what kind of thing is {the}?",
            "how do you call {the}?",
            "do you know what {the} is?",
            "{the}: what is it?",
        ),
        ("name {the}", "how would you name {the}?"),
    ),
    "relation": _pieces(
        "relation",
        (
            "what is {where}?",
            "what object is {where}?",
            "which thing is {where}?",
            "what is there {where}?",
            "what can be seen {where}?",
            "tell me what is {where}",
            "which item is {where}?",
            "what lies {where}?",
            "what stands {where}?",
            "name the thing {where}",
            "what is the thing {where}?",
            "what can you find {where}?",
            "do you see what is {where}?",
        ),
        ("what do you see {where}?", "what have we got {where}?"),
    ),
    "count": _pieces(
        "count",
        (
            "how many {plural} are there?",
            "how many {plural} are on the table?",
            "count the {plural}",
            "how many {plural} do you see?",
            "how many {plural}?",
            "give me the number of {plural}",
            "tell me how many {plural} there are",
            "how many {plural} can you see?",
            "how many {plural} does the image show?",
            "in total, how many {plural} are there?",
            "number of {plural}?",
            "what number of {plural} do you see?",
            "how many {plural} can you count?",
            "please count all {plural}",
            "how many {plural} are in view?",
            "what is the count of {plural}?",
        ),
        (
            "what is the number of {plural}?",
            "do you know how many {plural} there are?",
            "tell me the total of {plural}",
        ),
    ),
    "exists": _pieces(
        "exists",
        (
            "is there {a}?",
            "is there {a} on the table?",
            "do you see {a}?",
            "can you see {a}?",
            "is {a} in view?",
            "is there {a} in the image?",
            "are you able to see {a}?",
            "is {a} anywhere here?",
            "is {a} visible?",
            "tell me if there is {a}",
            "does the picture contain {a}?",
            "can {a} be seen?",
            "do we have {a}?",
            "does the table have {a} on it?",
            "is {a} among these things?",
            "have you got {a} in sight?",
        ),
        ("does the image show {a}?", "does {a} appear anywhere?", "would you find {a} here?"),
    ),
    "bigger": _pieces(
        "bigger",
        (
            "which is bigger, {the} or {other}?",
            "which is larger, {the} or {other}?",
            "which of the two is bigger, {the} or {other}?",
            "which one is larger: {the} or {other}?",
            "tell me what is larger, {the} or {other}",
            "is {the} or {other} bigger?",
            "what is the bigger one of {the} and {other}?",
            "{the} or {other}: which is bigger?",
        ),
        ("what is bigger: {the} or {other}?", "between {the} and {other}, which is bigger?"),
    ),
    "smaller": _pieces(
        "smaller",
        (
            "which is smaller, {the} or {other}?",
            "which of the two is smaller, {the} or {other}?",
            "which one is smaller: {the} or {other}?",
            "tell me what is smaller, {the} or {other}",
            "is {the} or {other} smaller?",
            "what is the smaller one of {the} and {other}?",
            "{the} or {other}: which is smaller?",
        ),
        ("what is smaller: {the} or {other}?", "between {the} and {other}, which is smaller?"),
    ),
}

RELATION_WORDS: dict[str, tuple[Piece, ...]] = {
    "left of": _pieces(
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
    "right of": _pieces(
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
    "in front of": _pieces(
        "front",
        (
            "in front of {the}",
            "in the front of {the}",
            "nearer to the camera than {the}",
        ),
        ("before {the}",),
    ),
    "behind": _pieces(
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
    "next to": _pieces(
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
    "between": _pieces(
        "between",
        (
            "between {the} and {other}",
            "in between {the} and {other}",
        ),
        ("in the middle of {the} and {other}",),
    ),
    "on": _pieces(
        "on",
        (
            "on {the}",
            "on top of {the}",
            "standing on {the}",
            "upon {the}",
        ),
        ("lying on {the}",),
    ),
    "in": _pieces(
        "in",
        (
            "in {the}",
            "inside {the}",
            "lying in {the}",
            "within {the}",
        ),
        ("inside of {the}",),
    ),
    "nearest to": _pieces(
        "nearest",
        ("nearest to {the}", "closest to {the}", "nearest to where {the} is", "that is closest to {the}"),
        ("that is nearest {the}",),
    ),
}

SUPERLATIVE_WORDS: dict[str, tuple[Piece, ...]] = {
    "leftmost": _pieces(
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
    "rightmost": _pieces(
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
    "second from the left": _pieces(
        "second_left",
        ("second {bare} from the left", "{bare} second from the left", "{bare} second in the row from the left"),
        ("{bare} that is second from the left",),
    ),
    "second from the right": _pieces(
        "second_right",
        ("second {bare} from the right", "{bare} second from the right", "{bare} second in the row from the right"),
        ("{bare} that is second from the right",),
    ),
    "closest": _pieces(
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
    "farthest": _pieces(
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
    "largest": _pieces(
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
    "smallest": _pieces(
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
    listed = tuple(piece for table in tables for pieces in table.values() for piece in pieces)
    return (*listed, *ADJECTIVE_STYLES, *POLITE, *ADDRESSED)
