"""The colour baseline learns from shards what colours words go with, and nothing else."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from viper_ros import cli
from viper_ros.training import colour_histogram
from viper_ros.training.colour_histogram import BINS, ColourHistogram, colour_bins, fit_colours
from viper_ros.training.shards import Shard

RGB = {"red": (210, 30, 30), "green": (30, 160, 40), "blue": (40, 60, 200)}
WIDTH, HEIGHT = 96, 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A shard of pictures with two squares on grey, of three colours; one is asked for, or the third, absent."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("squares")
    rgb, ids, scenes = [], [], []
    for _ in range(40):
        image = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        first, second, absent = rng.permutation(list(RGB))
        for number, (name, x) in enumerate(((first, 8), (second, 56)), start=1):
            y = int(rng.integers(4, 30))
            image[y : y + 24, x : x + 24] = RGB[name]
            mask[y : y + 24, x : x + 24] = number
        questions = [
            {
                "text": f"what is the {name} square",
                "answer": answer,
                "targets": targets,
                "anchors": [],
                "present": bool(targets),
            }
            for name, answer, targets in ((first, "square", [1]), (second, "square", [2]), (absent, "not found", []))
        ]
        rgb.append(image)
        ids.append(mask)
        scenes.append({"objects": {"1": ["square", first], "2": ["square", second]}, "questions": questions})
    save_file({"rgb": np.stack(rgb), "ids": np.stack(ids)}, str(folder / "train-00000.safetensors"))
    (folder / "train-00000.json").write_text(json.dumps(scenes))
    return folder


@pytest.fixture(scope="module")
def shard(folder):
    return Shard(folder / "train-00000.json")


def test_bins_are_of_hue_saturation_and_value():
    bins = [int(colour_bins(np.full((1, 1, 3), rgb, np.uint8))[0, 0]) for rgb in (*RGB.values(), (120, 120, 120))]
    assert len(set(bins)) == 4 and all(0 <= b < BINS for b in bins)


def test_it_points_at_the_colour_that_a_word_goes_with(shard):
    model = ColourHistogram([shard])
    for rgb, ids, scene in zip(shard.rgb, shard.ids, shard.scenes, strict=True):
        encoded = model.encode(rgb)
        for question in scene["questions"]:
            found = model.query(encoded, question["text"])
            if question["targets"]:
                hottest = found.heatmap().argmax()
                assert ids.flat[hottest] == question["targets"][0]
                assert found.answer == "square"
            assert found.present == question["present"]


def test_a_sentence_without_a_known_word_is_no_error(shard):
    model = ColourHistogram([shard])
    found = model.query(model.encode(shard.rgb[0]), "quux")
    assert found.relevance.shape == (44, 64)  # 256 x 171 px, padded to the stride
    assert np.ptp(found.relevance) < 1e-6 and found.answer in ("square", "not found")


def test_no_shards_is_an_error_that_names_the_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        fit_colours([tmp_path])


def test_it_stands_beside_a_model_in_the_figures(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(colour_histogram, "SHARDS", 1)
    out = tmp_path / "figures.json"
    asked = ["evaluate", "tabletop", "--scenes", "1", "--beside", "colour", "--data", str(folder), "--json", str(out)]
    assert cli.main(asked) == 0
    figures = json.loads(out.read_text())
    assert figures["beside"]["colour"]["pointing"]["n"] == figures["pointing"]["n"] > 0
    assert figures["position_error_cm"]["n"] <= figures["pointing"]["n"]
    assert "beside it: colour" in capsys.readouterr().out
