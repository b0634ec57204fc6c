"""Hand tools and cutlery, lying along x."""

import numpy as np

from viper_ros.sim.assets.registry import LIE, category
from viper_ros.sim.parts import CREAM, DARK, STEEL, Part, Shape, rotation


@category("hammer")
def _hammer(rng: np.random.Generator) -> Shape:
    half, r, head = rng.uniform(0.095, 0.115), rng.uniform(0.011, 0.014), rng.uniform(0.042, 0.05)
    z, metal = 0.019, STEEL if rng.random() < 0.7 else DARK
    return Shape(
        (
            Part("cylinder", (r, 0.95 * r, half), (0, 0, z), LIE),
            Part("box", (0.015, 0.55 * head, 0.015), (half, 0, z), paint=metal),
            Part("cylinder", (0.018, 0.018, 0.3 * head), (half, -0.8 * head, z), rotation(x_deg=90), metal),
            Part("box", (0.013, 0.45 * head, 0.005), (half, 0.85 * head, z), rotation(z_deg=10), metal),
        )
    )


@category("screwdriver")
def _screwdriver(rng: np.random.Generator) -> Shape:
    r, grip, shaft = rng.uniform(0.015, 0.018), rng.uniform(0.09, 0.105), rng.uniform(0.045, 0.06)
    return Shape(
        (
            Part("grip", (r, r, grip), (-grip, 0, r), LIE),
            Part("cylinder", (0.0045, 0.0045, shaft), (shaft, 0, r), LIE, STEEL),
            Part("box", (0.009, 0.0065, 0.002), (2 * shaft, 0, r), paint=STEEL),
        )
    )


@category("wrench")
def _wrench(rng: np.random.Generator) -> Shape:
    half, w, z = rng.uniform(0.07, 0.085), rng.uniform(0.009, 0.011), 0.007
    jaws = [Part("box", (0.018, 0.007, 0.007), (half + 0.026, s * 0.018, z), rotation(z_deg=-14 * s)) for s in (1, -1)]
    return Shape(
        (
            Part("box", (half, w, 0.005), (0, 0, z)),
            Part("cylinder", (0.02, 0.02, 0.007), (half, 0, z)),
            *jaws,
            Part("ring", (0.021, 0.021, 0.007), (-half - 0.01, 0, z)),
        )
    )


@category("flashlight")
def _flashlight(rng: np.random.Generator) -> Shape:
    r, length = rng.uniform(0.023, 0.027), rng.uniform(0.13, 0.16)
    lens = Part("cylinder", (0.86 * r, 0.86 * r, 0.002), (0.5 * length - 0.001, 0, r), LIE, CREAM)
    switch = Part("box", (0.012, 0.005, 0.003), (-0.05 * length, 0, 1.62 * r), paint=DARK)
    return Shape((Part("torch", (r, r, length), (-0.5 * length, 0, r), LIE), lens, switch))


def _flat_handle(rng: np.random.Generator) -> Part:
    half = rng.uniform(0.06, 0.075)
    return Part("box", (half, rng.uniform(0.005, 0.007), 0.0035), (-half, 0, 0.005))


@category("spoon")
def _spoon(rng: np.random.Generator) -> Shape:
    a, b = rng.uniform(0.027, 0.032), rng.uniform(0.018, 0.022)
    hollow = Part("sphere", (0.78 * a, 0.78 * b, 0.002), (0.9 * a, 0, 0.0085), paint=(0.2, 0.2, 0.2))
    return Shape((_flat_handle(rng), Part("sphere", (a, b, 0.006), (0.9 * a, 0, 0.006)), hollow)[: 2 + (a > 0.029)])


@category("fork")
def _fork(rng: np.random.Generator) -> Shape:
    w = rng.uniform(0.013, 0.016)
    tines = [Part("box", (0.022, 0.0021, 0.002), (0.046, y * w, 0.005)) for y in (-0.86, -0.29, 0.29, 0.86)]
    return Shape((_flat_handle(rng), Part("box", (0.013, w, 0.0025), (0.012, 0, 0.005)), *tines))


@category("knife")
def _knife(rng: np.random.Generator) -> Shape:
    grip, blade, w = rng.uniform(0.05, 0.06), rng.uniform(0.06, 0.08), rng.uniform(0.011, 0.014)
    tip = Part("sphere", (0.03, 1.9 * w, 0.0016), (2 * blade, -0.9 * w, 0.006), paint=STEEL)
    return Shape(
        (
            Part("box", (grip, 0.011, 0.007), (-grip, 0, 0.007)),
            Part("box", (blade, w, 0.0018), (blade, 0, 0.006), paint=STEEL),
            tip,
        )
    )


@category("spatula")
def _spatula(rng: np.random.Generator) -> Shape:
    half, a, b = rng.uniform(0.075, 0.09), rng.uniform(0.034, 0.042), rng.uniform(0.028, 0.034)
    slots = [Part("box", (0.6 * a, 0.0032, 0.0032), (half + a, y * b, 0.004), paint=DARK) for y in (-0.45, 0, 0.45)]
    blade = Part("box", (a, b, 0.003), (half + a, 0, 0.004))
    return Shape((Part("box", (half, 0.008, 0.005), (0, 0, 0.006)), blade, *slots))
