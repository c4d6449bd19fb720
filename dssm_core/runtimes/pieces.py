"""Texts as a Hugging Face tokenizer cuts them, shown as the words that people see.

People read words, transformers read pieces: a token here is a word, or a mark between words, with
all its pieces, so that it can be left out whole. The tokenizer's file is data; its library opens
nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dssm_core.errors import UserError
from dssm_core.runtimes.encoder import Reading
from dssm_core.text import State, Token, normalise, segment

if TYPE_CHECKING:
    import tokenizers

MAX_FILE = 64_000_000
"""Bytes of a tokenizer's file."""


class Span(NamedTuple):
    """Characters of a text that belong together, and the pieces in them.

    Attributes:
        start: offset of the first.
        end: offset after the last.
        inside: pieces that the encoder reads, as indices.
        outside: how many pieces it does not read, because the text is too long.
    """

    start: int
    end: int
    inside: tuple[int, ...]
    outside: int


class PieceReader:
    """Reads texts with a tokenizer.

    Args:
        path: of tokenizer.json.
        max_length: pieces that the encoder reads, special tokens included; None without a limit.
        specials: whether special tokens such as [CLS] are added.
        lower: whether texts become lower case before they are cut.

    Raises:
        UserError: if the file is missing, too large or no tokenizer.
    """

    def __init__(
        self, path: Path, max_length: int | None, specials: bool = True, lower: bool = False
    ) -> None:
        self._tokenizer = load_tokenizer(path)
        self._tokenizer.no_padding()  # the file's own settings are of whoever saved it
        self._tokenizer.no_truncation()
        if max_length is not None:
            self._tokenizer.enable_truncation(max_length)
        self.max_length, self._specials, self._lower = max_length, specials, lower
        self._unknown = _unknown_id(self._tokenizer)

    @property
    def size(self) -> int:
        """Ids of the vocabulary, added tokens included."""
        return int(self._tokenizer.get_vocab_size())

    def prompt_pieces(self, prompt: str) -> int:
        """Return how many pieces in front of a text are the prompt's, special tokens included."""
        encoded = self._tokenizer.encode(prompt, add_special_tokens=self._specials)
        trailing = 1 if encoded.special_tokens_mask[-1:] == [1] else 0
        return len(encoded.ids) - trailing

    def read(self, text: str, prompt: str) -> Reading:
        """Return a text as the encoder gets it: its words, its pieces, and which belong where.

        1. Cut prompt + text into pieces; what is past `max_length` overflows.
        2. Put pieces and words together where they share characters: a word of several pieces is
           one token, and so are several words in one piece.
        3. The prompt and each special token are tokens without characters of the text.
        """
        sent = prompt + text
        encoded = self._tokenizer.encode(
            sent.lower() if self._lower else sent, add_special_tokens=self._specials
        )
        shift = len(prompt)
        own: list[tuple[int, int, int]] = []
        tokens: list[Token] = []
        owners = [-1] * len(encoded.ids)
        prompted: list[int] = []
        leading: list[int] = []
        trailing: list[int] = []
        for i, ((start, end), special) in enumerate(
            zip(encoded.offsets, encoded.special_tokens_mask, strict=True)
        ):
            if special:
                (trailing if own or prompted else leading).append(i)
            elif end > shift:
                own.append((max(start - shift, 0), end - shift, i))
            else:
                prompted.append(i)
        cut = [
            (max(start - shift, 0), end - shift, -1)
            for rest in encoded.overflowing
            for (start, end), special in zip(rest.offsets, rest.special_tokens_mask, strict=True)
            if not special and end > shift
        ]

        def add(token: Token, pieces: Sequence[int]) -> None:
            for piece in pieces:
                owners[piece] = len(tokens)
            tokens.append(token)

        for i in leading:
            add(Token(encoded.tokens[i], 0, 0, "special"), [i])
        if prompted:
            shown = " ".join(encoded.tokens[i] for i in prompted)
            add(Token(prompt, 0, 0, "prompt", shown), prompted)
        words = [(word.start, word.end) for word in segment(text)]
        for span in _merged(words, [*own, *cut]):
            state = self._state(span, encoded.ids)
            several = len(span.inside) > 1
            shown = " ".join(encoded.tokens[i] for i in span.inside) if several else ""
            word = text[span.start : span.end]
            add(Token(normalise(word) or word, span.start, span.end, state, shown), span.inside)
        for i in trailing:
            add(Token(encoded.tokens[i], len(text), len(text), "special"), [i])
        return Reading(sent, tuple(tokens), encoded.ids, owners)

    def _state(self, span: Span, ids: Sequence[int]) -> State:
        if not span.inside:
            return "truncated" if span.outside else "skipped"
        if all(ids[i] == self._unknown for i in span.inside):
            return "unknown"
        return "pieces" if len(span.inside) > 1 else "seen"


def _merged(words: Sequence[tuple[int, int]], pieces: Sequence[tuple[int, int, int]]) -> list[Span]:
    """Return the spans of words and pieces (index -1: not read), those that overlap as one."""
    parts = sorted([*((start, end, None) for start, end in words), *pieces], key=lambda p: p[:2])
    spans: list[Span] = []
    for start, end, piece in parts:
        if start == end and piece is None:
            continue
        inside = (piece,) if piece is not None and piece >= 0 else ()
        outside = 1 if piece == -1 else 0
        if spans and (start < spans[-1].end or (start == end == spans[-1].end)):
            last = spans[-1]
            spans[-1] = Span(
                last.start, max(last.end, end), last.inside + inside, last.outside + outside
            )
        else:
            spans.append(Span(start, end, inside, outside))
    return spans


def load_tokenizer(path: Path) -> tokenizers.Tokenizer:
    """Return the tokenizer of a tokenizer.json.

    Raises:
        UserError: if there is none, it is too large, damaged, or its library is not installed.
    """
    try:
        import tokenizers
    except ImportError:
        raise UserError("encoder.no library", library="tokenizers") from None
    if not path.is_file():
        raise UserError("encoder.no tokenizer", str(path.parent))
    if path.stat().st_size > MAX_FILE:
        raise UserError(
            "encoder.large file", f"{path.stat().st_size:,}", file=path.name, most=MAX_FILE
        )
    try:
        return tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exception
        raise UserError("encoder.damaged file", str(error), file=path.name) from None


def _unknown_id(tokenizer: tokenizers.Tokenizer) -> int | None:
    """Return the id of the unknown token; None where there is none, as with bytes."""
    number = getattr(tokenizer.model, "unk_id", None)
    if isinstance(number, int):
        return number
    name = getattr(tokenizer.model, "unk_token", None)
    return tokenizer.token_to_id(name) if isinstance(name, str) else None
