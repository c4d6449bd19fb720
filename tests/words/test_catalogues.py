"""The texts that people read: in every language, each used, none missing, plurals complete."""

from __future__ import annotations

import ast
import re
import string

import pytest

from dssm_core.errors import UserError, line_of
from dssm_core.words import ENGLISH, LANGUAGES, catalogue, translator_for
from tests import ROOT

SOURCE = "".join(
    path.read_text("utf-8")
    for pattern in ("dssm_core/**/*.py", "dssm_core/**/*.j2", "streamlit_app.py")
    for path in ROOT.glob(pattern)
)
TEXTS = catalogue("en")
OTHERS = [language for language in LANGUAGES if language != "en"]


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def forms(language: str, key: str) -> list[str]:
    entry = catalogue(language)[key]
    return [entry] if isinstance(entry, str) else list(entry.values())


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_lacks_no_text(language: str) -> None:
    assert sorted(set(TEXTS) - set(catalogue(language))) == [], "texts to translate"
    assert sorted(set(catalogue(language)) - set(TEXTS)) == [], "texts that English does not have"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_form_of_a_text_takes_the_values_of_the_english_one(language: str) -> None:
    for key in TEXTS:
        wanted = fields(max(forms("en", key), key=len))
        for form in forms(language, key):
            assert form, key
            extra = fields(form) - wanted
            assert not extra, f"{language}: {key} asks for {extra}"
        assert set.union(*map(fields, forms(language, key))) == wanted, f"{language}: {key}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_with_plurals_has_the_form_for_any_number_and_knows_the_number(
    language: str,
) -> None:
    for key, entry in catalogue(language).items():
        if isinstance(entry, dict):
            assert "other" in entry, f"{language}: {key}"
            assert any("{number" in form for form in entry.values()), f"{language}: {key}"


def test_every_text_is_used_and_every_used_text_is_there() -> None:
    quoted = set(re.findall(r"""["']([\w. -]+)["']""", SOURCE))
    starts = tuple(re.findall(r'(?<!\w)(?:tr|Sentence|wait_for)\(\s*f"([\w. ]+\.)\{', SOURCE))
    used = quoted | {key for key in TEXTS if key.startswith(starts)}
    used |= {key for key in TEXTS if key.startswith(("script.", "assumed."))}  # values of columns
    used |= {f"{name}.help" for name in ("cosine", "logit", "probability", "rank", "percentile")}
    raised = set(re.findall(r'UserError\(\s*"([\w. -]+)"', SOURCE))
    used |= {f"error.{key}" for key in raised} | {f"error.{key}.hint" for key in raised}
    assert sorted(set(TEXTS) - used) == []
    wanted = set(re.findall(r'(?<!\w)(?:tr|Sentence|wait_for)\(\s*"([\w. -]+)"', SOURCE))
    assert sorted(wanted - set(TEXTS)) == []
    assert all(any(key.startswith(start) for key in TEXTS) for start in starts)


def test_values_are_put_in_and_a_key_that_is_not_there_fails() -> None:
    assert ENGLISH("rank.of", rank=1, number=5) == "1 of 5"
    assert translator_for("zh")("document n", n=3) == "文档 3"
    with pytest.raises(KeyError):
        ENGLISH("there is no such key")


def raised() -> list[tuple[str, str, set[str]]]:
    """Return where errors are raised, each with its key and the names of its values."""
    calls = []
    for path in sorted((ROOT / "dssm_core").rglob("*.py")):
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text)) if "UserError(" in text else ():
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "UserError":
                names = {str(word.arg) for word in node.keywords} - {"received"}
                calls.append((f"{path.name}:{node.lineno}", ast.unparse(node.args[0]), names))
    return calls


@pytest.mark.parametrize(("place", "key", "values"), raised())
def test_an_error_has_its_text_and_gives_it_the_values_that_it_asks_for(place, key, values) -> None:
    if key == "self._failed":  # of a Job, which is told what its error is
        return
    literal = re.sub(r"^f?[\"']|[\"']$", "", key)
    pattern = re.compile("error." + re.sub(r"\\\{.*?\\\}", ".+", re.escape(literal)))
    keys = [name for name in TEXTS if pattern.fullmatch(name) and not name.endswith(".hint")]
    assert keys, f"{place} raises {key}, which has no text"
    for name in keys:
        texts = forms("en", name)
        if f"{name}.hint" in TEXTS:
            texts += forms("en", f"{name}.hint")
        asked = set.union(*map(fields, texts))
        assert asked == values, f"{place}: {name} asks for {asked}"


def test_an_error_is_said_in_the_language_of_the_page() -> None:
    error = UserError(
        "pairs.wrong width", "a, b", where=line_of(3, "mine.csv"), number=1, columns=2
    )
    assert str(error).startswith("line 3 of mine.csv has 1 field, the header has 2 (found: a, b).")
    chinese = error.text(translator_for("zh"))
    assert chinese.startswith("mine.csv 第 3 行有 1 个字段，表头有 2 个（收到：a, b）。")
    assert not re.search(r"[a-z]{4,} [a-z]{2,}", chinese), "no English words"
