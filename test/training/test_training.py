"""The training loop on real rendered scenes, with a small model: nothing in it is pretended."""

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from viper_ros.perception import Predictor, Tokenizer
from viper_ros.perception.checkpoint import load_checkpoint
from viper_ros.sim import Split
from viper_ros.training import augment, batches, loop
from viper_ros.training import shards as shards_module
from viper_ros.training.augment import augment_photometric, augment_words, mirror, swap_sides
from viper_ros.training.batches import IGNORE, Labels, make_batch, sample_batch
from viper_ros.training.export import export
from viper_ros.training.loop import Run, TrainingConfig, learning_rate, split_batch, train
from viper_ros.training.losses import pointing_loss
from viper_ros.training.mixture import Mixture, held_back_shards
from viper_ros.training.plot import plot_log
from viper_ros.training.pretrained import load_known_words
from viper_ros.training.shards import load_shards, render_shards

SMALL = {
    "width": 32,
    "grid": {"name": "conv", "width": 24, "fine_width": 8, "widths": [8, 16, 16, 16], "depths": [1, 1, 1, 1]},
    "modulator": {"blocks": 2, "heads": 2, "head_width": 16, "state_size": 4},
    "decoder": {"layers": 1, "ffn_width": 48},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards_module, "SHARD_SCENES", 6)
        for index in range(2):
            shards_module._render_shard(folder, Split.TRAIN, ("tabletop", None, None), index)
    return folder


@pytest.fixture(scope="module")
def config(data, tmp_path_factory):
    return TrainingConfig(
        data=str(data),
        out=str(tmp_path_factory.mktemp("runs") / "small"),
        validation_shards=1,
        dense_steps=1,
        steps=4,
        images=2,
        questions=2,
        log_every=2,
        save_every=2,
        threads=1,
        model=SMALL,
    )


@pytest.fixture(scope="module")
def finished(config):
    train(config)
    return config


def test_a_finished_shard_is_not_rendered_again(data):
    stamps = [path.stat().st_mtime_ns for path in sorted(data.iterdir())]
    render_shards(data, Split.TRAIN, range(2))
    assert [path.stat().st_mtime_ns for path in sorted(data.iterdir())] == stamps


def test_a_batch_says_what_the_shard_shows(data, finished):
    shard = load_shards(data, Split.TRAIN)[0]
    source = _run(finished).source
    tokenizer = source.tokenizer
    batch = make_batch(np.random.default_rng(0), shard, np.arange(4), source, questions=5, augment=False)
    assert batch.pixel_values.shape == (4, 3, 288, 384)
    assert batch.target.shape == (20, 72, 96)
    covered = batch.target.sum(dim=(1, 2)) > 0
    assert (covered <= batch.present.bool()).all(), "only what is present covers cells"
    assert (batch.known == 1).all(), "simulated masks are exact"
    for ids, labels in zip(batch.input_ids, batch.labels, strict=True):
        at = int((ids == tokenizer.ground_id).int().argmax())
        said = labels[labels != IGNORE]
        assert (labels[:at] == IGNORE).all(), "the instruction is not predicted"
        assert int(said[-1]) == tokenizer.end_id
        bank = [(q["text"], q["answer"]) for scene in shard.scenes for q in scene["questions"]]
        text = [tuple(tokenizer.encode_instruction(t)) for t, a in bank if a == tokenizer.decode(said.tolist())]
        assert tuple(ids[: at + 1].tolist()) in text


def test_augmentation_changes_an_image_and_keeps_its_form():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)
    changed = augment_photometric(rng, image)
    assert changed.shape == image.shape
    assert changed.dtype == np.uint8
    assert (changed != image).any()
    np.testing.assert_array_equal(augment_photometric(rng, image, strength=0), image)
    grey = np.full((8, 8, 3), 120, np.uint8)
    means = [[augment_photometric(rng, grey, strength).mean() for _ in range(80)] for strength in (0.3, 1.0, 1.5)]
    assert np.std(means[0]) < 0.6 * np.std(means[1]) < 0.6 * np.std(means[2])


def test_augmentation_covers_exposure_white_balance_blur_noise_and_jpeg():
    rng, grey = np.random.default_rng(0), np.full((64, 64, 3), 120, np.uint8)
    edge = grey.copy()
    edge[:, 32:] = 200
    flat = [augment_photometric(rng, grey).astype(float) for _ in range(60)]
    means = np.array([image.mean(axis=(0, 1)) for image in flat])
    assert means.mean(axis=1).min() < 90 and means.mean(axis=1).max() > 160, "exposure"
    assert 2 < np.abs(means - means.mean(axis=1, keepdims=True)).max() < 25, "white balance, no other colour"
    spread = np.array([image.std() for image in flat])
    assert spread.min() < 3 and spread.max() > 6, "without and with noise"
    steepest = np.array(
        [np.abs(np.diff(augment_photometric(rng, edge)[:, 28:36, 1].mean(axis=0))).max() for _ in range(60)]
    )
    assert steepest.max() > 1.5 * np.median(steepest) > 0, "blur softens an edge"


def test_training_writes_a_log_and_a_checkpoint_that_answers(finished, data):
    records = [json.loads(line) for line in (Path(finished.out) / "log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [2, 4]
    assert all(np.isfinite(value) for record in records for value in record.values())
    predictor = Predictor.from_pretrained(Path(finished.out) / "checkpoint")
    image = load_shards(data, Split.TRAIN)[0].rgb[0]
    assert predictor.query(image, "red mug").relevance.shape == (72, 96)


def test_resuming_gives_what_one_go_gives(finished, tmp_path):
    """Two steps, a stop, two more: the weights of four steps at once, and their average."""
    halved = dataclasses.replace(finished, out=str(tmp_path / "halved"), save_every=2)
    first = dataclasses.replace(halved, steps=4)
    run = _run(first, finished)
    (tmp_path / "halved").mkdir()
    run.tokenizer.save(tmp_path / "halved" / "tokenizer.json")
    for _ in range(2):
        _step(run, finished)
    run.save()
    again = Run(first, run.tokenizer, run.source.labels)
    again.resume()
    assert again.step == 2
    for _ in range(2):
        _step(again, finished)
    whole = Run(finished, run.tokenizer, run.source.labels)
    whole.resume()
    for name, tensor in whole.model.state_dict().items():
        torch.testing.assert_close(again.model.state_dict()[name], tensor, atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(again.average[name], whole.average[name], atol=1e-6, rtol=1e-5)


def test_the_average_follows_the_weights_at_its_own_pace(finished):
    run = _run(dataclasses.replace(finished, out="nowhere", ema_decay=0.9), finished)
    name, weight = next((n, p) for n, p in run.model.named_parameters() if p.dim() == 2)
    run.step, before = 1000, run.average[name].clone()
    with torch.no_grad():
        weight.add_(1.0)
    run._update_average()
    torch.testing.assert_close(run.average[name], before + 0.1)
    assert run.averaged_model().state_dict()[name].equal(run.average[name])


def test_bfloat16_learns_as_well_and_keeps_its_weights_in_single(finished, data):
    run = _run(dataclasses.replace(finished, out="nowhere", bfloat16=True, dense_steps=0, warmup_steps=1), finished)
    shard = load_shards(data, Split.TRAIN)[0]
    batch = make_batch(np.random.default_rng(0), shard, np.arange(4), run.source, questions=2, augment=False)
    losses = [run.train_step(batch) for _ in range(12)]
    assert all(np.isfinite(value) for step in losses for value in step.values())
    assert losses[-1]["answer"] < losses[0]["answer"]
    assert {p.dtype for p in run.model.parameters()} == {torch.float32}


def test_an_unknown_setting_of_a_training_lists_the_known(tmp_path):
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps({"step": 4}))
    with pytest.raises(ValueError, match=r"unknown keys \['step'\]; known are .*'steps'"):
        TrainingConfig.from_json(path)


def test_misspelt_words_get_no_pieces_of_their_own_however_much_data_there_is(finished, monkeypatch, tmp_path):
    said = next(iter(Mixture(finished.data, finished.validation_shards).scenes()))["questions"]
    many = [{"questions": [*said, {"text": "grab the zorb", "answer": "zorb"}, {"text": "hvae it", "answer": "no"}]}]
    monkeypatch.setattr(loop, "LEAST_SAID", 2)
    config = dataclasses.replace(finished, start_from=str(Path(finished.out) / "checkpoint"))
    words = {}
    for share in (0.0, 1.0):
        monkeypatch.setattr(loop, "LEAST_SHARE", share)
        data = SimpleNamespace(scenes=lambda: many * 3)
        words[share] = loop._tokenizer(tmp_path / f"{share}.json", data, config).pieces()
    assert {"zorb", "hvae"} <= set(words[0.0]) and not {"zorb", "hvae"} & set(words[1.0])


def test_learning_rate_warms_up_in_both_phases_and_falls_to_two_percent():
    config = TrainingConfig(dense_steps=200, steps=1000, warmup_steps=50)
    rates = [learning_rate(step, config) for step in range(1000)]
    assert rates[0] < rates[49] == rates[199] == pytest.approx(config.learning_rate)
    assert rates[200] == rates[0]
    assert int(np.argmax(rates[200:])) in (49, 50)
    assert rates[-1] == pytest.approx(0.02 * config.learning_rate, rel=0.01)


def test_the_dense_phase_trains_the_encoder_and_the_words_that_name_cells(finished, data):
    run = _run(dataclasses.replace(finished, dense_steps=5), finished)
    before = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
    shard = load_shards(data, Split.TRAIN)[0]
    batch = make_batch(np.random.default_rng(0), shard, np.arange(2), run.source, questions=2, augment=False)
    losses = run.train_step(batch)
    assert {"category", "colour"} <= set(losses) and "answer" not in losses
    changed = {name for name, tensor in run.model.state_dict().items() if (tensor != before[name]).any()}
    correlation = {"blocks.0.correlation.q_proj.weight", "blocks.0.correlation.k_proj.weight"}
    words = {"embed.weight", "embed_norm.weight", "embed_norm.bias", *correlation}
    assert {name for name in changed if not name.startswith("grid_encoder")} == words
    assert any(name.startswith("grid_encoder") for name in changed)


def test_loss_falls_on_scenes_that_are_learnt_by_heart(finished, data):
    config = dataclasses.replace(finished, learning_rate=3e-3, warmup_steps=1, dense_steps=0, steps=60)
    run = _run(config, finished)
    shard = load_shards(data, Split.TRAIN)[0]
    batch = make_batch(np.random.default_rng(0), shard, np.arange(2), run.source, questions=2, augment=False)
    losses = [run.train_step(batch) for _ in range(60)]
    for name in ("point", "target", "answer", "category"):
        assert losses[-1][name] < 0.6 * losses[0][name], name


def test_an_exported_checkpoint_is_calibrated(finished, data, tmp_path):
    """On weights that have learnt something: the six scenes that are held back, by heart."""
    config = dataclasses.replace(
        finished,
        out=str(tmp_path / "run"),
        questions=6,
        learning_rate=3e-3,
        warmup_steps=1,
        dense_steps=0,
        steps=50,
        ema_decay=0.5,
    )
    run = _run(config, finished)
    shard = load_shards(data, Split.TRAIN)[0]
    batch = make_batch(np.random.default_rng(0), shard, np.arange(6), run.source, questions=6, augment=False)
    for _ in range(50):
        run.train_step(batch)
    (tmp_path / "run").mkdir()
    run.save()
    export(config, tmp_path / "out")
    calibration = Predictor.from_pretrained(tmp_path / "out").model.config.calibration
    assert calibration.cell_scale > 0
    assert calibration.presence_scale > 0
    assert (calibration.cell_scale, calibration.cell_bias) != (1.0, 0.0)
    predictor = Predictor.from_pretrained(tmp_path / "out")
    denying = {predictor.tokenizer.encode_answer(text)[0] for text in ("not found", "no", "zero")}
    assert set(predictor.model.config.absent_answer_ids) == denying


def test_cells_compete_in_the_pointing_loss():
    """On a uniform map it is the log of the cells there are for each cell of the target."""
    covered = torch.zeros(2, 100)
    covered[0, :4] = 1.0  # nothing is covered in the second one, so it does not count
    assert float(pointing_loss(torch.zeros(2, 100), covered)) == pytest.approx(np.log(25), rel=1e-3)
    sure = torch.zeros(2, 100)
    sure[0, 2] = 50.0
    assert float(pointing_loss(sure, covered)) == pytest.approx(0, abs=1e-3)


def test_inside_a_loose_box_only_the_middle_is_sure(finished, data):
    source, shard = _run(finished).source, load_shards(data, Split.TRAIN)[0]
    thing = 7
    shard.ids[0] = 0
    shard.ids[0, 64:128, 64:160] = thing
    about = {"text": "the mug", "answer": "mug", "kind": "refer", "relation": None, "present": True}
    question = about | {"targets": [thing], "anchors": [thing]}
    shard.scenes[0] = {"objects": {str(thing): ["mug", None]}, "questions": [question], "loose": [thing]}
    batch = make_batch(np.random.default_rng(0), shard, np.array([0]), source, questions=1, augment=False)
    assert batch.known[0, 24, 28] == 1 and batch.target[0, 24, 28] == 1, "the middle"
    assert batch.known[0, 16, 16] == 0, "a corner of the box"
    assert batch.known[0, 4, 4] == 1 and batch.target[0, 4, 4] == 0, "outside it"
    assert batch.anchors[0, 12, 14] == 1 and batch.anchors[0, 2, 2] == 0
    names = [names[0] for names in source.labels.categories]
    assert batch.categories[0, 12, 14] == names.index("mug") + 1
    assert batch.categories[0, 8, 8] == IGNORE
    assert (batch.colours[0][batch.categories[0] > 0] == IGNORE).all(), "nobody said its colour"


def test_where_not_everything_is_labelled_the_rest_is_not_called_background(finished, data):
    source, shard = _run(finished).source, load_shards(data, Split.TRAIN)[0]
    shard.scenes[1]["complete"] = False
    batch = make_batch(np.random.default_rng(0), shard, np.array([0, 1]), source, questions=1, augment=False)
    assert (batch.categories[0] == 0).any()
    assert not (batch.categories[1] == 0).any()


def test_a_mixture_draws_by_shares_and_never_what_is_held_back(data, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    for path in data.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    mixture = Mixture({str(data): 3.0, str(other): 1.0}, held_back=1)
    assert len(mixture) == 2
    rng = np.random.default_rng(0)
    first = mixture.shards()[0]
    assert np.mean([mixture.choose(rng)[0] is first for _ in range(400)]) == pytest.approx(0.75, abs=0.08)
    texts = [shard.scenes[0]["questions"][0]["text"] for shard in held_back_shards({str(data): 1.0}, 1)]
    assert texts == [load_shards(data, Split.TRAIN)[0].scenes[0]["questions"][0]["text"]]
    with pytest.raises(FileNotFoundError, match=str(tmp_path / "empty")):
        Mixture({str(tmp_path / "empty"): 1.0}, held_back=1)


def test_fine_tuning_keeps_the_known_words_and_learns_new_ones(finished, tmp_path):
    checkpoint = Path(finished.out) / "checkpoint"
    known = _tokenizer(finished)
    extended = known.extended(["the quokka", "a quokka", "quokka", "a zebu"])
    assert extended.pieces()[: len(known)] == known.pieces()
    assert "quokka" in extended.pieces() and "zebu" not in extended.pieces(), "said three times and once"
    assert extended.decode(extended.encode_answer("red quokka")) == "red quokka"
    run = Run(dataclasses.replace(finished, start_from=str(checkpoint)), extended, Labels.of([]))
    theirs = Predictor.from_pretrained(checkpoint).model
    torch.testing.assert_close(run.model.embed.weight[: len(known)], theirs.embed.weight)
    pieces = known.encode_instruction("quokka")[:-1]
    torch.testing.assert_close(run.model.embed.weight[-1], theirs.embed.weight[pieces].mean(dim=0))
    with pytest.raises(ValueError, match="not an extension"):
        load_known_words(run.model, Tokenizer.train(["other words"], 60), checkpoint)


def test_fine_tuning_goes_on_from_the_checkpoint(finished, tmp_path):
    config = dataclasses.replace(
        finished, out=str(tmp_path / "tuned"), start_from=str(Path(finished.out) / "checkpoint"), dense_steps=0, steps=2
    )
    train(config)
    before = Predictor.from_pretrained(config.start_from).model.state_dict()
    after = Predictor.from_pretrained(tmp_path / "tuned" / "checkpoint").model.state_dict()
    moved = {name: float((after[name] - tensor).abs().max()) for name, tensor in before.items() if tensor.dim() >= 2}
    assert 0 < max(moved.values()) < 0.1


def test_the_curves_of_a_log_become_a_picture(finished, tmp_path):
    pytest.importorskip("matplotlib")
    plot_log(Path(finished.out) / "log.jsonl", tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_parts_of_a_batch_are_the_batch(data, finished):
    shard, source = load_shards(data, Split.TRAIN)[0], _run(finished).source
    whole = make_batch(np.random.default_rng(0), shard, np.arange(5), source, questions=3, augment=False)
    parts = split_batch(whole, 2, questions=3)
    assert [len(part.pixel_values) for part in parts] == [3, 2]
    assert [len(part.input_ids) for part in parts] == [9, 6]
    for name, tensor in whole._asdict().items():
        pieces = [getattr(part, name) for part in parts]
        assert torch.equal(pieces[0] if name.endswith("_names") else torch.cat(pieces), tensor), name


def test_threads_learn_each_from_its_share_of_the_images(data, finished):
    """The gradient is the mean of the parts' own, weighted by their images, as if they had been learnt one by one."""
    shard = load_shards(data, Split.TRAIN)[0]
    run = _run(dataclasses.replace(finished, threads=2, images=3, dense_steps=0, steps=1, clip_norm=1e9))
    run.frozen += [module for module in run.model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    run.trained.train()
    for module in run.frozen:
        module.eval()
    batch = make_batch(np.random.default_rng(0), shard, np.arange(3), run.source, questions=2, augment=False)
    parts = [run._learn(part) for part in split_batch(batch, 2, questions=2)]
    losses = run.train_step(batch)
    assert losses["point"] == pytest.approx((2 * parts[0][0]["point"] + parts[1][0]["point"]) / 3, rel=1e-4)
    for parameter, first, second in zip(run._learning(), parts[0][1], parts[1][1], strict=True):
        if first is not None:
            torch.testing.assert_close(parameter.grad, (2 * first + second) / 3, rtol=1e-3, atol=1e-6)


def test_what_is_held_back_is_of_all_sources_in_turn(data, tmp_path):
    for name in ("train-a-00000", "train-a-00001", "train-b-00000", "train-b-00001"):
        for path in data.glob("train-00000.*"):
            (tmp_path / name).with_suffix(path.suffix).write_bytes(path.read_bytes())
        scenes = json.loads((tmp_path / f"{name}.json").read_text())
        (tmp_path / f"{name}.json").write_text(json.dumps([scene | {"source": name} for scene in scenes]))
    assert [shard.scenes[0]["source"] for shard in held_back_shards(str(tmp_path), 3)] == [
        *("train-a-00000", "train-b-00000", "train-a-00001")
    ]
    assert [shard.scenes[0]["source"] for shard in Mixture(str(tmp_path), held_back=3).shards()] == ["train-b-00001"]


def test_shards_of_another_size_are_refused(data, finished):
    shard, source = load_shards(data, Split.TRAIN)[0], _run(finished).source
    shard.rgb, shard.ids = shard.rgb[:, ::2, ::2], shard.ids[:, ::2, ::2]
    with pytest.raises(ValueError, match="192 x 144 px, the model takes 384 px"):
        make_batch(np.random.default_rng(0), shard, np.arange(2), source, questions=1, augment=False)


def test_mixers_that_a_checkpoint_lacks_change_nothing_at_first(finished, tmp_path):
    plain = dataclasses.replace(finished, out=str(tmp_path / "plain"), model=_with_mixers(0), steps=2)
    train(plain)
    more = dataclasses.replace(finished, out=str(tmp_path / "more"), model=_with_mixers(2))
    run = _run(more, plain)
    load_known_words(run.model, run.tokenizer, tmp_path / "plain/checkpoint")
    pixels = torch.rand(1, 3, 64, 96)
    before, after = load_checkpoint(tmp_path / "plain/checkpoint"), run.model.eval()
    torch.testing.assert_close(after.encode(pixels).cells, before.encode(pixels).cells)
    assert any("encoder.mixers" in name for name in after.state_dict())
    deeper = dataclasses.replace(finished, model=SMALL | {"modulator": SMALL["modulator"] | {"blocks": 3}})
    with pytest.raises(ValueError, match="another architecture"):
        load_known_words(_run(deeper, plain).model, run.tokenizer, tmp_path / "plain/checkpoint")


def test_anchors_that_a_checkpoint_lacks_change_nothing_at_first(finished, tmp_path):
    models = [SMALL | {"modulator": SMALL["modulator"] | {"anchors": anchors}} for anchors in (False, True)]
    plain = dataclasses.replace(finished, out=str(tmp_path / "plain"), model=models[0], steps=2)
    train(plain)
    run = _run(dataclasses.replace(finished, out=str(tmp_path / "more"), model=models[1]), plain)
    load_known_words(run.model, run.tokenizer, tmp_path / "plain/checkpoint")
    before, after = load_checkpoint(tmp_path / "plain/checkpoint"), run.model.eval()
    prompt = torch.tensor([[5, 9, 7, run.tokenizer.ground_id]]), torch.rand(1, 3, 64, 96)
    torch.testing.assert_close(after(*prompt).target_logits, before(*prompt).target_logits)
    assert len(after.anchor_pointers) == 1 and not before.anchor_pointers


def test_a_batch_shows_anchors_and_the_blocks_learn_to_point_at_them(data, finished):
    quick = dataclasses.replace(finished, dense_steps=0, steps=1000, warmup_steps=1, learning_rate=0.01)
    run, shard = _run(quick), load_shards(data, Split.TRAIN)[0]
    scene = next(i for i, scene in enumerate(shard.scenes) if any(q["anchors"] for q in scene["questions"]))
    question = next(q for q in shard.scenes[scene]["questions"] if q["anchors"])
    shard.scenes[scene]["questions"] = [question]
    picks = np.full(finished.images, scene)
    batch = make_batch(np.random.default_rng(0), shard, picks, run.source, finished.questions, augment=False)
    shown = np.isin(shard.ids[scene], question["anchors"])
    assert float(batch.anchors[0].sum()) == pytest.approx(shown.sum() / 64, rel=0.01)
    assert batch.anchors[0][torch.from_numpy(~shown[4::8, 4::8])].max() < 1
    losses = [run.train_step(batch)["anchor"] for _ in range(20)]
    assert losses[-1] < 0.8 * losses[0]


def test_a_large_source_of_a_folder_does_not_drown_a_small_one(data, tmp_path):
    names = [f"train-{source}-{k:05d}" for source, count in (("large", 9), ("small", 1)) for k in range(count)]
    for name in names:
        for suffix in (".json", ".safetensors"):
            (tmp_path / f"{name}{suffix}").write_bytes((data / f"train-00000{suffix}").read_bytes())
    mixture, rng = Mixture(str(tmp_path), held_back=0), np.random.default_rng(0)
    drawn = [len(mixture.choose(rng)) for _ in range(400)]
    assert set(drawn) == {1, 9} and len(mixture) == 10
    assert drawn.count(9) / 400 == pytest.approx(3 / 4, abs=0.07)


def test_a_run_of_another_model_is_not_gone_on_with(finished, tmp_path):
    plain = dataclasses.replace(
        finished, out=str(tmp_path / "plain"), model=SMALL | {"modulator": SMALL["modulator"] | {"anchors": False}}
    )
    Path(plain.out).mkdir()
    _run(plain, finished).save()
    with pytest.raises(ValueError, match=r"another model.*start_from"):
        _run(dataclasses.replace(plain, model=SMALL), finished).resume()


def test_a_shard_of_before_there_were_anchors_is_refused(data, tmp_path):
    for path in data.glob("train-00000.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    told = tmp_path / "train-00000.json"
    told.write_text(told.read_text().replace('"anchors"', '"other"'))
    with pytest.raises(ValueError, match=r"train-00000 in .* has questions without anchors.*viper render"):
        load_shards(tmp_path, Split.TRAIN)


def test_what_is_not_there_is_asked_more_often_of_places():
    question = {"kind": "relation", "relation": "behind", "present": False}
    assert batches.how_often(question) > batches.how_often(question | {"present": True})
    assert batches.how_often(question | {"present": True}) > batches.how_often(question | {"kind": "refer"}) == 1


def _with_mixers(count):
    return SMALL | {"grid": SMALL["grid"] | {"mixers": count}}


def test_seldom_relations_are_asked_more_often(data, finished):
    shard, source = load_shards(data, Split.TRAIN)[0], _run(finished).source
    about = {"answer": "red mug", "targets": [1], "anchors": [], "present": True, "kind": "refer"}
    told = [about | {"text": f"the mug {k}", "relation": r} for k, r in (("one", "on"), ("two", "next to"))]
    shard.scenes[0]["questions"] = told
    batch = make_batch(np.random.default_rng(0), shard, np.zeros(200, int), source, questions=1, augment=False)
    ids = [source.tokenizer.encode_instruction(row["text"]) for row in told]
    asked = [[int(n) for n in row[: len(ids[1])]] == ids[1] for row in batch.input_ids]
    assert np.mean(asked) == pytest.approx(batches.SELDOM["next to"] / (1 + batches.SELDOM["next to"]), abs=0.1)


def test_an_empty_folder_says_how_to_fill_it(finished, tmp_path):
    with pytest.raises(FileNotFoundError, match="viper render"):
        train(dataclasses.replace(finished, data=str(tmp_path)))


def _tokenizer(config):
    return Tokenizer.from_file(Path(config.out) / "tokenizer.json")


def test_a_mirrored_batch_says_left_for_right(data, finished, monkeypatch):
    shard, source = load_shards(data, Split.TRAIN)[0], _run(finished).source
    monkeypatch.setattr(batches, "augment_photometric", lambda rng, rgb, strength: rgb)
    made = []
    for rate in (0.0, 1.0):
        monkeypatch.setattr(batches, "MIRROR_RATE", rate)
        made.append(make_batch(np.random.default_rng(0), shard, np.arange(4), source, questions=5, augment=True))
    plain, mirrored = made
    assert torch.equal(mirrored.pixel_values, plain.pixel_values.flip(-1))
    assert torch.equal(mirrored.known, plain.known.flip(-1))
    assert torch.equal(mirrored.present, plain.present)
    assert torch.allclose(mirrored.target.sum((1, 2)), plain.target.sum((1, 2)))


def test_sides_are_swapped_in_words():
    assert swap_sides("the leftmost mug to the right of the plate") == "the rightmost mug to the left of the plate"
    assert swap_sides(swap_sides("back left")) == "back left"


def test_made_up_words_come_only_in_training_and_a_made_up_thing_is_absent(data, finished, monkeypatch):
    shard, source = load_shards(data, Split.TRAIN)[0], _run(finished).source
    # of what is absent already, a made-up noun changes nothing but the words
    asked = {q["text"]: q for scene in shard.scenes for q in scene["questions"] if q["present"]}
    monkeypatch.setattr(augment, "UNKNOWN_RATE", 0.5)
    monkeypatch.setattr(augment, "STRANGE_RATE", 1.0)
    monkeypatch.setattr(augment, "BRAND_RATE", 0.0)
    rng, verbs, nouns = np.random.default_rng(0), 0, 0
    for question in asked.values():
        other = augment_words(rng, question)
        if other["targets"] == question["targets"] and other["answer"] == question["answer"]:
            verbs += other["text"] != question["text"]
            assert question["kind"] == "refer" or other == question
        else:
            nouns += 1
            assert not other["present"] and not other["targets"]
            assert other["answer"] == ("no" if question["kind"] == "exists" else "not found")
    assert verbs > 5 and nouns > 5
    monkeypatch.setattr(batches, "augment_words", lambda *_: pytest.fail("not asked for"))
    make_batch(np.random.default_rng(0), shard, np.arange(4), source, 24, augment=False)


def test_made_up_brands_change_nothing_but_words(data, monkeypatch):
    for name, rate in (("UNKNOWN_RATE", 0.0), ("STRANGE_RATE", 0.0), ("BRAND_RATE", 1.0)):
        monkeypatch.setattr(augment, name, rate)
    rng = np.random.default_rng(0)
    asked = [q for shard in load_shards(data, Split.TRAIN) for scene in shard.scenes for q in scene["questions"]]
    branded = [augment_words(rng, question) for question in asked]
    assert all(a | {"text": ""} == b | {"text": ""} for a, b in zip(asked, branded, strict=True))
    changed = [a["kind"] for a, b in zip(asked, branded, strict=True) if a["text"] != b["text"]]
    assert set(changed) == {"refer", "where", "exists"} and len(changed) > 30


def test_counts_of_a_batch_are_those_of_the_targets(data, finished):
    shard, source = load_shards(data, Split.TRAIN)[0], _run(finished).source
    batch = make_batch(np.random.default_rng(0), shard, np.arange(4), source, 12, augment=False)
    assert (batch.counts[batch.present == 0] == 0).all()
    assert (batch.counts[(batch.present == 1) & (batch.grounded == 1)] >= 1).all()
    assert batch.counts.max() > 1


def test_padding_stays_where_it_is_in_the_mirror():
    image = np.arange(12).reshape(3, 4)
    assert (mirror(image, np.s_[:2, :3]) == [[2, 1, 0, 3], [6, 5, 4, 7], [8, 9, 10, 11]]).all()


def _run(config, finished=None):
    """A run with the words and labels of a finished one."""
    finished = finished or config
    labels = Labels.of(Mixture(finished.data, finished.validation_shards).shards())
    return Run(config, _tokenizer(finished), labels)


def _step(run, config):
    rng = np.random.default_rng([config.seed, run.step])
    shards = Mixture(config.data, config.validation_shards).choose(rng)
    run.train_step(sample_batch(rng, shards, run.source, config.images, config.questions, augment=True))
