import numpy as np
import pytest

from viper_ros.sim import Renderer, Split, sample_camera, sample_scene, scene_seed

WIDTH, HEIGHT = 256, 192


@pytest.fixture(scope="session")
def renderer():
    with Renderer(WIDTH, HEIGHT) as renderer:
        yield renderer


@pytest.fixture(scope="session")
def looks(renderer):
    """Eight (scene, frame) pairs of every split."""
    pairs = {}
    for split in Split:
        pairs[split] = []
        for index in range(8):
            rng = np.random.default_rng(scene_seed(split, index))
            scene = sample_scene(rng, split)
            pairs[split].append((scene, renderer.render(scene, sample_camera(rng, scene))))
    return pairs
