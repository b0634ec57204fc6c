"""From labelled photographs to shards: splits, canvases, and what training must not be told."""

import cv2
import numpy as np
import pytest

from viper_ros.sim import Split
from viper_ros.training.annotations import Annotated, BadAnnotation, Instance, Sentence, Skips
from viper_ros.training.photo_shards import Source, write_photo_shards
from viper_ros.training.shards import LONGER_SIDE_PX, load_shards

SIZES = ((320, 240), (240, 320), (320, 180), (300, 200), (200, 200))  # width, height of photographs, in turn


@pytest.fixture
def photographs(tmp_path):
    """Sixty originals in two copies each, of five shapes: a cup at the left, in every second one a wrench."""
    found = []
    for k in range(120):
        width, height = SIZES[k // 2 % len(SIZES)]
        path = tmp_path / f"photo{k // 2}_jpg.rf.{k % 2}.png"
        cv2.imwrite(str(path), np.full((height, width, 3), 40 + k, np.uint8))
        cup = Instance("cup", (0.1 * width, 0.2 * height, 0.4 * width, 0.7 * height))
        wrench = Instance("wrench", (0.6 * width, 0.2 * height, 0.9 * width, 0.7 * height))
        found.append(Annotated(path, (cup, wrench) if k // 2 % 2 else (cup,), (width, height)))
    return found


def write(photographs, folder, **source):
    skips = Skips()
    write_photo_shards(iter(photographs), Source("mine", **source), folder / "train", folder / "test", skips)
    return load_shards(folder / "train", Split.TRAIN), load_shards(folder / "test", Split.TEST), skips


def photos(shards):
    return [scene["photo"] for shard in shards for scene in shard.scenes]


def test_no_original_is_in_both_parts_and_the_test_part_has_one_copy_of_each(photographs, tmp_path):
    train, test, skips = write(photographs, tmp_path, test_percent=30)
    originals = [[name.split(".rf.")[0] for name in photos(part)] for part in (train, test)]
    assert originals[0] and originals[1]
    assert not set(originals[0]) & set(originals[1])
    assert len(originals[0]) == 2 * len(set(originals[0]))
    assert len(originals[1]) == len(set(originals[1]))
    assert len(set(originals[0] + originals[1])) == 60
    assert skips.lines() == []


def test_the_longer_side_is_nanos_and_what_is_left_of_the_canvas_is_no_thing(photographs, tmp_path):
    train, _, _ = write(photographs, tmp_path, test_percent=0)
    for shard in train:
        assert max(shard.ids.shape[1:]) == LONGER_SIDE_PX
        assert shard.rgb.shape == (*shard.ids.shape, 3)
        for ids, rgb, scene in zip(shard.ids, shard.rgb, shard.scenes, strict=True):
            width, height = scene["size"]
            assert max(width, height) == LONGER_SIDE_PX
            assert not ids[height:].any() and not ids[:, width:].any()
            assert np.ptp(rgb[:height, :width]) <= 1, "a plain photograph stays plain"
            rows, columns = np.nonzero(ids == 1)
            box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert box == pytest.approx(scene["boxes"]["1"], abs=1)


def test_small_groups_share_square_canvases(photographs, tmp_path):
    train, _, _ = write(photographs, tmp_path, test_percent=0)
    shapes = [shard.ids.shape[1:] for shard in train]
    side = LONGER_SIDE_PX
    assert sorted(shapes) == [(side * 3 // 4, side), (side, side)], "24 photographs of a shape are too few for a shard"


def test_what_is_held_out_is_neither_named_nor_labelled_in_training(photographs, tmp_path):
    train, test, _ = write(photographs, tmp_path, test_percent=30, hold_out=True)
    texts = [q["text"] for shard in train for scene in shard.scenes for q in scene["questions"]]
    assert texts and not [text for text in texts if "wrench" in text]
    for shard in train:
        for k, (ids, scene) in enumerate(zip(shard.ids, shard.scenes, strict=True)):
            assert scene["objects"] == {"1": ["cup", None]}, k
            assert set(np.unique(ids)) == {0, 1}
            odd = int(scene["photo"].split("_")[0].removeprefix("photo")) % 2
            assert scene["complete"] == (not odd), "a hidden wrench is no background"
    assert [q for shard in test for scene in shard.scenes for q in scene["questions"] if "wrench" in q["text"]]


def test_a_users_own_photographs_may_name_everything(photographs, tmp_path):
    train, _, _ = write(photographs, tmp_path, test_percent=0)
    assert [q for shard in train for scene in shard.scenes for q in scene["questions"] if "wrench" in q["text"]]


def test_writing_again_replaces_the_shards_of_that_name_alone(photographs, tmp_path):
    write(photographs, tmp_path, test_percent=0)
    write_photo_shards(iter(photographs[:4]), Source("other"), tmp_path / "train", tmp_path / "test", Skips())
    write(photographs[:8], tmp_path, test_percent=0)
    names = sorted(path.name for path in (tmp_path / "train").glob("*.json"))
    assert names == ["train-mine-00000.json", "train-other-00000.json"]


def test_a_sentence_about_a_class_without_a_name_is_an_error(photographs, tmp_path):
    first = photographs[2]
    said = Annotated(first.path, first.instances, first.size_px, (Sentence("that", (1,)),))
    with pytest.raises(BadAnnotation, match="never named"):
        source = Source("mine", {"wrench": None}, test_percent=0)
        write_photo_shards(iter([said]), source, tmp_path / "train", tmp_path / "test", Skips(strict=True))


def test_a_source_of_which_nothing_can_be_used_says_why(photographs, tmp_path):
    for photograph in photographs:
        photograph.path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"left out .*the image cannot be read"):
        write(photographs, tmp_path)
