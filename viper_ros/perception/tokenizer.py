"""Sentences <-> token ids, by the Hugging Face ``tokenizers`` library; the vocabulary is data (tokenizer.json)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from tokenizers import Tokenizer as _Tokenizer
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

PAD, GROUND, END, UNKNOWN = "<pad>", "<ground>", "<end>", "<unk>"


class Tokenizer:
    """Lower-case WordPiece with three marks: ``<ground>`` closes an instruction, ``<end>`` an answer.

    A word that training never saw falls into pieces, a character that it never saw into ``<unk>``; neither fails.
    """

    def __init__(self, tokenizer: _Tokenizer) -> None:
        self._tokenizer = tokenizer
        tokenizer.encode_special_tokens = True  # a mark in a user's sentence is text like any other
        self.ground_id, self.end_id = tokenizer.token_to_id(GROUND), tokenizer.token_to_id(END)

    @classmethod
    def from_file(cls, path: Path | str) -> Tokenizer:
        """Read ``tokenizer.json``."""
        return cls(_Tokenizer.from_file(str(path)))

    @classmethod
    def train(cls, sentences: Iterable[str], vocab_size: int) -> Tokenizer:
        """Learn pieces from sentences; deterministic for the same sentences in the same order."""
        tokenizer = _Tokenizer(models.WordPiece(unk_token=UNKNOWN))
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]
        )
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(
            vocab_size=vocab_size,
            special_tokens=[PAD, GROUND, END, UNKNOWN],
            initial_alphabet=list("abcdefghijklmnopqrstuvwxyz0123456789?!.,'-"),
            show_progress=False,
        )
        letters = "abcdefghijklmnopqrstuvwxyz0123456789"  # so that every word can be spelled in pieces
        tokenizer.train_from_iterator(chain([letters, letters[::-1]], sentences), trainer)
        return cls(tokenizer)

    def extended(self, sentences: Iterable[str], least: float = 3) -> Tokenizer:
        """The same with further pieces behind the others: each word that is said at least so often and has none."""
        counts: Counter[str] = Counter()
        for sentence in sentences:
            normal = self._tokenizer.normalizer.normalize_str(sentence)
            counts.update(word for word, _ in self._tokenizer.pre_tokenizer.pre_tokenize_str(normal))
        values = json.loads(self._tokenizer.to_str())
        vocabulary = values["model"]["vocab"]
        for word, count in sorted(counts.items()):
            if count >= least and word not in vocabulary and word.isalpha():
                vocabulary[word] = len(vocabulary)
        return Tokenizer(_Tokenizer.from_str(json.dumps(values)))

    def pieces(self) -> list[str]:
        """Every piece, by id."""
        return [self._tokenizer.id_to_token(i) for i in range(len(self))]

    def save(self, path: Path | str) -> None:
        """Write ``tokenizer.json``."""
        self._tokenizer.save(str(path))

    def __len__(self) -> int:
        return self._tokenizer.get_vocab_size()

    def encode_instruction(self, text: str) -> list[int]:
        """Ids of the instruction, closed by ``<ground>``."""
        return [*self._tokenizer.encode(text, add_special_tokens=False).ids, self.ground_id]

    def encode_answer(self, text: str) -> list[int]:
        """Ids of the answer, closed by ``<end>``."""
        return [*self._tokenizer.encode(text, add_special_tokens=False).ids, self.end_id]

    def decode(self, ids: Iterable[int]) -> str:
        """Ids -> text, without marks."""
        return self._tokenizer.decode(list(ids), skip_special_tokens=True)

    def stream(self, ids: Iterable[int]) -> Iterator[str]:
        """Pieces of text, as soon as their characters are whole; together they are :meth:`decode`."""
        return stream_text(self._tokenizer, ids)


def stream_text(tokenizer: _Tokenizer, ids: Iterable[int]) -> Iterator[str]:
    """Pieces of text while ids arrive; a character that several tokens spell comes with the last of them."""
    decoder = decoders.DecodeStream(skip_special_tokens=True)
    for token in ids:
        if piece := decoder.step(tokenizer, token):
            yield piece
