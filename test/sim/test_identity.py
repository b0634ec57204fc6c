"""The tabletop world of a seed never changes: held-out seeds and measured figures depend on it."""

import hashlib

import numpy as np
import pytest

from viper_ros.sim import Split, project, sample_camera, sample_questions, sample_scene, scene_seed
from viper_ros.sim.render import Frame

WIDTH, HEIGHT = 128, 96
HASHES = {  # of the scenes, of the questions: the latter change with the language, the former never
    "TRAIN": ("9f86356a9cafab73", "da54b730fa29e0eb"),
    "TEST": ("79be4ce9f4c22163", "3913ce0ce58817b1"),
    "NOVEL": ("29ff24be1ffbfaf2", "b05fc06e81fb9f0b"),
    "PHRASING": ("a0dd4c830112cdcc", "a013e02951e6e7b5"),
}


def splat(scene, camera):
    """A frame without OpenGL, the same on every machine: each thing's surface points drawn as dots, nearest on top."""
    K = camera.intrinsics(WIDTH, HEIGHT)
    ids, depth = np.zeros((HEIGHT, WIDTH), np.int32), np.full((HEIGHT, WIDTH), np.inf, np.float32)
    for thing in scene.objects:
        pixels, away = project(thing.points_m, K, camera.T_world_camera)
        for (u, v), z in zip(np.round(pixels).astype(int), away, strict=True):
            area = np.s_[max(v - 2, 0) : max(v + 3, 0), max(u - 2, 0) : max(u + 3, 0)]
            ids[area] = np.where(z < depth[area], thing.id, ids[area])
            depth[area] = np.minimum(depth[area], z)
    return Frame(np.zeros((HEIGHT, WIDTH, 3), np.uint8), depth, ids, K, camera.T_world_camera)


def hashes(split):
    """Of the scenes, and of what is asked about them."""
    scenes, questions = hashlib.sha256(), hashlib.sha256()
    for index in range(12):
        rng = np.random.default_rng(scene_seed(split, index))
        scene = sample_scene(rng, split)
        for thing in scene.objects:
            place = [round(float(v), 6) for v in (*thing.base_m, thing.yaw, *thing.rgb)]
            scenes.update(repr((thing.name, thing.size_word, thing.material, thing.supports, place)).encode())
        frame = splat(scene, sample_camera(rng, scene))
        for q in sample_questions(rng, scene, frame, 20, split, typo_rate=0.03):
            told = (q.text, q.kind, q.answer, q.target_ids, q.present, q.template, q.relation)
            questions.update(repr(told).encode())
    return scenes.hexdigest()[:16], questions.hexdigest()[:16]


@pytest.mark.parametrize("split", list(Split))
def test_scenes_and_questions_of_a_seed_are_what_they_were(split):
    assert hashes(split) == HASHES[split.name]
