"""Texts as a Hugging Face tokenizer cuts them, shown as the words that people see.

People read words, transformers read pieces: a token here is a word, or a mark between words, with
all its pieces, so that it can be left out whole. The tokenizer's file is data; its library opens
nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from dssm_core.errors import UserError
from dssm_core.runtimes.encoder import Reading
from dssm_core.text import State, Token, normalise, segment

if TYPE_CHECKING:
    import tokenizers

MAX_FILE = 64_000_000
"""Bytes of a tokenizer's file."""
WORD_STARTS = ("▁", "Ġ")
"""Pieces that stand for the space in front of a word."""


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
    inside: list[int]
    outside: int


class Piece(NamedTuple):
    """A tokenizer's piece: where it stands in what was sent.

    Attributes:
        id: its number.
        text: as the tokenizer writes it.
        start: offset of its first character.
        end: offset after its last character.
        is_special: whether the tokenizer added it.
    """

    id: int
    text: str
    start: int
    end: int
    is_special: bool


class PieceReader:
    """Reads texts with a tokenizer.

    Args:
        path: of tokenizer.json.
        max_length: pieces that the encoder reads, special tokens included; None for as many as
            the file says, or all.
        specials: whether special tokens such as [CLS] are added.
        lower: whether texts become lower case before they are cut.
        drops_unknown: whether unknown pieces are left out, and characters past `max_length` times
            the median length of an entry before that: model2vec's way.

    Attributes:
        max_length: pieces that the encoder reads, or None.
        size: one more than the largest id of the vocabulary, added tokens included.

    Raises:
        UserError: if the file is missing, too large or no tokenizer.
        ValueError: if `max_length` leaves no room for a text.
    """

    def __init__(
        self,
        path: Path,
        max_length: int | None,
        specials: bool = True,
        lower: bool = False,
        drops_unknown: bool = False,
    ) -> None:
        self._tokenizer = load_tokenizer(path)
        self._tokenizer.no_padding()
        if max_length is not None:
            self._tokenizer.enable_truncation(max_length)
        if lower:
            _make_lower(self._tokenizer)
        truncation = self._tokenizer.truncation
        self.max_length = int(truncation["max_length"]) if truncation else None
        added = self._tokenizer.num_special_tokens_to_add(False) if specials else 0
        if self.max_length is not None and self.max_length <= added:  # then nothing would be cut
            raise ValueError(f"texts of at most {self.max_length} pieces")
        vocabulary = self._tokenizer.get_vocab()
        self.size = 1 + max(vocabulary.values(), default=-1)
        self._specials, self._drops_unknown = specials, drops_unknown
        self._unknown = _unknown_id(self._tokenizer)
        self._most: int | None = None
        if drops_unknown and self.max_length is not None:
            self._most = self.max_length * int(median(map(len, vocabulary)))
        self._prompt_pieces = lru_cache(64)(self._count_prompt)

    def _encode(self, text: str) -> tokenizers.Encoding:
        with _failing_as(lambda reason: UserError("encoder.failed", reason, name="tokenizer.json")):
            return self._tokenizer.encode(text, add_special_tokens=self._specials)

    def _count_prompt(self, prompt: str) -> int:
        """Return how many pieces a prompt alone has, save a special one at its end."""
        encoded = self._encode(prompt)
        return len(encoded.ids) - (encoded.special_tokens_mask[-1:] == [1])

    def read(self, text: str, prompt: str) -> Reading:
        """Return a text as the encoder gets it: its words, its pieces, and which belong where.

        1. Cut prompt + text into pieces; what is past `max_length` overflows.
        2. Put pieces and words together where they share characters: a word of several pieces is
           one token, and so are several words in one piece. What overflows of a word that is read
           in part is a token of its own.
        3. The prompt and each special token are tokens without characters of the text.

        Raises:
            UserError: if the tokenizer fails.
        """
        sent = prompt + text
        encoded = self._encode(sent[: self._most])
        pieces = [p for p in _pieces(encoded) if not (self._drops_unknown and self._is_unknown(p))]
        leading, prompted, own, trailing = _parts(pieces, len(prompt))
        owners = [-1] * len(pieces)
        tokens: list[Token] = []

        def add(place: int, end: int, word: str, state: State, inside: Sequence[int]) -> None:
            for i in inside:
                owners[i] = len(tokens)
            several = len(inside) > 1 or state == "prompt"
            shown = " ".join(pieces[i].text for i in inside) if several else ""
            tokens.append(Token(word, place, end, state, shown))

        for i in leading:
            add(0, 0, pieces[i].text, "special", [i])
        if prompted:
            add(0, 0, prompt, "prompt", prompted)
        places = _places([pieces[i] for i in own], text, len(prompt))
        read = [(start, end, i) for (start, end), i in zip(places, own, strict=True)]
        for span in self._spans(text, read, _past(encoded, len(prompt)), len(prompt)):
            word = text[span.start : span.end]
            state = self._state(span, pieces)
            add(span.start, span.end, normalise(word) or word, state, span.inside)
        for i in trailing:
            add(len(text), len(text), pieces[i].text, "special", [i])
        count = self._prompt_pieces(prompt) if prompt else 0
        return Reading(sent, tuple(tokens), [piece.id for piece in pieces], owners, count)

    def _spans(
        self, text: str, read: Sequence[tuple[int, int, int]], past: Sequence[Piece], shift: int
    ) -> list[Span]:
        """Return the spans of a text, given the pieces that are read, and those that are not."""
        words = [(word.start, word.end) for word in segment(text)]
        cut = [(start, end, -1) for start, end in _places(past, text, shift)]
        if self._most is not None:
            cut += [(start, end, -1) for start, end in words if start + shift >= self._most]
        return _cut_off(_merged(words, [*read, *cut]), [start for start, _, _ in cut])

    def _is_unknown(self, piece: Piece) -> bool:
        return piece.id == self._unknown

    def _state(self, span: Span, pieces: Sequence[Piece]) -> State:
        if not span.inside or span.start == span.end:
            return "truncated" if span.outside else "skipped"
        letters = [pieces[i] for i in span.inside if pieces[i].text not in WORD_STARTS]
        if letters and all(map(self._is_unknown, letters)):
            return "unknown"
        return "pieces" if len(span.inside) > 1 else "seen"


def _pieces(encoded: tokenizers.Encoding) -> list[Piece]:
    masks = map(bool, encoded.special_tokens_mask)
    rows = zip(encoded.ids, encoded.tokens, encoded.offsets, masks, strict=True)
    return [Piece(number, text, *offsets, special) for number, text, offsets, special in rows]


def _past(encoded: tokenizers.Encoding, shift: int) -> list[Piece]:
    """Return the pieces of the text that are not read, because they overflow."""
    rest = [piece for part in encoded.overflowing for piece in _pieces(part)]
    return [piece for piece in rest if not piece.is_special and piece.end > shift]


def _places(pieces: Sequence[Piece], text: str, shift: int) -> list[tuple[int, int]]:
    """Return pieces' starts and ends in a text that stands after a prompt, without spaces.

    A piece of spaces alone, such as the mark of a word's start, is at the word that follows.

    Args:
        pieces: of the text, in order.
        text: without the prompt.
        shift: characters of the prompt.
    """
    places = []
    start = 0  # never goes back, so that each space is looked at once
    for piece in pieces:
        start = max(start, piece.start - shift)
        while start < len(text) and text[start].isspace():
            start += 1
        end = start + len(text[start : piece.end - shift].rstrip())
        places.append((start, end))
    return places


def _parts(pieces: Sequence[Piece], shift: int) -> tuple[list[int], ...]:
    """Return which pieces are special ones in front, the prompt's, the text's, special ones after.

    Args:
        pieces: of prompt and text.
        shift: characters of the prompt.
    """
    leading: list[int] = []
    prompted: list[int] = []
    own: list[int] = []
    trailing: list[int] = []
    for i, piece in enumerate(pieces):
        if piece.is_special:
            (trailing if own or prompted else leading).append(i)
        else:
            (prompted if shift and piece.end <= shift else own).append(i)
    return leading, prompted, own, trailing


def _merged(words: Sequence[tuple[int, int]], pieces: Sequence[tuple[int, int, int]]) -> list[Span]:
    """Return the spans of words and pieces (index -1: not read), those that overlap as one.

    What has no characters belongs to what starts there, and at the end to what is before.
    """
    parts = sorted([*((start, end, None) for start, end in words), *pieces], key=lambda p: p[:2])
    spans: list[Span] = []
    length = max((end for _, end, _ in parts), default=0)
    for start, end, piece in parts:
        inside = [piece] if piece is not None and piece >= 0 else []
        outside = 1 if piece == -1 else 0
        last = spans[-1] if spans else None
        is_empty = last is not None and last.start == last.end == start
        if last and (start < last.end or is_empty or start == end == length):
            whole = max(last.end, end) if start < end else last.end
            last.inside.extend(inside)
            spans[-1] = Span(last.start, whole, last.inside, last.outside + outside)
        else:
            spans.append(Span(start, end, inside, outside))
    return spans


def _cut_off(spans: Sequence[Span], unread: Sequence[int]) -> list[Span]:
    """Return spans, the one that is read in part as two: what is read of it, and what is not.

    Args:
        spans: in order.
        unread: offsets where pieces start that are not read.
    """
    first = min(unread, default=0)
    parts: list[Span] = []
    for span in spans:
        if span.inside and span.outside and span.start < first < span.end:
            parts.append(Span(span.start, first, span.inside, 0))
            parts.append(Span(first, span.end, [], span.outside))
        else:
            parts.append(span)
    return parts


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
    with _failing_as(lambda reason: UserError("encoder.damaged file", reason, file=path.name)):
        return tokenizers.Tokenizer.from_file(str(path))


@contextmanager
def _failing_as(error: Callable[[str], UserError]) -> Iterator[None]:
    """Make an error of what the library raises: bare Exception, and Rust's panics, which are none.

    Args:
        error: from the reason in one line to the error.
    """
    try:
        yield
    except BaseException as failure:
        if not isinstance(failure, Exception) and type(failure).__name__ != "PanicException":
            raise
        raise error(str(failure).partition("\n")[0]) from None


def _make_lower(tokenizer: tokenizers.Tokenizer) -> None:
    """Have texts made lower case by the tokenizer, which keeps the offsets of the original."""
    from tokenizers import normalizers

    own = [tokenizer.normalizer] if tokenizer.normalizer else []
    tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), *own])


def _unknown_id(tokenizer: tokenizers.Tokenizer) -> int | None:
    """Return the id of the unknown token; None where there is none, as with bytes."""
    name = getattr(tokenizer.model, "unk_token", None)
    if isinstance(name, str):
        return tokenizer.token_to_id(name)
    try:  # a unigram model does not tell, but for what no vocabulary has
        pieces = tokenizer.model.tokenize("\U0010ffff")
    except Exception:  # it has none
        return None
    return pieces[0].id if len(pieces) == 1 else None
