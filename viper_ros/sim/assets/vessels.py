"""Mugs, bowls, bottles and other vessels."""

import numpy as np

from viper_ros.sim.assets.registry import category
from viper_ros.sim.parts import DARK, STEEL, Part, Shape, Surface, rotation


@category("mug")
def _mug(rng: np.random.Generator) -> Shape:
    r, h = rng.uniform(0.037, 0.044), rng.uniform(0.085, 0.105)
    body = Part(str(rng.choice(["mug", "mug_round"])), (r, r, h), solid=False)
    handle = Part("handle", (rng.uniform(0.026, 0.034), 0.03, 0.32 * h), (0.94 * r, 0, 0.52 * h))
    return Shape((body, handle), Surface("in", 0.08 * h, 0.75 * r, h, 0.88 * r))


@category("cup")
def _cup(rng: np.random.Generator) -> Shape:
    r, h = rng.uniform(0.036, 0.044), rng.uniform(0.085, 0.12)
    return Shape((Part("cup", (r, r, h), solid=False),), Surface("in", 0.06 * h, 0.62 * r, h, 0.9 * r))


@category("bowl")
def _bowl(rng: np.random.Generator) -> Shape:
    r, h = rng.uniform(0.07, 0.09), rng.uniform(0.05, 0.07)
    return Shape((Part("bowl", (r, r, h), solid=False),), Surface("in", 0.1 * h, 0.52 * r, h, 0.94 * r))


@category("plate")
def _plate(rng: np.random.Generator) -> Shape:
    r, h = rng.uniform(0.09, 0.115), rng.uniform(0.016, 0.024)
    return Shape((Part("plate", (r, r, h), solid=False),), Surface("on", 0.3 * h, 0.62 * r))


@category("bottle")
def _bottle(rng: np.random.Generator) -> Shape:
    r, h = rng.uniform(0.03, 0.038), rng.uniform(0.19, 0.24)
    kind = str(rng.choice(["bottle", "bottle_wine", "bottle_flask"]))
    parts = [Part(kind, (r, r, h))]
    if kind != "bottle_wine":
        parts.append(Part("cylinder", (0.46 * r, 0.46 * r, 0.03 * h), (0, 0, h), paint="accent"))
    if kind != "bottle_flask" and rng.random() < 0.6:
        parts.append(Part("cylinder", (1.015 * r, 1.015 * r, 0.11 * h), (0, 0, 0.32 * h), paint="accent"))
    return Shape(tuple(parts))


@category("can")
def _can(rng: np.random.Generator) -> Shape:
    r, h = rng.uniform(0.031, 0.036), rng.uniform(0.105, 0.125)
    parts = [Part("can", (r, r, h)), Part("cylinder", (0.84 * r, 0.84 * r, 0.004), (0, 0, 0.972 * h), paint=STEEL)]
    if rng.random() < 0.5:
        z, half = rng.uniform(0.35, 0.65) * h, rng.uniform(0.06, 0.13) * h
        parts.append(Part("cylinder", (1.012 * r, 1.012 * r, half), (0, 0, z), paint="accent"))
    return Shape(tuple(parts), Surface("on", h, 0.8 * r))


@category("jar")
def _jar(rng: np.random.Generator) -> Shape:
    r, h = rng.uniform(0.038, 0.046), rng.uniform(0.085, 0.12)
    lid = Part("cylinder", (0.9 * r, 0.9 * r, 0.07 * h), (0, 0, 1.02 * h), paint="accent")
    return Shape((Part("jar", (r, r, h)), lid), Surface("on", 1.09 * h, 0.85 * r))


@category("teapot")
def _teapot(rng: np.random.Generator) -> Shape:
    r, h = rng.uniform(0.055, 0.065), rng.uniform(0.085, 0.105)
    knob = rng.choice(["main", "accent"])
    return Shape(
        (
            Part("teapot", (r, r, h)),
            Part("cylinder", (0.5 * r, 0.5 * r, 0.05 * h), (0, 0, 1.02 * h)),
            Part("sphere", (0.012, 0.012, 0.011), (0, 0, 1.16 * h), paint=str(knob)),
            Part("handle", (0.045, 0.03, 0.36 * h), (0.88 * r, 0, 0.55 * h)),
            Part("spout", (0.062, 0.05, 0.65 * h), (-0.8 * r, 0, 0.32 * h), rotation(z_deg=180)),
        )
    )


@category("pot")
def _pot(rng: np.random.Generator) -> Shape:
    r, h = rng.uniform(0.07, 0.085), rng.uniform(0.075, 0.1)
    ears = [
        Part("handle", (0.03, 0.026, 0.03), (s * 0.97 * r, 0, 0.78 * h), rotation(x_deg=90, z_deg=90 - 90 * s), DARK)
        for s in (1, -1)
    ]
    return Shape((Part("pot", (r, r, h), solid=False), *ears), Surface("in", 0.06 * h, 0.88 * r, h, 0.94 * r))


@category("pan")
def _pan(rng: np.random.Generator) -> Shape:
    r, h, grip = rng.uniform(0.08, 0.1), rng.uniform(0.03, 0.04), rng.uniform(0.055, 0.07)
    handle = Part("box", (grip, 0.009, 0.006), (0.95 * r + grip, 0, 0.8 * h), rotation(y_deg=-8), DARK)
    return Shape((Part("pan", (r, r, h), solid=False), handle), Surface("in", 0.12 * h, 0.76 * r, h, 0.92 * r))


@category("vase")
def _vase(rng: np.random.Generator) -> Shape:
    r, h = rng.uniform(0.038, 0.046), rng.uniform(0.16, 0.2)
    return Shape((Part(str(rng.choice(["vase", "vase_tall"])), (r, r, h)),))


@category("pitcher")
def _pitcher(rng: np.random.Generator) -> Shape:
    r, h = rng.uniform(0.05, 0.056), rng.uniform(0.15, 0.18)
    handle = Part("handle", (0.045, 0.03, 0.3 * h), (0.62 * r, 0, 0.55 * h))
    lip = Part("spout", (0.4 * r, 0.06, 0.2 * h), (-0.5 * r, 0, 0.8 * h), rotation(z_deg=180))
    return Shape((Part("pitcher", (r, r, h), solid=False), handle, lip))
