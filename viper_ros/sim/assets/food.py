"""Fruit, vegetables and eggs."""

import numpy as np

from viper_ros.sim.assets.registry import LIE, category
from viper_ros.sim.parts import LEAF, STALK, Part, Shape, rotation


@category("apple")
def _apple(rng: np.random.Generator) -> Shape:
    r, h = rng.uniform(0.034, 0.04), rng.uniform(0.06, 0.07)
    stalk = Part("cylinder", (0.0022, 0.0022, 0.011), (0.002, 0, 0.97 * h), rotation(y_deg=12), STALK)
    leaf = Part("sphere", (0.012, 0.006, 0.002), (0.014, 0, 1.08 * h), rotation(y_deg=-25), LEAF)
    return Shape((Part("apple", (r, r, h)), stalk, *([leaf] if rng.random() < 0.5 else [])))


@category("banana")
def _banana(rng: np.random.Generator) -> Shape:
    s, thick = rng.uniform(0.085, 0.1), rng.uniform(0.95, 1.15)
    z = 0.21 * s * 0.9 * thick
    tip = Part("sphere", (0.006, 0.006, 0.006), (0.9 * s, 0.31 * s, z), paint=STALK)
    return Shape((Part("banana", (s, s, 0.9 * s * thick), (0, 0, z)), tip))


@category("orange")
def _orange(rng: np.random.Generator) -> Shape:
    r = rng.uniform(0.036, 0.042)
    navel = Part("cylinder", (0.004, 0.004, 0.001), (0, 0, 1.93 * r), paint=LEAF)
    return Shape((Part("sphere", (r, r, 0.96 * r), (0, 0, 0.96 * r)), navel))


@category("lemon")
def _lemon(rng: np.random.Generator) -> Shape:
    r, half = rng.uniform(0.026, 0.031), rng.uniform(0.042, 0.049)
    return Shape((Part("lemon", (r, r, half), (0, 0, r), LIE),))


@category("pear")
def _pear(rng: np.random.Generator) -> Shape:
    r, h = rng.uniform(0.034, 0.04), rng.uniform(0.085, 0.105)
    stalk = Part("cylinder", (0.002, 0.002, 0.011), (0, 0, 1.05 * h), rotation(y_deg=10), STALK)
    return Shape((Part("pear", (r, r, h)), stalk))


@category("carrot")
def _carrot(rng: np.random.Generator) -> Shape:
    r, length = rng.uniform(0.015, 0.019), rng.uniform(0.14, 0.18)
    leaves = [
        Part("sphere", (0.024, 0.006, 0.006), (0.5 * length + 0.018, 0.006 * k, r), rotation(z_deg=18 * k), LEAF)
        for k in (-1, 0, 1)
    ]
    return Shape((Part("carrot", (r, r, length), (-0.5 * length, 0, r), LIE), *leaves))


@category("aubergine")
def _aubergine(rng: np.random.Generator) -> Shape:
    r, length = rng.uniform(0.03, 0.036), rng.uniform(0.14, 0.17)
    cap = Part("dome", (0.62 * r, 0.62 * r, 0.03), (0.5 * length - 0.012, 0, r), LIE, LEAF)
    stalk = Part("cylinder", (0.005, 0.005, 0.014), (0.5 * length + 0.028, 0, r), LIE, LEAF)
    return Shape((Part("aubergine", (r, r, length), (-0.5 * length, 0, r), LIE), cap, stalk))


@category("egg")
def _egg(rng: np.random.Generator) -> Shape:
    r, h = rng.uniform(0.023, 0.026), rng.uniform(0.058, 0.066)
    return Shape((Part("egg", (r, r, h), (-0.5 * h, 0, r), LIE),))
