"""What a person is told of a file before anything is trained on it, and large files streamed."""

from __future__ import annotations

import gzip
import json
import tracemalloc

import pandas as pd
import pytest

from dssm_core.corpus import checks, large
from dssm_core.corpus.checks import check_pairs
from dssm_core.corpus.large import is_large, prepare_large
from dssm_core.corpus.negatives import NegativesConfig
from dssm_core.corpus.shards import read_shards
from dssm_core.corpus.splitting import fold, split_pairs
from dssm_core.errors import UserError
from dssm_core.words import ENGLISH, translator_for


@pytest.fixture
def check(tmp_path):
    """Check a file of these lines; return all that is said, as one text."""

    def check(*lines: str, name: str = "pairs.csv") -> str:
        (tmp_path / name).write_text("\n".join(lines) + "\n", "utf-8")
        return "\n".join(finding.sentence.text(ENGLISH) for finding in check_pairs(tmp_path / name))

    return check


def rows(number: int, extra: str = "") -> list[str]:
    return [f"query {i},document {i}{extra}" for i in range(number)]


# what is found


def test_a_good_file_is_summed_up_and_nothing_is_found_fault_with(check):
    said = check("query,document,section", *rows(2500, ",a"))
    assert said.splitlines() == [
        "Read as comma-separated UTF-8 with a header: 2,500 pairs; query from “query”, document "
        "from “document”, only relevant pairs, as no column of labels was found.",
        "2,500 rows, 2,500 different queries, 2,500 different documents",
        "further columns: “section”",
    ]


@pytest.mark.parametrize(
    ("text", "is_garbled"),
    [
        ("gr\u00c3\u00bcn", True),
        ("a\u00e2\u20ac\u2122s", True),
        ("SÃO PAULO", False),
        ("Ã", False),
        ("grün â", False),
    ],
)
def test_letters_that_were_decoded_wrongly_long_ago_are_a_doubt(check, text, is_garbled):
    said = check("query,document", *rows(30), f"q,{text}")
    assert ("1 of 31 pairs has letters that look wrongly decoded" in said) == is_garbled


def test_the_words_of_a_query_are_looked_for_once_for_all_its_pairs(check, monkeypatch):
    looked, words = list[str](), checks._words
    monkeypatch.setattr(checks, "_words", lambda text: looked.append(text) or words(text))
    check("query,document", *(f"the query,document {n}" for n in range(50)))
    assert looked.count("the query") == 1


def test_empty_cells_and_wrong_labels_and_splits_are_named_by_line(check):
    said = check(
        "query,document,label,split",
        *("a,b,1,train", ",c,1,train", "d, ,1,test", "e,f,maybe,train", "g,h,0,dev", "i,,1,train"),
    )
    assert "line 3: query is empty" in said
    assert "lines 4, 7: document is empty" in said
    assert "line 5: the label is none that is known" in said
    assert "line 6: split is neither train, validation nor test" in said


def test_many_lines_are_counted_and_the_first_named(check):
    said = check("query,document", *(f"q{i}," for i in range(30)))
    assert "lines 2, 3, 4, 5, 6 and 25 more: document is empty" in said


def test_findings_are_told_in_the_language_that_is_asked_for(tmp_path):
    (tmp_path / "pairs.csv").write_text("query,document,label\na,,1\nb,c,maybe\n", "utf-8")
    chinese = [
        finding.sentence.text(translator_for("zh"))
        for finding in check_pairs(tmp_path / "pairs.csv")
    ]
    assert "第 2 行：document 为空。请填写，或删除该行" in chinese
    assert "第 3 行：标注不是已知的值" in chinese


def test_a_line_is_where_the_record_starts(check):
    assert "line 4: document is empty" in check("query,document", '"a\nb",c', "d,", "e,f")


def test_duplicates_and_contradictions_are_told_apart(check):
    said = check(
        "query,document,label",
        *("Red  door,wall,1", "x,y,1", "red door,WALL,1", "X,y,0", "same,Same,1"),
    )
    assert "line 4 repeats the pair of line 2" in said
    assert "line 5: a pair labelled both 1 and 0" in said
    assert "line 6: query and document are the same text" in said


def test_of_several_repeats_the_first_is_named_with_the_line_that_it_repeats(check):
    said = check("query,document", "z,w", "a,b", "c,d", "A,B", "Z,W")
    assert "lines 5, 6 repeat earlier pairs; line 5 repeats the pair of line 3" in said


def test_labels_are_counted_and_a_file_without_any_relevant_pair_is_told(check):
    assert "labels: 1 relevant, 2 not" in check("query,document,label", "a,b,1", "c,d,0", "e,f,no")
    said = check("query,document,label", "a,b,0")
    assert "nothing to learn" in said


def test_a_held_out_text_that_is_in_training_is_named(check):
    said = check(
        "query,document,split",
        *("red door,a,train", "blue wall,b,train", "Red Door,c,test", "moon,B,validation"),
        "sun,d,test",
    )
    assert "line 4: the query of a test pair is in train, too" in said
    assert "line 5: the document of a validation pair is in train, too" in said
    assert said.count("in train, too") == 2
    assert "splits: 2 train, 1 validation, 2 test" in said


def test_rows_that_are_linked_cannot_be_held_out(check, tmp_path):
    lines = [f"query {i},document {i % 7}" for i in range(100)]
    lines += [f"query {i},document {(i + 1) % 7}" for i in range(100)]
    said = check("query,document", *lines)
    assert "200 of 200 rows are linked through texts" in said
    from dssm_core.corpus.pairs import read_pairs

    assert len(split_pairs(read_pairs(tmp_path / "pairs.csv"))["train"]) == 200, "as it said"
    assert "linked" not in check("query,document", *rows(200))


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (20, "too few to learn from: 20 relevant pairs"),
        (50, "too small to trust: about 5 pairs are held out, which gives MRR@10 to within 0.39"),
        (1000, "too small to trust: about 100 pairs are held out"),
    ],
)
def test_a_small_file_is_told_how_little_its_figures_will_say(check, number, said):
    assert said in check("query,document", *rows(number))


def test_a_small_test_split_is_told_although_the_file_is_large(check):
    lines = [f"q{i},d{i},{'test' if i < 30 else 'train'}" for i in range(3000)]
    assert "about 30 pairs are held out" in check("query,document,split", *lines)


def test_jsonl_without_splits_is_taken_as_a_file_without_splits(check):
    lines = [json.dumps({"query": f"q{i}", "document": f"d{i}"}) for i in range(2500)]
    assert "too small" not in check(*lines, name="pairs.jsonl")


def test_gzip_and_tsv_are_read(tmp_path):
    (tmp_path / "pairs.tsv.gz").write_bytes(gzip.compress(b"query\tdocument\na\t\n"))
    findings = check_pairs(tmp_path / "pairs.tsv.gz")
    assert "line 2: document is empty" in [
        finding.sentence.text(ENGLISH)[:25] for finding in findings
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("query,n\na,7\n", "not clear which column has the documents"),
        ("query,document\n", "no pairs"),
        ("query,document\na,b,c\n", "line 2 of pairs.csv has 3 fields"),
        ('query,document\na,"b\n', "The quotes do not match at line 2"),
    ],
)
def test_a_file_that_cannot_be_read_as_pairs_is_refused(check, content, said):
    with pytest.raises(UserError, match=said):
        check(content.rstrip("\n"))


def test_a_file_that_is_not_there_or_not_utf8_is_refused(tmp_path):
    with pytest.raises(UserError, match="no file"):
        check_pairs(tmp_path / "absent.csv")
    (tmp_path / "bad.csv").write_bytes("query,document\nfür,ß\ngrün,ä".encode() + b"\xe9")
    with pytest.raises(UserError, match=r"bad\.csv is not UTF-8 at line 3"):
        check_pairs(tmp_path / "bad.csv")


@pytest.mark.slow
def test_long_texts_are_not_held(tmp_path):
    path = tmp_path / "pairs.csv"
    with path.open("w") as file:
        file.write("query,document\n")
        for i in range(200):
            file.write(f"q{i},{'word ' * 10_000}{i}\n")
    assert path.stat().st_size > 10_000_000
    few = tmp_path / "few.csv"
    few.write_text("query,document\nq,word\n")
    check_pairs(few)  # so that nothing is imported below
    tracemalloc.start()
    check_pairs(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_800_000


# large files


def test_a_file_is_large_by_its_rows_or_its_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(large, "LARGE", 100)
    (tmp_path / "few.csv").write_text("a\n" * 100)
    (tmp_path / "many.csv").write_text("a\n" * 101)
    (tmp_path / "many.csv.gz").write_bytes(gzip.compress(b"a\n" * 101))
    assert not is_large(tmp_path / "few.csv")
    assert is_large(tmp_path / "many.csv")
    assert is_large(tmp_path / "many.csv.gz")
    monkeypatch.setattr(large, "MAX_BYTES", 150)
    assert is_large(tmp_path / "few.csv")


def test_a_large_file_is_told_to_be_streamed(check, monkeypatch):
    monkeypatch.setattr(checks, "LARGE", 100)
    assert "over 100 rows" in check("query,document", *rows(101))


def test_what_is_held_out_of_a_large_file_shares_no_text_with_training(tmp_path):
    lines = [f"query {i % 900},document {i}" for i in range(1000)]
    (tmp_path / "pairs.csv").write_text("\n".join(["query,document", *lines]))
    said: list[str] = []
    config = NegativesConfig(3)
    held_out, data = prepare_large(
        tmp_path / "pairs.csv", tmp_path / "work", said.append, held_out=50, config=config
    )
    assert set(held_out["split"]) == {"test", "validation"}
    assert 45 <= (held_out["split"] == "test").sum() <= 50
    one, other = (set(held_out[held_out["split"] == s]["query"]) for s in ("test", "validation"))
    assert not one & other
    (part,) = read_shards(data)
    trained = {fold(t) for t in (*part["query"], *part["document"])}
    trained |= {fold(t) for row in part["negatives"] for t in row}
    assert not trained & {fold(t) for t in (*held_out["query"], *held_out["document"])}
    assert 800 < len(part["query"]) < 900
    assert "held out" in said[0]
    for line, row in held_out.iterrows():
        assert lines[line - 2] == f"{row['query']},{row['document']}"


def test_the_splits_of_a_large_file_are_kept_and_drawn_from(tmp_path):
    names = ["train"] * 8 + ["validation", "test"]
    lines = [f"query {i},document {i},{names[i % 10]}" for i in range(1000)]
    (tmp_path / "pairs.csv").write_text("\n".join(["query,document,split", *lines]))
    config = NegativesConfig(2)
    held_out, data = prepare_large(
        tmp_path / "pairs.csv", tmp_path / "work", print, held_out=30, config=config
    )
    assert held_out["split"].value_counts().to_dict() == {"test": 30, "validation": 30}
    for line, row in held_out.iterrows():
        assert lines[line - 2].endswith(row["split"])
    (part,) = read_shards(data)
    assert len(part["query"]) == 800, "no row of a held-out split is trained on"


def test_the_same_seed_holds_out_the_same_and_a_second_run_goes_on(tmp_path):
    (tmp_path / "pairs.csv").write_text("\n".join(["query,document", *rows(300)]))
    config = NegativesConfig(2)
    first, _ = prepare_large(tmp_path / "pairs.csv", tmp_path / "work", config=config)
    shard = next((tmp_path / "work" / "data").glob("epoch-*/*.parquet"))
    written = shard.stat().st_mtime_ns
    again, _ = prepare_large(tmp_path / "pairs.csv", tmp_path / "work", config=config)
    pd.testing.assert_frame_equal(first, again)
    assert shard.stat().st_mtime_ns == written
    other, _ = prepare_large(tmp_path / "pairs.csv", tmp_path / "other", seed=1, config=config)
    assert set(other["query"]) != set(first["query"])


@pytest.mark.parametrize(
    ("line", "said"),
    [(",b,1", "query is empty at line 3"), ("a,b,x", "label is none of 1 at line 3")],
)
def test_a_large_file_with_a_wrong_line_is_refused(tmp_path, line, said):
    (tmp_path / "pairs.csv").write_text(f"query,document,label\nx,y,1\n{line}\n")
    with pytest.raises(UserError, match=said):
        prepare_large(tmp_path / "pairs.csv", tmp_path / "work")


def test_a_file_too_small_to_hold_any_out_is_refused(tmp_path):
    (tmp_path / "pairs.csv").write_text("query,document\na,b\nc,d\n")
    with pytest.raises(UserError, match="2 relevant pairs, too few"):
        prepare_large(tmp_path / "pairs.csv", tmp_path / "work")
