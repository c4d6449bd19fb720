"""A text with its attention shaded, and the chain from cosine to probability."""

from __future__ import annotations

from dssm_core.scoring import Head, ScoredDocument, ScoredToken
from dssm_core.ui.common import components


def token(text: str, attention: float | None, kind: str = "seen", start: int = 0) -> ScoredToken:
    return ScoredToken(text, start, start + len(text), kind, attention)  # type: ignore[arg-type]


def test_user_text_is_escaped_everywhere_in_the_shaded_text() -> None:
    text = '<b>"x"</b> & <script>y</script>'
    shown = components.token_html("Query", text, [token("b", 1.0, start=1)])
    assert "<b>" not in shown
    assert "<script>" not in shown
    assert "&lt;script&gt;y" in shown


def test_weights_and_states_are_shown_and_nothing_is_lost_between_tokens() -> None:
    tokens = [
        token("red", 0.75),
        token("sofa", 0.25, "letters", 5),
        token("door", 0.0, "truncated", 10),
    ]
    shown = components.token_html("Query", "red, sofa door!", tokens)
    for part in ("0.75", "0.25", ', <span class="dssm-t dssm-letters"', "dssm-truncated", "!</p>"):
        assert part in shown
    assert "(not read: after the model&#39;s last word)" in shown  # for who cannot see the mark


def test_control_characters_are_shown_as_their_pictures() -> None:
    assert components.escape("a\x07\x00\ud800") == "a␇␀\ufffd"


def test_only_so_many_tokens_are_drawn_and_the_others_are_counted() -> None:
    tokens = [token("a", 0.0, start=2 * i) for i in range(components.MAX_TOKENS + 7)]
    assert "15 more characters" in components.token_html("Query", "a " * len(tokens), tokens)


def test_a_long_run_of_what_is_no_word_is_cut_and_counted() -> None:
    shown = components.token_html("Query", "." * 100_000, [])
    assert len(shown) < 1_000
    assert "99,600 more characters" in shown


def test_a_chain_never_claims_certainty() -> None:
    sure = ScoredDocument("d", 1.0, 40.0, 1.0, 1, None, ())
    assert "&gt;0.999" in components.chain_html(sure, Head(40.0, 0.0), 1, 0.5)


def test_a_document_without_a_score_says_so_in_place_of_a_chain() -> None:
    unread = ScoredDocument("++", None, None, None, None, None, ())
    assert "The model reads nothing here" in components.chain_html(unread, Head(4, 0), 1, 0.5)
