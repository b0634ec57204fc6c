"""Tokenizer of checkpoints with a chat template: a vocabulary and a template that come as data.

The template is a Jinja text. ``transformers`` renders it in Jinja's sandbox, when the first question is asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from tokenizers import Tokenizer as _Tokenizer

from viper_ros.perception.tokenizer import stream_text

TEMPLATE, TOKENIZER_CONFIG = "chat_template.jinja", "tokenizer_config.json"
_PLACE = "Instruction7f3aGoesHere"  # stands for the user's words while the template is rendered


class ChatTokenizer:
    """Wraps an instruction as the chat template says, an image token in front of it.

    Args:
        tokenizer_json: the vocabulary, text of ``tokenizer.json``.
        template: a Jinja text, or None for the image token and the instruction alone.
        specials: what the template may name, such as ``bos_token``.
        image_token_id: opens the user's words.
    """

    def __init__(
        self, tokenizer_json: str, template: str | None, specials: dict[str, str], image_token_id: int
    ) -> None:
        self._template_side = _Tokenizer.from_str(tokenizer_json)
        self._user_side = _Tokenizer.from_str(tokenizer_json)
        self._user_side.encode_special_tokens = True  # a mark in a user's sentence is text like any other
        self._template, self._specials, self._image_token_id = template, specials, image_token_id
        self._around: tuple[list[int], list[int]] | None = None
        if self._template_side.id_to_token(image_token_id) is None:
            raise ValueError(f"the tokenizer has {len(self)} tokens, none of them the image token {image_token_id}")

    @classmethod
    def from_files(
        cls, tokenizer: Path, config: Path | None, template: Path | None, image_token_id: int
    ) -> ChatTokenizer:
        """Read ``tokenizer.json``, and of ``tokenizer_config.json`` the special tokens and an older template."""
        settings = json.loads(config.read_text()) if config else {}
        text = template.read_text() if template else settings.get("chat_template")
        specials = {
            key: value["content"] if isinstance(value, dict) else value
            for key, value in settings.items()
            if key.endswith("_token") and isinstance(value, (str, dict))
        }
        return cls(tokenizer.read_text(), text, specials, image_token_id)

    def __len__(self) -> int:
        return self._template_side.get_vocab_size()

    def encode_instruction(self, text: str) -> list[int]:
        """Ids of the whole prompt: template, image token, instruction, template."""
        if self._around is None:
            self._around = self._render()
        before, after = self._around
        return [*before, *self._user_side.encode(text, add_special_tokens=False).ids, *after]

    def decode(self, ids: Iterable[int]) -> str:
        """Ids -> text, without marks."""
        return self._template_side.decode(list(ids), skip_special_tokens=True).strip()

    def stream(self, ids: Iterable[int]) -> Iterator[str]:
        """Pieces of text, as soon as their characters are whole; together they are :meth:`decode`."""
        held, begun = "", False  # white space that may be the end
        for piece in stream_text(self._template_side, ids):
            piece = held + piece if begun else piece.lstrip()
            text = piece.rstrip()
            held = piece[len(text) :]
            if text:
                begun = True
                yield text

    def _render(self) -> tuple[list[int], list[int]]:
        content = self._template_side.id_to_token(self._image_token_id) + _PLACE
        whole = content if self._template is None else self._fill(content)
        parts = whole.split(_PLACE)
        if len(parts) != 2:
            raise ValueError(f"the chat template must hold the user's words once, it holds them {len(parts) - 1} times")
        before, after = (self._template_side.encode(part, add_special_tokens=False).ids for part in parts)
        return before, after

    def _fill(self, content: str) -> str:
        from transformers.utils.chat_template_utils import render_jinja_template

        messages = [{"role": "user", "content": content}]
        rendered, _ = render_jinja_template(
            conversations=[messages], chat_template=self._template, add_generation_prompt=True, **self._specials
        )
        return rendered[0]
