import dataclasses
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from viper_ros.model import Sampling
from viper_ros.perception import Predictor, find_checkpoint, load_checkpoint

RANDOM = Sampling(temperature=5.0, seed=3)  # greedy answers of random weights may be empty


def picture(height=120, width=160, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)


def test_a_grounding_speaks_in_pixels_of_the_source_image(predictor):
    grounding = predictor.query(picture(), "red mug", threshold=1e-6)
    assert grounding.image_size == (160, 120)
    assert grounding.heatmap().shape == (120, 160)
    assert grounding.relevance.shape == (72, 96)
    assert isinstance(grounding.answer, str)
    assert 0 <= grounding.confidence <= 1
    assert grounding.present
    for region in grounding.regions:
        assert region.mask().shape == (120, 160)
        assert region.mask().any()


@pytest.mark.parametrize("size", [(1, 1), (2, 900), (900, 2), (481, 641), (64, 64)])
def test_any_size_is_taken(predictor, size):
    grounding = predictor.ground(picture(*size), "red mug", threshold=1e-6)
    assert grounding.heatmap().shape == size
    assert grounding.answer is None


def test_an_encoded_image_gives_the_same_as_the_image(predictor):
    image = picture()
    encoded = predictor.encode(image)
    for text in ("red mug", "is there a blue box?"):
        a, b = predictor.query(encoded, text), predictor.query(image, text)
        np.testing.assert_array_equal(a.relevance, b.relevance)
        assert (a.answer, a.confidence) == (b.answer, b.confidence)


def test_different_instructions_give_different_maps(predictor):
    encoded = predictor.encode(picture())
    a, b = predictor.ground(encoded, "red mug"), predictor.ground(encoded, "is there a blue box?")
    assert np.abs(a.relevance - b.relevance).max() > 0


def test_what_is_not_present_has_no_region(predictor):
    grounding = predictor.ground(picture(), "red mug", threshold=1.0)
    assert not grounding.present
    assert grounding.regions == ()


def test_an_answer_denies_if_and_only_if_nothing_is_present(predictor, monkeypatch):
    model, tokenizer = predictor.model, predictor.tokenizer
    denying = tuple({tokenizer.encode_answer(text)[0] for text in ("mug", "blue box", "is")})
    monkeypatch.setattr(model, "config", dataclasses.replace(model.config, absent_answer_ids=denying))
    texts = [tokenizer.decode([token]) for token in denying]
    encoded = predictor.encode(picture())
    for seed in range(12):
        said = [
            predictor.query(
                encoded, "red mug", threshold=threshold, sampling=Sampling(temperature=5.0, seed=seed)
            ).answer
            for threshold in (1e-6, 1.0)
        ]
        assert not any(said[0] == text or said[0].startswith(f"{text} ") for text in texts), said
        assert any(said[1].startswith(text) for text in texts), said
    threshold = dataclasses.replace(model.config.calibration, threshold=1.0)
    monkeypatch.setattr(model, "config", dataclasses.replace(model.config, calibration=threshold))
    streamed = "".join(predictor.stream(encoded, "red mug", sampling=RANDOM))
    assert any(streamed.startswith(text) for text in texts)


def test_an_answer_ends_when_told_to(predictor):
    asked = []
    whole = predictor.query(picture(), "red mug", sampling=RANDOM).answer
    cut = predictor.query(
        picture(), "red mug", should_stop=lambda: bool(asked.append(0)) or True, sampling=RANDOM
    ).answer
    assert asked
    assert cut == ""
    assert whole != ""


@pytest.mark.parametrize("text", ["", "   ", "\n", None, 7])
def test_an_empty_instruction_is_refused(predictor, text):
    with pytest.raises(ValueError, match="instruction must be a sentence"):
        predictor.query(picture(), text)


def test_an_overlong_instruction_is_refused_with_its_length(predictor):
    with pytest.raises(ValueError, match="tokens, at most 96 fit"):
        predictor.query(picture(), "red mug " * 500)


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.5, float("nan")])
def test_a_threshold_out_of_range_is_refused(predictor, threshold):
    with pytest.raises(ValueError, match="threshold must be in"):
        predictor.ground(picture(), "red mug", threshold=threshold)


def test_half_precision_on_disk_loads_as_single(tiny_checkpoint, tmp_path):
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((tiny_checkpoint / name).read_bytes())
    tensors = load_file(str(tiny_checkpoint / "model.safetensors"))
    save_file({k: t.half() if t.is_floating_point() else t for k, t in tensors.items()},
              str(tmp_path / "model.safetensors"))  # fmt: skip
    assert {p.dtype for p in load_checkpoint(tmp_path).parameters()} == {torch.float32}


def test_missing_extra_and_misshapen_tensors_are_named(tiny_checkpoint, tmp_path):
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((tiny_checkpoint / name).read_bytes())
    tensors = load_file(str(tiny_checkpoint / "model.safetensors"))
    del tensors["embed_norm.bias"]
    tensors["surprise"] = torch.zeros(1)
    tensors["embed_norm.weight"] = torch.zeros(3)
    save_file(tensors, str(tmp_path / "model.safetensors"))
    with pytest.raises(ValueError, match=r"missing \['embed_norm.bias'\].*extra \['surprise'\].*embed_norm.weight is"):
        load_checkpoint(tmp_path)


def test_an_unknown_name_says_where_it_was_looked_for():
    with pytest.raises(FileNotFoundError, match=r"no checkpoint 'nonsense'.*models/nonsense"):
        find_checkpoint("nonsense")


def test_a_name_is_found_under_the_models_folder_of_the_environment(tiny_checkpoint, monkeypatch):
    monkeypatch.setenv("VIPER_MODELS", str(tiny_checkpoint.parent))
    assert find_checkpoint("tiny") == tiny_checkpoint


def test_a_configuration_with_an_unknown_key_is_refused(tiny_checkpoint, tmp_path):
    config = json.loads((tiny_checkpoint / "config.json").read_text()) | {"code": "import os"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"unknown keys \['code'\]"):
        Predictor.from_pretrained(tmp_path)


def test_a_streamed_answer_is_the_answer_in_pieces(predictor):
    image = picture()
    pieces = list(predictor.stream(image, "red mug", sampling=RANDOM))
    assert len(pieces) > 1
    assert "".join(pieces) == predictor.query(image, "red mug", sampling=RANDOM).answer


def test_a_stream_ends_between_tokens_when_told_to(predictor):
    asked = []
    pieces = list(
        predictor.stream(picture(), "red mug", should_stop=lambda: asked.append(0) or len(asked) > 2, sampling=RANDOM)
    )
    assert len(pieces) <= 2
    assert len(asked) == 3


def test_sampling_draws_other_answers_than_greedy_and_the_same_for_a_seed(predictor):
    encoded = predictor.encode(picture())
    hot = [predictor.query(encoded, "red mug", sampling=Sampling(temperature=5.0, seed=s)).answer for s in (0, 0, 1)]
    assert hot[0] == hot[1]
    assert hot[0] != hot[2]


def test_an_answer_is_as_long_as_allowed(predictor):
    encoded = predictor.encode(picture())
    short, long = (
        predictor.query(encoded, "red mug", max_answer_tokens=limit, sampling=RANDOM).answer for limit in (2, 12)
    )
    assert long.startswith(short)
    assert len(long) > len(short)


def test_images_may_be_larger_for_the_model_than_in_training(predictor):
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    larger = predictor.at_image_size(2 * predictor.image_size)
    small, large = (p.query(image, "the red mug") for p in (predictor, larger))
    assert np.array_equal(large.relevance.shape, 2 * np.array(small.relevance.shape))
    assert large.heatmap().shape == small.heatmap().shape == image.shape[:2]
    assert larger.model is predictor.model and predictor.query(image, "the red mug").confidence == small.confidence


def test_a_folder_that_is_not_there_is_named_once(tmp_path):
    with pytest.raises(FileNotFoundError) as told:
        find_checkpoint(tmp_path / "nothing")
    assert str(told.value).count(str(tmp_path)) == 2  # as what was asked for and as where was looked


@pytest.mark.parametrize("size", [0, 63, 1025])
def test_an_image_size_out_of_range_is_an_error_that_tells_the_range(predictor, size):
    with pytest.raises(ValueError, match=r"\[64, 1024\] px, got"):
        predictor.at_image_size(size)
