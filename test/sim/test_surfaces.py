"""What lies on and in what: the surfaces of things."""

import numpy as np
import pytest

from viper_ros.sim import household_shape
from viper_ros.sim.parts import Shape, Surface

BOX = Surface("on", 0.02, 0.03, overhang=2.2, foot=0.1)
POT = Surface("in", 0.008, 0.031, 0.043, 0.037, overhang=2.2, rim_carries=True)


def flared(foot_m, rim_m, height_m):
    """Points (P, 3) of something round that is wider above than below, such as a bowl."""
    share, angle = np.meshgrid(np.linspace(0, 1, 40), np.linspace(0, 2 * np.pi, 24, endpoint=False))
    radius = foot_m + (rim_m - foot_m) * share
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height_m * share], -1).reshape(-1, 3)


def test_a_bowl_stands_on_a_box_that_is_smaller_than_itself():
    bowl = flared(0.026, 0.055, 0.05)
    assert BOX.fit(bowl) == ("on", 0.02)
    assert Surface("on", 0.02, 0.03).fit(bowl) is None, "the built things keep to less"
    assert BOX.fit(flared(0.031, 0.055, 0.05)) is None, "its foot is wider than the box"
    assert BOX.fit(flared(0.026, 0.09, 0.05)) is None, "it would fall over"


def test_a_bowl_sinks_into_a_pot_until_it_meets_the_rim():
    relation, height_m = POT.fit(flared(0.026, 0.055, 0.05))
    assert relation == "on"
    met_m = 0.05 * (1.02 * 0.037 - 0.026) / (0.055 - 0.026)  # where it is as wide as the rim
    assert height_m == pytest.approx(0.043 - met_m, abs=0.002)


def test_what_is_narrow_goes_in_and_what_cannot_lie_is_refused():
    assert POT.fit(flared(0.02, 0.022, 0.08)) == ("in", 0.008)
    assert POT.fit(flared(0.02, 0.022, 0.01)) is None, "nobody would see it in there"
    assert POT.fit(flared(0.05, 0.1, 0.05)) is None, "far too wide"
    lipped = np.concatenate([flared(0.036, 0.036, 0.022), flared(0.042, 0.042, 0.03) + np.array([0, 0, 0.022])])
    assert POT.fit(lipped) is None, "below its lip it is too wide for the pot's bottom"
    handle = np.array([[0.045, 0.0, 0.02], [0.05, 0.0, 0.03]])
    assert POT.fit(np.concatenate([flared(0.02, 0.022, 0.08), handle])) is None, "it would hang by its handle"
    assert Surface("in", 0.008, 0.031, 0.043, 0.037).fit(flared(0.026, 0.055, 0.05)) is None, "no rim that carries"


def test_a_rim_goes_all_around():
    ring = flared(0.05, 0.05, 0.01)[:, :2]
    assert household_shape._is_ring(ring)
    assert not household_shape._is_ring(ring[np.abs(ring[:, 0]) > 0.04]), "two handles"
    assert not household_shape._is_ring(ring * [1.0, 0.6]), "a long tray"


def test_a_surface_grows_with_its_thing():
    grown = Shape((), POT).scaled(2.0).surface
    assert grown == Surface("in", 0.016, 0.062, 0.086, 0.074, overhang=2.2, rim_carries=True)
