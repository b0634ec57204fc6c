"""What the tests of several rooms share."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from viper_ros.perception import Grounding, Region
from viper_ros.perception.letterbox import GridMapping

RELEASED_TINY = Path(__file__).parent / "data" / "released_tiny"
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
MARKS = ["<|pad|>", "<|startoftext|>", "<|im_end|>", "<|im_start|>", "<|other|>", "<image>"]  # ids as in config.json


@pytest.fixture
def copy_of_tiny(tmp_path):
    """A small checkpoint in the released layout, to be changed."""
    folder = tmp_path / "released"
    shutil.copytree(RELEASED_TINY, folder)
    return folder


@pytest.fixture
def with_words(copy_of_tiny):
    """The checkpoint with a tokenizer of one character a token, as its authors would have written it."""
    letters = [chr(c) for c in range(32, 127) if not chr(c).isupper()][: 97 - len(MARKS) - 1]
    tokenizer = Tokenizer(models.BPE({t: i for i, t in enumerate([*MARKS, "\n", *letters])}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.add_special_tokens(MARKS)
    tokenizer.save(str(copy_of_tiny / "tokenizer.json"))
    settings = {"bos_token": {"content": "<|startoftext|>"}, "chat_template": TEMPLATE, "add_prefix_space": False}
    (copy_of_tiny / "tokenizer_config.json").write_text(json.dumps(settings))
    return copy_of_tiny


@pytest.fixture
def grounding_of():
    """Makes a grounding in the middle of an image of any size."""

    def make(width, height, regions=1, instruction="the red mug", answer="red mug"):
        relevance = np.zeros((6, 8), np.float32)
        relevance[2:4, 3:5] = 0.9
        mapping = GridMapping(0.0, 0.0, width / 8, height / 6)
        x0, y0, x1, y1 = width * 3 // 8, height // 3, width * 5 // 8, height * 2 // 3
        window = np.ones((y1 - y0, x1 - x0), bool)
        region = Region((x0, y0, x1, y1), 0.9, ((x0 + x1) / 2, (y0 + y1) / 2), window, (width, height))
        return Grounding(
            instruction, answer, True, 0.93, 0.5, relevance, mapping, (region,) * regions, (width, height), 1.0
        )

    return make
