"""Which thing of a tabletop is to be picked up: what a text names, or one at random, of those that can be held."""

from __future__ import annotations

import re

from viper_ros.sim.grasp import plan_grasp
from viper_ros.sim.render import Frame
from viper_ros.sim.scene import Scene, SceneObject
from viper_ros.sim.vocabulary import CATEGORIES, COLOUR_HSV, COLOUR_SYNONYMS

MIN_VISIBLE_PX = 200


def is_graspable(thing: SceneObject) -> bool:
    """Whether the gripper could hold this thing if it knew where it is: narrow enough, or a vessel with a rim."""
    surface = thing.shape.surface
    is_vessel = surface is not None and surface.relation == "in"
    return is_vessel or not plan_grasp(thing.position_m, thing.points_m).rim


def candidates(scene: Scene, frame: Frame | None = None) -> list[SceneObject]:
    """The things that may be asked for: of a name of their own, on the table with nothing on them, graspable.

    With a ``frame`` of the scene they also show at least ``MIN_VISIBLE_PX`` of themselves.
    """
    supports = {thing.supports for thing in scene.objects}
    return [
        thing
        for thing in scene.objects
        if thing.supports is None
        and thing.id not in supports
        and _name_is_unique(thing, scene)
        and is_graspable(thing)
        and (frame is None or (frame.ids == thing.id).sum() >= MIN_VISIBLE_PX)
    ]


def _name_is_unique(thing: SceneObject, scene: Scene) -> bool:
    same = (thing.category, *CATEGORIES[thing.category].confusable)
    return not any(other.colour == thing.colour and other.category in same for other in scene.objects if other != thing)


def named_kind(text: str) -> tuple[str, str | None]:
    """The (category, colour or None) that an instruction such as "pick up the red mug" names.

    Raises ValueError when it names no category, several, or several colours: then the judge could not tell what is
    meant.
    """
    words = " ".join(re.findall(r"[a-z]+", text.lower()))
    names = {name: row.name for row in CATEGORIES.values() for name in (row.name, *row.synonyms)}
    colours = {word: colour for colour in COLOUR_HSV for word in (colour, *COLOUR_SYNONYMS.get(colour, ()))}
    found, rest = _words_in(words, names)
    # "orange" is a fruit as well: with another thing beside it, it is a colour.
    if len(found) > 1 and "orange" in found:
        found.remove("orange")
        rest += " orange"
    shades, _ = _words_in(rest, colours)
    if len(found) != 1 or len(shades) > 1:
        raise ValueError(
            f"{text!r} must name one thing and at most one colour, for the outcome to be judged; "
            f"things: {', '.join(CATEGORIES)}; colours: {', '.join(COLOUR_HSV)}"
        )
    return found[0], shades[0] if shades else None


def _words_in(text: str, names: dict[str, str]) -> tuple[list[str], str]:
    """What ``names`` maps the words of ``text`` to, longest names first, and the text without them."""
    found = []
    for name in sorted(names, key=len, reverse=True):
        text, count = re.subn(rf"\b{name}\b", " ", text)
        found += [names[name]] * (count > 0)
    return found, text


def named_target(text: str, scene: Scene, frame: Frame | None = None) -> SceneObject | None:
    """The one thing of the scene that ``text`` names, if it is one of the ``candidates``; ValueError as named_kind."""
    category, colour = named_kind(text)
    meant = [
        thing
        for thing in scene.objects
        if thing.category in (category, *CATEGORIES[category].confusable) and colour in (None, thing.colour)
    ]
    allowed = {thing.id for thing in candidates(scene, frame)}
    if len(meant) == 1 and meant[0].category == category and meant[0].id in allowed:
        return meant[0]
    return None
