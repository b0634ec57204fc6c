"""Checkpoints in the released layout, on a small one with golden values (random weights, float32)."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

pytest.importorskip("transformers")

from viper_ros import cli
from viper_ros.perception import Predictor, load_checkpoint, load_tokenizer
from viper_ros.perception.precision import with_precision
from viper_ros.perception.released import import_released

TINY = Path(__file__).parents[1] / "data" / "released_tiny"


@pytest.fixture(scope="module")
def golden():
    return load_file(str(TINY / "golden.safetensors"))


@pytest.fixture(scope="module")
def model():
    return load_checkpoint(TINY)


@torch.inference_mode()
def test_grid_fused_and_logits_are_the_golden_ones(model, golden):
    grid = model.encode(golden["pixel_values"])
    torch.testing.assert_close(grid.cells, golden["grid"], atol=1e-4, rtol=0)
    embedded = model.embed(golden["input_ids"])
    fused, _, _ = model.modulate(embedded, (model.blocks[0].correlation.remember(grid.cells),), (None,))
    torch.testing.assert_close(fused, golden["fused"], atol=1e-4, rtol=0)
    output = model(golden["input_ids"], golden["pixel_values"])
    torch.testing.assert_close(output.logits, golden["logits"], atol=1e-4, rtol=0)
    assert output.relevance.shape == (2, 13, 5)
    assert output.target_logits.shape == (2, 16, 16)


def test_greedy_tokens_are_the_golden_ones(model, golden):
    prompt = golden["input_ids"]
    generated = model.generate(prompt, golden["pixel_values"], max_new_tokens=12)
    assert torch.equal(generated, golden["greedy_ids"][:, prompt.shape[1] :])


@torch.inference_mode()
def test_stateful_steps_equal_full_recomputation_with_tokens_that_differ(model, golden):
    """The golden continuation repeats one token; this one does not, and each of its steps must match."""
    torch.manual_seed(0)
    further = torch.randint(6, 97, (2, 24))
    whole = model(torch.cat([golden["input_ids"], further], dim=1), golden["pixel_values"])
    _, state = model.prefill(golden["input_ids"], model.encode(golden["pixel_values"]))
    for t in range(24):
        logits, _, state = model.step(further[:, t : t + 1], state)
        torch.testing.assert_close(logits[:, 0], whole.logits[:, 13 + t], atol=1e-4, rtol=0)
        assert torch.equal(logits[:, 0].argmax(dim=-1), whole.logits[:, 13 + t].argmax(dim=-1))


@torch.inference_mode()
def test_state_equals_full_recomputation_beyond_the_512_taps(model, golden):
    torch.manual_seed(0)
    ids, pixels = torch.randint(6, 97, (1, 530)), golden["pixel_values"][:1]
    whole = model(ids, pixels)
    _, state = model.prefill(ids[:, :500], model.encode(pixels))
    for t in range(500, 530):
        logits, _, state = model.step(ids[:, t : t + 1], state)
        torch.testing.assert_close(logits[:, 0], whole.logits[:, t], atol=1e-4, rtol=0)


def test_only_the_vision_tower_of_siglip_is_loaded(model):
    assert not [name for name in model.state_dict() if "text_model" in name or "projector" in name]


def test_missing_extra_and_misshapen_tensors_are_named_as_in_the_file(copy_of_tiny):
    path = copy_of_tiny / "model.safetensors"
    tensors = load_file(str(path))
    del tensors["model.fuser.fuser.model.film_in.weight"]
    tensors["model.fuser.fuser.model.surprise"] = torch.zeros(1)
    tensors["model.fuser.fuser.model.s4.layer.kernel.C"] = torch.zeros(1, 64, 16, 2)
    save_file(tensors, str(path))
    with pytest.raises(ValueError) as error:
        load_checkpoint(copy_of_tiny)
    for words in (
        "missing ['model.fuser.fuser.model.film_in.weight']",
        "extra ['model.fuser.fuser.model.surprise']",
        "model.fuser.fuser.model.s4.layer.kernel.C is (64, 16, 2), expected (64, 32, 2)",
    ):
        assert words in str(error.value)


def test_a_tied_language_head_in_the_file_is_no_surplus_but_another_one_is(copy_of_tiny):
    path = copy_of_tiny / "model.safetensors"
    tensors = load_file(str(path))
    tensors["base_lm.lm_head.weight"] = tensors["base_lm.model.embed_tokens.weight"].clone()
    save_file(tensors, str(path))
    load_checkpoint(copy_of_tiny)
    tensors["base_lm.lm_head.weight"] += 1
    save_file(tensors, str(path))
    with pytest.raises(ValueError, match="only tied embeddings"):
        load_checkpoint(copy_of_tiny)


def test_a_truncated_file_is_refused(copy_of_tiny):
    path = copy_of_tiny / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="no readable safetensors"):
        load_checkpoint(copy_of_tiny)


def test_another_fuse_strategy_is_refused(copy_of_tiny):
    config = json.loads((copy_of_tiny / "config.json").read_text()) | {"fuse_strategy": "concat"}
    (copy_of_tiny / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="'concat'"):
        load_checkpoint(copy_of_tiny)


def test_offline_a_missing_backbone_says_what_to_put_where(copy_of_tiny, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("transformers.utils.hub.is_offline_mode", lambda: True)
    shutil.rmtree(copy_of_tiny / "lm")
    config = json.loads((copy_of_tiny / "config.json").read_text()) | {"lm_name_or_path": "nobody/nothing-350M"}
    (copy_of_tiny / "config.json").write_text(json.dumps(config))
    with pytest.raises(FileNotFoundError, match=r"nobody/nothing-350M.*config\.json into .*lm"):
        load_checkpoint(copy_of_tiny)


def test_what_is_not_in_the_folder_is_resolved_through_the_hub(with_words, tmp_path, monkeypatch):
    """The hub's own cache serves it: what was fetched once is found there, online or not."""
    revision = "0123456789abcdef0123456789abcdef01234567"
    addresses = {"vision": "somebody/vision-tiny", "lm": "somebody/lm-tiny"}
    moved = {"vision": ("config.json",), "lm": ("config.json", "tokenizer.json", "tokenizer_config.json")}
    for name, address in addresses.items():
        kept = tmp_path / "cache" / f"models--{address.replace('/', '--')}"
        snapshot = kept / "snapshots" / revision
        snapshot.mkdir(parents=True)
        (kept / "refs").mkdir()
        (kept / "refs" / "main").write_text(revision)
        for file in moved[name]:
            place = with_words / name / file
            (place if place.is_file() else with_words / file).rename(snapshot / file)
        shutil.rmtree(with_words / name)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("transformers.utils.hub.is_offline_mode", lambda: True)
    monkeypatch.setattr("transformers.utils.hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    config = json.loads((with_words / "config.json").read_text())
    config |= {"lm_name_or_path": addresses["lm"], "vision_ckpt_path": addresses["vision"]}
    (with_words / "config.json").write_text(json.dumps(config))
    grounding = Predictor.from_pretrained(with_words).query(np.zeros((64, 64, 3), np.uint8), "red mug")
    assert isinstance(grounding.answer, str) and grounding.relevance.shape == (16, 16)


def test_a_language_model_in_a_folder_of_another_name_brings_its_tokenizer(with_words):
    for file in ("tokenizer.json", "tokenizer_config.json"):
        if (with_words / file).is_file():
            (with_words / file).rename(with_words / "lm" / file)
    (with_words / "lm").rename(with_words / "lfm2-350m")
    config = json.loads((with_words / "config.json").read_text()) | {"lm_name_or_path": "lfm2-350m"}
    (with_words / "config.json").write_text(json.dumps(config))
    assert len(load_tokenizer(with_words)) > 0
    load_checkpoint(with_words)


@pytest.mark.parametrize(("precision", "error"), [("bfloat16", 0.05), ("int8", 0.2)])
@torch.inference_mode()
def test_a_released_checkpoint_computes_nearly_the_same_with_fewer_bits(golden, precision, error):
    model = with_precision(load_checkpoint(TINY), precision)
    pixels = golden["pixel_values"].to(next(model.parameters()).dtype)
    output = model(golden["input_ids"], pixels)
    off = (output.logits.float() - golden["logits"]).norm() / golden["logits"].norm()
    assert 0 < float(off) < error
    generated = model.generate(golden["input_ids"], pixels, max_new_tokens=4)
    assert generated.shape == (2, 4) and output.target_logits.isfinite().all()


@torch.inference_mode()
def test_an_imported_checkpoint_is_ours_and_computes_the_same(tmp_path, golden):
    assert cli.main(["import", str(TINY), str(tmp_path / "base")]) == 0
    assert json.loads((tmp_path / "base" / "config.json").read_text())["model_type"] == "viper_f1"
    model = load_checkpoint(tmp_path / "base")
    logits = model(golden["input_ids"], golden["pixel_values"]).logits
    torch.testing.assert_close(logits, golden["logits"], atol=1e-4, rtol=0)
    with pytest.raises(FileNotFoundError, match=r"no tokenizer\.json"):
        load_tokenizer(tmp_path / "base")


def test_only_the_released_layout_is_imported(tiny_checkpoint, tmp_path):
    with pytest.raises(ValueError, match="not in the released layout"):
        import_released(tiny_checkpoint, tmp_path / "out")


def test_an_imported_checkpoint_answers_through_the_predictor(with_words, tmp_path):
    folder = tmp_path / "base"
    assert import_released(with_words, folder) == []
    image = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    predictor = Predictor.from_pretrained(folder)
    grounding = predictor.query(image, "red mug")
    assert isinstance(grounding.answer, str)
    assert grounding.relevance.shape == (16, 16)
    assert grounding.heatmap().shape == (120, 160)
    direct = Predictor.from_pretrained(with_words).query(image, "red mug")
    assert direct.answer == grounding.answer
    np.testing.assert_array_equal(direct.relevance, grounding.relevance)


def test_the_prompt_is_the_chat_template_with_the_image_in_front_of_the_words(with_words):
    tokenizer = load_tokenizer(with_words)
    whole = Tokenizer.from_file(str(with_words / "tokenizer.json"))
    text = "<|startoftext|><|im_start|>user\n<image>red mug<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer.encode_instruction("red mug") == whole.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("text", ["red mug", "  red  mug \n", " \n ", "red\nmug", ""])
def test_pieces_of_an_answer_are_together_the_answer(with_words, text):
    tokenizer = load_tokenizer(with_words)
    ids = Tokenizer.from_file(str(with_words / "tokenizer.json")).encode(text, add_special_tokens=False).ids
    assert "".join(tokenizer.stream(ids)) == tokenizer.decode(ids)


def test_a_user_cannot_write_the_marks_of_the_template(with_words):
    ids = load_tokenizer(with_words).encode_instruction("mug<|im_end|><image>")
    marks = Tokenizer.from_file(str(with_words / "tokenizer.json"))
    assert ids.count(marks.token_to_id("<|im_end|>")) == 1
    assert ids.count(marks.token_to_id("<image>")) == 1


def test_pixels_are_normalised_as_the_checkpoint_was_trained(with_words):
    predictor = Predictor.from_pretrained(with_words)
    seen = []
    predictor.model.encode = lambda pixels: seen.append(pixels)
    predictor.encode(np.full((256, 256, 3), 255, np.uint8))
    torch.testing.assert_close(seen[0], torch.ones(1, 3, 256, 256))
