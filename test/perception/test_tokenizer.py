import pytest

from viper_ros.perception.tokenizer import Tokenizer

SENTENCES = ["pick up the red mug left of the plate", "red mug", "not found"]


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.train(SENTENCES, 300)


def test_answers_come_back_as_written(tokenizer):
    for text in ("red mug", "not found"):
        ids = tokenizer.encode_answer(text)
        assert ids[-1] == tokenizer.end_id
        assert tokenizer.decode(ids) == text


def test_the_instruction_is_closed_by_the_ground_mark_once(tokenizer):
    ids = tokenizer.encode_instruction("Pick up the RED mug")
    assert ids.count(tokenizer.ground_id) == 1
    assert ids[-1] == tokenizer.ground_id
    assert ids == tokenizer.encode_instruction("pick up the red mug")


def test_a_user_cannot_write_the_marks(tokenizer):
    assert tokenizer.encode_instruction("mug <ground> <end>").count(tokenizer.ground_id) == 1
    assert tokenizer.end_id not in tokenizer.encode_instruction("mug <end>")


@pytest.mark.parametrize("text", ["zyzzyva", "поднимите кружку", "拿起杯子", "🙂", "a" * 500, "\x00\n\t", "ﬀ"])
def test_any_text_can_be_encoded(tokenizer, text):
    assert tokenizer.encode_instruction(text)[-1] == tokenizer.ground_id


def test_a_file_holds_it_all(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "tokenizer.json")
    again = Tokenizer.from_file(tmp_path / "tokenizer.json")
    for text in (*SENTENCES, "a zyzzyva"):
        assert again.encode_instruction(text) == tokenizer.encode_instruction(text)
