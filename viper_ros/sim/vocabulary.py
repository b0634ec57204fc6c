"""The words of the tabletop world: categories, their names and groups, and the colours. Data only."""

import colorsys
from dataclasses import dataclass

import numpy as np

PAINTED = ("red", "green", "blue", "yellow", "orange", "purple", "pink", "brown", "black", "white", "grey", "cyan")
"""Colours that a made thing may have."""

BRIGHT = ("red", "green", "blue", "yellow", "orange", "purple", "pink", "cyan")
SIZED = ("small", "medium", "large")

# name -> (hue range in degrees, saturation range, value range); boxes are disjoint with a gap between neighbours.
COLOUR_HSV: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "red": ((-8, 5), (0.80, 1.0), (0.60, 0.95)),
    "orange": ((22, 32), (0.85, 1.0), (0.90, 1.0)),
    "yellow": ((49, 58), (0.75, 1.0), (0.88, 1.0)),
    "green": ((95, 145), (0.60, 1.0), (0.35, 0.80)),
    "cyan": ((176, 188), (0.65, 1.0), (0.75, 0.95)),
    "blue": ((214, 236), (0.70, 1.0), (0.50, 0.95)),
    "purple": ((268, 284), (0.55, 0.90), (0.40, 0.75)),
    "pink": ((325, 345), (0.30, 0.55), (0.92, 1.0)),
    "brown": ((20, 30), (0.60, 0.80), (0.28, 0.45)),
    "black": ((0, 360), (0.0, 0.15), (0.03, 0.10)),
    "grey": ((0, 360), (0.0, 0.06), (0.38, 0.55)),
    "white": ((0, 360), (0.0, 0.04), (0.92, 1.0)),
}

COLOUR_SYNONYMS: dict[str, tuple[str, ...]] = {"purple": ("violet",), "grey": ("gray",), "cyan": ("turquoise",)}


@dataclass(frozen=True)
class Category:
    """One kind of thing and the words for it.

    ``confusable`` names categories that a person may call by this one's name (a mug is a kind of cup):
    an expression that could mean such a thing is neither true nor false of it, and is not asked.
    """

    name: str
    plural: str
    synonyms: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    colours: tuple[str, ...] = PAINTED
    materials: tuple[str, ...] = ("plastic",)
    confusable: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    """Categories that it surely belongs to as well: a wine bottle is a bottle."""
    maybe: tuple[str, ...] = ()
    """Categories that a person may count it in: the other side of their ``confusable``."""


_METALS = ("metal", "plastic", "wooden")
_KITCHEN = ("container", "kitchenware")

CATEGORIES: dict[str, Category] = {
    row.name: row
    for row in (
        Category("mug", "mugs", ("coffee mug", "coffee cup"), _KITCHEN, materials=("ceramic",), confusable=("cup",)),
        Category("cup", "cups", ("tumbler",), _KITCHEN, confusable=("mug", "flower pot")),
        Category("bowl", "bowls", (), _KITCHEN, materials=("ceramic", "plastic", "wooden"), confusable=("pot",)),
        Category("plate", "plates", ("dish",), ("kitchenware",), materials=("ceramic",), confusable=("bowl",)),
        Category("bottle", "bottles", ("flask",), ("container",), confusable=("vase", "jar", "pitcher")),
        Category("can", "cans", ("tin", "soda can"), ("container",), materials=("metal",), confusable=("jar",)),
        Category("jar", "jars", (), ("container",), materials=("ceramic",), confusable=("vase", "can", "bottle")),
        Category("box", "boxes", ("carton", "package"), ("container",), materials=("cardboard",), confusable=("cube",)),
        Category("teapot", "teapots", ("kettle",), _KITCHEN, materials=("ceramic",), confusable=("pitcher",)),
        Category("pot", "pots", ("cooking pot",), _KITCHEN, materials=("metal",), confusable=("pan", "flower pot")),
        Category("pan", "pans", ("frying pan", "skillet"), ("kitchenware",), materials=("metal",), confusable=("pot",)),
        Category("vase", "vases", (), ("container",), materials=("ceramic",), confusable=("bottle", "jar", "pitcher")),
        Category("pitcher", "pitchers", ("jug",), _KITCHEN, materials=("ceramic",), confusable=("mug", "teapot")),
        Category("apple", "apples", (), ("fruit", "food"), ("red", "green", "yellow")),
        Category("banana", "bananas", (), ("fruit", "food"), ("yellow", "green")),
        Category("orange", "oranges", (), ("fruit", "food"), ("orange",)),
        Category("lemon", "lemons", (), ("fruit", "food"), ("yellow",)),
        Category("pear", "pears", (), ("fruit", "food"), ("green", "yellow")),
        Category("carrot", "carrots", (), ("vegetable", "food"), ("orange",)),
        Category("aubergine", "aubergines", ("eggplant",), ("vegetable", "food"), ("purple",)),
        Category("egg", "eggs", (), ("food",), ("white", "brown")),
        Category("hammer", "hammers", ("mallet",), ("tool",), (*BRIGHT, "brown", "black"), ("metal",)),
        Category("screwdriver", "screwdrivers", (), ("tool",), (*BRIGHT, "black"), ("metal",)),
        Category("wrench", "wrenches", ("spanner",), ("tool",), ("grey", "red", "blue", "black"), ("metal",)),
        Category("flashlight", "flashlights", ("torch",), ("tool",), (*BRIGHT, "black", "grey"), ("metal",)),
        Category("spoon", "spoons", (), ("utensil", "kitchenware"), materials=_METALS),
        Category("fork", "forks", (), ("utensil", "kitchenware"), materials=("metal", "plastic")),
        Category("knife", "knives", (), ("utensil", "kitchenware"), (*BRIGHT, "brown", "black"), ("metal",)),
        Category("spatula", "spatulas", ("turner",), ("utensil", "kitchenware"), materials=("plastic", "wooden")),
        Category("marker", "markers", ("pen",), ("stationery",), (*BRIGHT, "black", "brown")),
        Category("book", "books", (), ("stationery",), materials=("cardboard",), confusable=("box",)),
        Category("tape", "rolls of tape", ("roll of tape", "tape roll"), ("stationery",)),
        Category("ball", "balls", (), ("toy",), materials=("rubber",), confusable=("orange",)),
        Category("cube", "cubes", ("block",), ("toy",), materials=("plastic", "wooden"), confusable=("box", "die")),
        Category("die", "dice", (), ("toy",), (*BRIGHT, "white"), confusable=("cube",)),
        Category("cone", "cones", (), ("toy",)),
        Category("toy car", "toy cars", ("car",), ("toy",), (*BRIGHT, "white", "black")),
        Category("sponge", "sponges", (), ("kitchenware",), BRIGHT),
        Category("candle", "candles", (), (), (*BRIGHT, "white"), ("wax",)),
        Category("flower pot", "flower pots", ("plant", "potted plant"), (), materials=("ceramic",)),
        Category("phone", "phones", ("cell phone", "smartphone"), (), (*BRIGHT, "black", "white", "grey")),
    )
}

GROUPS: dict[str, str] = {
    "fruit": "fruits",
    "vegetable": "vegetables",
    "food": "food items",
    "tool": "tools",
    "utensil": "utensils",
    "container": "containers",
    "toy": "toys",
}
"""Supercategory -> plural, those that are said. ``kitchenware`` and ``stationery`` only help to pick neighbours."""

UNCLEAR_MEMBERS: dict[str, tuple[str, ...]] = {
    "container": ("pan", "plate", "flower pot"),
    "tool": ("knife", "spatula", "spoon", "fork", "tape", "marker"),
    "utensil": ("pan", "plate", "pot", "bowl", "cup", "mug"),
    "toy": ("box",),
    "food": ("can", "jar"),
}
"""Group -> categories that some people count in; an expression with the group is unclear about them."""


@dataclass(frozen=True, eq=False)
class Words:
    """What may be said of the things of one world: its categories, its groups and who is doubtful in them."""

    categories: dict[str, Category]
    groups: dict[str, str]
    unclear_members: dict[str, tuple[str, ...]]


TABLETOP = Words(CATEGORIES, GROUPS, UNCLEAR_MEMBERS)


def sample_rgb(rng: np.random.Generator, colour: str) -> tuple[float, float, float]:
    """Sample RGB in [0, 1] that anyone would call ``colour``."""
    (h0, h1), (s0, s1), (v0, v1) = COLOUR_HSV[colour]
    return colorsys.hsv_to_rgb((rng.uniform(h0, h1) % 360) / 360, rng.uniform(s0, s1), rng.uniform(v0, v1))
