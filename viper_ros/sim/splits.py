"""Which part of the world a scene or a question may use, and the seeds of each part.

Four splits, disjoint by construction:

- ``TRAIN``     what a model learns from.
- ``TEST``      the same categories, colours and templates under seeds that training never sees.
- ``NOVEL``     scenes that hold categories, or colours of a category, that training never shows.
- ``PHRASING``  sentences built with templates that training never uses.
"""

from enum import Enum

import numpy as np


class Split(Enum):
    """A disjoint part of the simulated world. The value keys the seeds, so it never changes."""

    TRAIN = 0
    TEST = 1
    NOVEL = 2
    PHRASING = 3


def scene_seed(split: Split, index: int) -> np.random.SeedSequence:
    """Give the seed of scene ``index`` (>= 0) of ``split``; two splits never share one.

    Use it as ``np.random.default_rng(scene_seed(Split.TEST, 7))``.
    """
    if index < 0:
        raise ValueError(f"index must be >= 0, got {index}; count scenes from 0")
    return np.random.SeedSequence(entropy=0x51BE7A, spawn_key=(split.value, index))


HELD_OUT_CATEGORIES = frozenset({"wrench", "pear", "vase", "candle", "toy car", "pitcher"})
"""Never in a TRAIN, TEST or PHRASING scene, nor named in their sentences."""

HELD_OUT_PAIRS = frozenset(
    {
        ("purple", "mug"),
        ("cyan", "bowl"),
        ("orange", "bottle"),
        ("pink", "cube"),
        ("green", "hammer"),
        ("white", "ball"),
        ("red", "book"),
        ("yellow", "cup"),
        ("blue", "plate"),
        ("brown", "box"),
        ("green", "apple"),
        ("black", "screwdriver"),
    }
)
"""(colour, category) pairs kept out in the same way; each colour and each category is in TRAIN apart."""


HELD_OUT_ASSETS = frozenset(
    {
        "macaroni_and_cheese",
        "popcorn",
        "blue_ketchup",
        "green_chocolate_pudding",
        "yellow_bowl",
        "yellow_plate",
        "red_ramekin",
        "chefmate_8_frypan",
        "libero_mug",
        "red_yellow_book",
        "yellow_moka_pot",
        "white_bottle",
        "bowl_drainer",
        "white_storage_box",
        "slide_cabinet",
        "window",
    }
)
"""Things of the household library (`household_names`) that are in NOVEL scenes alone. No task of the LIBERO suites
that are evaluated asks for one of them."""

HELD_OUT_NAMES = frozenset({"macaroni and cheese", "popcorn", "drainer", "storage box", "window"})
"""Categories of which every asset is held out; no sentence of training names them."""

LIBERO_SENTENCES = frozenset(
    {
        "put the bowl on the plate",
        "put the bowl on the stove",
        "put the bowl on top of the cabinet",
        "put the cream cheese in the bowl",
        "put the wine bottle on the rack",
        "put the wine bottle on top of the cabinet",
    }
)
"""Those sentences of the evaluated LIBERO tasks that our templates could say by chance; no question ever does."""


def is_held_out(colour: str | None, category: str, asset: str | None = None) -> bool:
    """Say whether a thing belongs to NOVEL alone: an asset by its name, anything else by colour and category."""
    if asset is not None:
        return asset in HELD_OUT_ASSETS
    return may_not_be_named(category) or (colour, category) in HELD_OUT_PAIRS


def may_not_be_named(category: str) -> bool:
    """Say whether no sentence names this category, since training shows nothing of it."""
    return category in HELD_OUT_CATEGORIES or category in HELD_OUT_NAMES
