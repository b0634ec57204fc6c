"""A checkpoint of the authors' layout in the node: what goes for nano goes for the big ones."""

import numpy as np
import pytest

pytest.importorskip("transformers")

from viper_ros.msg import Status
from viper_ros.perception import Predictor
from viper_ros.perception.released import import_released


@pytest.mark.parametrize("imported", [False, True])
def test_a_released_checkpoint_answers_through_the_node(make_rig, with_words, tmp_path, imported):
    folder = with_words
    if imported:
        folder = tmp_path / "base"
        assert import_released(with_words, folder) == []
    rig = make_rig(model=str(folder))
    rig.activate()
    header = rig.shoot()
    found = rig.ask("red mug", want_answer=True, threshold=0.01)
    assert found.status.code in (Status.OK, Status.NOT_FOUND), found.status.message
    assert found.header == header
    assert (found.relevance.height, found.relevance.width) == (16, 16), "the dense map, not the answer's five cells"
    assert found.model == folder.name
    direct = Predictor.from_pretrained(folder).query(np.full((rig.height, rig.width, 3), 128, np.uint8), "red mug")
    assert found.answer == direct.answer
    assert found.confidence == pytest.approx(direct.confidence, abs=1e-5)
    np.testing.assert_allclose(found.relevance.data, direct.relevance.ravel(), atol=1e-5)
