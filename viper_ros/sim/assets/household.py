"""Things of a desk, toys and the rest."""

import numpy as np

from viper_ros.sim.assets.registry import LIE, category
from viper_ros.sim.parts import CREAM, DARK, LEAF, Part, Shape, Surface, rotation


@category("marker")
def _marker(rng: np.random.Generator) -> Shape:
    r, half = rng.uniform(0.0085, 0.011), rng.uniform(0.06, 0.07)
    ends = [
        Part("cylinder", (1.02 * r, 1.02 * r, 0.002), (0.3 * half, 0, 1.02 * r), LIE, CREAM),
        Part("cylinder", (0.45 * r, 0.45 * r, 0.006), (-half - 0.004, 0, 1.02 * r), LIE, DARK),
    ]
    return Shape((Part("cylinder", (r, r, half), (0, 0, 1.02 * r), LIE), *ends))


@category("book")
def _book(rng: np.random.Generator) -> Shape:
    x, y, z = rng.uniform(0.08, 0.1), rng.uniform(0.055, 0.07), rng.uniform(0.011, 0.02)
    pages = Part("box", (0.965 * x, 0.98 * y, z - 0.003), (0.006, 0, z), paint=CREAM)
    covers = [Part("box", (x, y, 0.0018), (0, 0, h)) for h in (0.0018, 2 * z - 0.0018)]
    spine = Part("box", (0.004, y, z), (0.004 - x, 0, z))
    title = Part("box", (0.5 * x, 0.12 * y, 0.0006), (0.05 * x, 0.3 * y, 2 * z), paint="accent")
    return Shape((pages, *covers, spine, title), Surface("on", 2 * z, 0.9 * y))


@category("tape")
def _tape(rng: np.random.Generator) -> Shape:
    r, half = rng.uniform(0.04, 0.05), rng.uniform(0.012, 0.02)
    core = Part("ring", (0.64 * r, 0.64 * r, 1.01 * half), (0, 0, half), paint=CREAM)
    return Shape((Part("ring", (r, r, half), (0, 0, 1.01 * half)), core))


@category("box")
def _box(rng: np.random.Generator) -> Shape:
    x, y, z = rng.uniform(0.045, 0.075), rng.uniform(0.03, 0.05), rng.uniform(0.025, 0.06)
    band = Part("box", (1.004 * x, 0.18 * y, 1.004 * z), (0, 0, z), paint="accent")
    label = Part("box", (0.5 * x, 1.006 * y, 0.35 * z), (0, 0, z), paint="accent")
    extra = [[], [band], [label]][rng.integers(3)]
    return Shape((Part("box", (x, y, z), (0, 0, z)), *extra), Surface("on", 2 * z, 0.95 * y))


@category("ball")
def _ball(rng: np.random.Generator) -> Shape:
    r = rng.uniform(0.03, 0.04)
    band = Part("cylinder", (1.004 * r, 1.004 * r, 0.12 * r), (0, 0, r), rotation(x_deg=rng.uniform(20, 70)), "accent")
    return Shape((Part("sphere", (r, r, r), (0, 0, r)), *([band] if rng.random() < 0.4 else [])))


@category("cube")
def _cube(rng: np.random.Generator) -> Shape:
    half = rng.uniform(0.022, 0.028)
    return Shape((Part("box", (half,) * 3, (0, 0, half)),), Surface("on", 2 * half, 0.95 * half))


@category("die")
def _die(rng: np.random.Generator) -> Shape:
    half = rng.uniform(0.02, 0.024)
    faces = [(0, 1, 1), (1, 2, 2), (1, -1, 5), (0, -1, 6), (2, 1, int(rng.integers(3, 5)))]
    pips = [pip for axis, sign, count in faces for pip in _pips(half, axis, sign, count)]
    return Shape((Part("box", (half,) * 3, (0, 0, half)), *pips), Surface("on", 2 * half, 0.9 * half))


def _pips(half: float, axis: int, sign: int, count: int) -> list[Part]:
    """Flat dots on one face of a die."""
    corners = [(-1, -1), (1, 1), (-1, 1), (1, -1), (-1, 0), (1, 0)]
    spots = [(0, 0)] * (count % 2) + corners[: count - count % 2]
    parts = []
    for u, v in spots:
        centre, size = np.insert(0.5 * half * np.array([u, v]), axis, sign * half), np.full(3, 0.2 * half)
        centre[2] += half
        size[axis] = 0.02 * half
        parts.append(Part("sphere", tuple(size), tuple(centre), paint="accent"))
    return parts


@category("cone")
def _cone(rng: np.random.Generator) -> Shape:
    r, h = rng.uniform(0.03, 0.038), rng.uniform(0.08, 0.105)
    base = Part("box", (1.15 * r, 1.15 * r, 0.003), (0, 0, 0.003))
    return Shape((base, Part("cone", (r, r, h), (0, 0, 0.004))))


@category("toy car")
def _toy_car(rng: np.random.Generator) -> Shape:
    x, y = rng.uniform(0.055, 0.065), rng.uniform(0.024, 0.028)
    wheels = [
        Part("cylinder", (0.014, 0.014, 0.005), (a * 0.6 * x, b * y, 0.014), rotation(x_deg=90), DARK)
        for a in (-1, 1)
        for b in (-1, 1)
    ]
    cabin = [
        Part("box", (0.52 * x, 0.9 * y, 0.011), (-0.1 * x, 0, 0.046), paint=(0.25, 0.32, 0.38)),
        Part("box", (0.48 * x, 0.92 * y, 0.003), (-0.1 * x, 0, 0.059)),
    ]
    return Shape((Part("box", (x, y, 0.0135), (0, 0, 0.0235)), *cabin, *wheels))


@category("sponge")
def _sponge(rng: np.random.Generator) -> Shape:
    x, y, z = rng.uniform(0.045, 0.055), rng.uniform(0.03, 0.036), rng.uniform(0.012, 0.016)
    scrub = Part("box", (x, y, 0.004), (0, 0, 0.004), paint=(0.12, 0.28, 0.16))
    return Shape((Part("box", (x, y, z), (0, 0, 0.008 + z)), scrub))


@category("candle")
def _candle(rng: np.random.Generator) -> Shape:
    r, half = rng.uniform(0.022, 0.034), rng.uniform(0.035, 0.055)
    wick = Part("cylinder", (0.0018, 0.0018, 0.007), (0, 0, 2 * half + 0.006), paint=DARK)
    return Shape((Part("cylinder", (r, r, half), (0, 0, half)), wick))


@category("flower pot")
def _flower_pot(rng: np.random.Generator) -> Shape:
    r, h = rng.uniform(0.042, 0.05), rng.uniform(0.07, 0.085)
    leaves = []
    for angle in np.linspace(0, 360, int(rng.integers(6, 9)), endpoint=False) + rng.uniform(0, 40):
        tilt, a = rng.uniform(25, 60), np.radians(angle)
        reach, size = 0.04 * np.sin(np.radians(tilt)), rng.uniform(0.03, 0.04)
        centre = (reach * np.cos(a), reach * np.sin(a), h + 0.04 * np.cos(np.radians(tilt)))
        leaves.append(Part("sphere", (0.004, 0.012, size), centre, rotation(y_deg=tilt, z_deg=angle), LEAF))
    return Shape((Part("flower_pot", (r, r, h)), *leaves))


@category("phone")
def _phone(rng: np.random.Generator) -> Shape:
    x, y, z = rng.uniform(0.07, 0.08), rng.uniform(0.034, 0.038), 0.005
    lenses = [Part("cylinder", (0.006, 0.006, 0.001), (0.78 * x, k * 0.35 * y, 2 * z), paint=DARK) for k in (1, 2)]
    return Shape((Part("box", (x, y, z), (0, 0, z)), *lenses))
