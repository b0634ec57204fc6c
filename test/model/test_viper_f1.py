import dataclasses
import subprocess
import sys

import pytest
import torch

from viper_ros.model import DecoderConfig, GridEncoderConfig, ModulatorConfig, ViperConfig, ViperF1
from viper_ros.model.registry import BLOCKS, STATE_SPACES

TINY = ViperConfig(
    name="tiny",
    vocab_size=40,
    width=24,
    grid=GridEncoderConfig(width=16, fine_width=8, widths=(8, 12, 16, 16), depths=(1, 1, 1, 1), name="conv"),
    modulator=ModulatorConfig(blocks=2, heads=2, head_width=8, state_size=4),
    decoder=DecoderConfig(layers=2, ffn_width=32),
)


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = ViperF1(TINY).eval()
    for mixer in model.grid_encoder.mixers:  # they start as the identity, behind zeros
        torch.nn.init.normal_(mixer.down.weight, std=0.1)
    for modulation in model.grid_modulations:  # so do places
        torch.nn.init.normal_(modulation.places.near.weight, std=0.1)
        torch.nn.init.normal_(modulation.places.seen_from.weight, std=0.1)
    return model


@pytest.fixture
def prompt():
    return torch.tensor([[5, 9, 7, 1], [8, 8, 3, 1]]), torch.randn(2, 3, 64, 96)


@torch.inference_mode()
def test_shapes(model, prompt):
    output = model(*prompt)
    assert output.logits.shape == (2, 4, 40)
    assert output.relevance.shape == (2, 4, 8 * 12)
    assert output.target_logits.shape == (2, 16, 24)
    assert output.presence_logit.shape == (2,)
    assert output.count.shape == (2,)


@torch.inference_mode()
def test_steps_with_state_equal_full_recomputation(model, prompt):
    ids, pixels = prompt
    further = torch.tensor([[4, 6, 11, 2], [12, 4, 4, 9]])
    whole = model(torch.cat([ids, further], dim=1), pixels)
    output, state = model.prefill(ids, model.encode(pixels))
    torch.testing.assert_close(output.logits, whole.logits[:, :4], atol=1e-5, rtol=1e-4)
    for t in range(further.shape[1]):
        logits, relevance, state = model.step(further[:, t : t + 1], state)
        torch.testing.assert_close(logits[:, 0], whole.logits[:, 4 + t], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(relevance[:, 0], whole.relevance[:, 4 + t], atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_greedy_generation_equals_full_recomputation(model, prompt):
    ids, pixels = prompt
    generated = model.generate(ids, pixels, max_new_tokens=8)
    for row in range(len(ids)):
        sequence = ids[row : row + 1]
        for token in generated[row]:
            if int(token) == TINY.pad_token_id and TINY.eos_token_id in sequence[0, ids.shape[1] :]:
                break
            best = model(sequence, pixels[row : row + 1]).logits[0, -1].argmax()
            assert int(best) == int(token)
            sequence = torch.cat([sequence, token.view(1, 1)], dim=1)


@torch.inference_mode()
def test_padding_after_the_answer_changes_nothing(model, prompt):
    ids, pixels = prompt
    padded = torch.cat([ids, torch.zeros(2, 3, dtype=torch.int64)], dim=1)
    plain, with_padding = model(ids, pixels), model(padded, pixels)
    torch.testing.assert_close(plain.target_logits, with_padding.target_logits, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(plain.logits, with_padding.logits[:, :4], atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_generation_stops_between_tokens_when_told_to(model, prompt):
    output, state = model.prefill(prompt[0], model.encode(prompt[1]))
    asked = []
    tokens = list(model.stream(output.logits[:, -1], state, 8, lambda: asked.append(0) or len(asked) > 2))
    assert len(tokens) == 2


def test_every_parameter_learns(model, prompt):
    output = model(*prompt)
    loss = output.logits.square().mean() + output.target_logits.square().mean() + output.presence_logit.square().mean()
    loss.backward()
    idle = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert idle == []


def test_nano_has_no_attention_and_at_most_12_million_parameters():
    nano = ViperF1(ViperConfig())
    kinds = {type(module).__name__ for module in nano.modules()}
    assert not any("Attention" in kind for kind in kinds)
    assert sum(p.numel() for p in nano.parameters()) <= 12_000_000


def test_pixels_of_a_wrong_shape_are_refused_with_what_came(model):
    with pytest.raises(ValueError, match=r"multiples of 32, got \(1, 3, 60, 96\)"):
        model.encode(torch.zeros(1, 3, 60, 96))


@pytest.mark.parametrize("field", ["state_space", "block", "target_head"])
def test_an_unknown_state_space_block_or_head_lists_the_valid_ones(field):
    if field == "target_head":
        change = {"target_head": "nonsense"}
    else:
        change = {"modulator": dataclasses.replace(TINY.modulator, **{field: "nonsense"})}
    with pytest.raises(ValueError, match=r"nonsense.*valid are"):
        ViperF1(dataclasses.replace(TINY, **change))


VARIANTS = [
    *({"state_space": name} for name in sorted(STATE_SPACES)),
    *({"block": name} for name in sorted(BLOCKS)),
    {"correlation": False},
    {"film": False},
    {"pointer": False},
    {"anchors": False},
    {"grid_pool": 1},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@torch.inference_mode()
def test_every_variant_serves_the_small_model_step_by_step(variant, prompt):
    torch.manual_seed(0)
    modulator = dataclasses.replace(TINY.modulator, kernel_taps=3, **variant)
    model = ViperF1(dataclasses.replace(TINY, modulator=modulator)).eval()
    ids, pixels = prompt
    further = torch.tensor([[4, 6, 11, 2], [12, 4, 4, 9]])
    whole = model(torch.cat([ids, further], dim=1), pixels)
    _, state = model.prefill(ids, model.encode(pixels))
    for t in range(further.shape[1]):
        logits, _, state = model.step(further[:, t : t + 1], state)
        torch.testing.assert_close(logits[:, 0], whole.logits[:, 4 + t], atol=1e-4, rtol=1e-3)


@torch.inference_mode()
def test_the_past_of_a_state_space_does_not_grow_and_that_of_a_transformer_does(prompt):
    sizes = {}
    for block in sorted(BLOCKS):
        model = ViperF1(dataclasses.replace(TINY, modulator=dataclasses.replace(TINY.modulator, block=block))).eval()
        ids, pixels = prompt
        kept = [model.prefill(row, model.encode(pixels))[1].spaces for row in (ids, torch.cat([ids, ids], dim=1))]
        sizes[block] = [
            sum(t.numel() for space in spaces for t in (space if isinstance(space, tuple) else [space]))
            for spaces in kept
        ]
    assert sizes["modulation"][0] == sizes["modulation"][1]
    assert sizes["cross_attention"][1] == 2 * sizes["cross_attention"][0]


def test_nano_starts_and_answers_without_transformers_and_whatever_else_is_slow_to_import():
    code = (
        "import sys, numpy; from viper_ros.perception import Predictor\n"
        "Predictor.from_pretrained('nano').query(numpy.zeros((48, 64, 3), numpy.uint8), 'the red mug')\n"
        "slow = {'transformers', 'huggingface_hub', 'mujoco', 'matplotlib', 'scipy', 'rclpy'} & set(sys.modules)\n"
        "assert not slow, slow"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("part", [{"grid": "siglip_tiles"}, {"decoder": "lfm2"}])
def test_a_part_that_needs_the_extra_says_how_to_install_it(part, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    modulator = dataclasses.replace(TINY.modulator, blocks=1)
    change = {key: dataclasses.replace(getattr(TINY, key), name=name) for key, name in part.items()}
    with pytest.raises(ImportError, match=r"pip install 'viper_ros\[base\]'"):
        ViperF1(dataclasses.replace(TINY, modulator=modulator, **change))


@pytest.mark.parametrize("part", ["grid", "decoder"])
def test_an_unknown_part_lists_the_valid_ones(part):
    config = dataclasses.replace(TINY, **{part: dataclasses.replace(getattr(TINY, part), name="nonsense")})
    with pytest.raises(ValueError, match=r"nonsense.*valid are"):
        ViperF1(config)


def test_config_survives_json_and_refuses_unknown_keys():
    assert ViperConfig.from_dict(TINY.to_dict()) == TINY
    with pytest.raises(ValueError, match="unknown keys \\['attention'\\]"):
        ViperConfig.from_dict({"attention": True})


def test_a_configuration_of_before_there_were_anchors_has_none():
    values = TINY.to_dict()
    assert ViperConfig.from_saved(values) == TINY
    del values["modulator"]["anchors"]
    assert not ViperConfig.from_saved(values).modulator.anchors
    assert ViperConfig.from_dict(values).modulator.anchors
