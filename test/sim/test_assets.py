import numpy as np
import pytest

from viper_ros.sim.assets import BUILDERS, build_shape
from viper_ros.sim.meshes import MESH_NAMES, mesh
from viper_ros.sim.vocabulary import CATEGORIES, COLOUR_HSV, GROUPS, PAINTED, sample_rgb


def test_every_category_has_a_builder():
    assert set(BUILDERS) == set(CATEGORIES)
    assert len(CATEGORIES) >= 24


@pytest.mark.parametrize("category", sorted(CATEGORIES))
def test_a_shape_stands_on_the_table_and_has_the_size_of_a_thing(category):
    for seed in range(5):
        low, high = build_shape(np.random.default_rng(seed), category).bounds_m
        assert abs(low[2]) < 0.004
        assert 0.03 < (high - low).max() < 0.35
        assert np.hypot(*(0.5 * (low + high))[:2]) < 0.12


@pytest.mark.parametrize("name", MESH_NAMES)
def test_a_mesh_is_closed_and_winds_outwards(name):
    data = mesh(name)
    edges = np.concatenate([data.faces[:, [0, 1]], data.faces[:, [1, 2]], data.faces[:, [2, 0]]])
    there, back = ({tuple(edge) for edge in way} for way in (edges, edges[:, ::-1]))
    assert there == back and len(there) == len(edges)
    a, b, c = (data.vertices[data.faces[:, k]] for k in range(3))
    assert np.einsum("ij,ij->", a, np.cross(b, c)) > 0


def test_an_unknown_category_is_refused_by_name():
    with pytest.raises(KeyError, match="no category is called 'dragon'"):
        build_shape(np.random.default_rng(0), "dragon")


def test_words_refer_to_categories_that_exist():
    for row in CATEGORIES.values():
        assert set(row.confusable) <= set(CATEGORIES)
        assert set(row.colours) <= set(COLOUR_HSV)
    assert all(any(group in row.groups for row in CATEGORIES.values()) for group in GROUPS)


def test_a_synonym_means_one_category():
    names = [name for row in CATEGORIES.values() for name in (row.name, *row.synonyms)]
    assert len(names) == len(set(names))


def test_colours_keep_apart():
    """A sample is nearer to samples of its own name than to any other name's, in RGB."""
    rng = np.random.default_rng(0)
    samples = {colour: np.array([sample_rgb(rng, colour) for _ in range(60)]) for colour in PAINTED}
    for colour, points in samples.items():
        for other, rivals in samples.items():
            if other != colour:
                apart = np.linalg.norm(points[:, None] - rivals[None], axis=-1).min()
                assert apart > 0.07, (colour, other, apart)
