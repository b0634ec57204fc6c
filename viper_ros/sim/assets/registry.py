"""Where the builders of things are collected."""

from collections.abc import Callable

import numpy as np

from viper_ros.sim.parts import Shape, rotation

Builder = Callable[[np.random.Generator], Shape]

BUILDERS: dict[str, Builder] = {}

LIE = rotation(y_deg=90)
"""Turns a part that stands along z to lie along +x."""


def category(name: str) -> Callable[[Builder], Builder]:
    """Register the decorated builder as that of category ``name``."""

    def register(builder: Builder) -> Builder:
        BUILDERS[name] = builder
        return builder

    return register
