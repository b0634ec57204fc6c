"""The things: one small builder per category, each sampling its own proportions.

A builder takes the random generator and returns a `Shape` at its usual size in metres, standing (or lying)
on z = 0, so that a scene only chooses a place, a heading and a size factor.
"""

import numpy as np

from viper_ros.sim.assets import food, household, tools, vessels  # noqa: F401, they register their builders
from viper_ros.sim.assets.registry import BUILDERS
from viper_ros.sim.parts import Shape

__all__ = ["BUILDERS", "build_shape"]


def build_shape(rng: np.random.Generator, category: str) -> Shape:
    """Sample a shape of ``category``; KeyError names the categories there are."""
    if category not in BUILDERS:
        raise KeyError(f"no category is called {category!r}; there are {', '.join(sorted(BUILDERS))}")
    return BUILDERS[category](rng)
