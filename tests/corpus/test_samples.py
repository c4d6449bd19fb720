"""The sample corpora: what enters them, what stays out, and that no source is split."""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import sys
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from dssm_core.corpus import apt, debian, survey
from dssm_core.corpus.debian import prepare_debian_packages
from dssm_core.corpus.splitting import Row, split_by_group
from dssm_core.corpus.toy import notebook_toy
from dssm_core.errors import UserError
from tests import ROOT
from tests.tiny import quiet

LETTERS = "abcdefghijklmnopqrstuvwxyz"
BOILERPLATE = "This package was made by a helpful team of people."


def package(name: str, short: str, long: str, source: str = "") -> tuple[str, str]:
    """Return the entries of one package in Packages and in Translation-en."""
    md5 = hashlib.md5(f"{short}\n{long}\n".encode()).hexdigest()
    origin = f"Source: {source}\n" if source else ""
    return (
        f"Package: {name}\n{origin}Section: science\nDescription: {short}\n"
        f"Description-md5: {md5}\n",
        f"Package: {name}\nDescription-md5: {md5}\nDescription-en: {short}\n{long}\n",
    )


def many_packages() -> list[tuple[str, str]]:
    """Return 26 sources of two packages each, siblings sharing their first paragraph."""
    found = []
    for letter in LETTERS:
        shared = f" The {letter * 4} library reads\n files of its own.\n .\n {BOILERPLATE}\n .\n"
        for kind in ("lib", "tool"):
            own = f"{shared} The {kind} of {letter * 4} does one thing of its own."
            source = f"src-{letter} (1.2-{letter})"
            found.append(package(f"{kind}-{letter}", f"{kind} for {letter * 4}", own, source))
    return found


def indexes(tmp_path: Path, packages: list[tuple[str, str]]) -> tuple[Path, Path]:
    first, second = tmp_path / "Packages", tmp_path / "Translation-en"
    first.write_text("\n".join(entry for entry, _ in packages))
    second.write_text("\n".join(entry for _, entry in packages))
    return first, second


def prepare(tmp_path: Path, packages: list[tuple[str, str]]) -> tuple[pd.DataFrame, dict]:
    prepare_debian_packages(tmp_path / "out", *indexes(tmp_path, packages), log=quiet)
    pairs = pd.read_csv(tmp_path / "out" / "pairs.csv", keep_default_na=False)
    return pairs, json.loads((tmp_path / "out" / "report.json").read_text())


def test_no_source_package_and_no_held_out_text_is_in_two_splits(tmp_path):
    pairs, _ = prepare(tmp_path, many_packages())
    assert (pairs.groupby("source")["split"].nunique() == 1).all()
    assert pairs["source"].nunique() == 26
    training = pairs[pairs["split"] == "train"]
    for split in ("test", "validation"):
        held_out = pairs[pairs["split"] == split]
        assert held_out["source"].is_unique
        assert held_out["document"].is_unique
        assert not set(held_out["document"]) & set(training["document"])


def test_the_source_loses_its_version_and_defaults_to_the_package(tmp_path):
    pairs, _ = prepare(tmp_path, [*many_packages(), package("lone", "a lone one", " It is alone.")])
    assert "src-a" in set(pairs["source"])
    assert pairs.loc[pairs["package"] == "lone", "source"].tolist() == ["lone"]


def test_the_same_indexes_give_the_same_bytes_in_whatever_order_they_list_packages(tmp_path):
    written = []
    for turn, packages in enumerate((many_packages(), many_packages()[::-1])):
        folder = tmp_path / str(turn)
        folder.mkdir()
        prepare(folder, packages)
        written.append((folder / "out" / "pairs.csv").read_bytes())
    assert written[0] == written[1]


def test_a_held_out_source_stays_held_out_when_other_packages_change(tmp_path):
    before, _ = prepare(tmp_path, many_packages())
    after, _ = prepare(tmp_path, [*many_packages(), package("lone", "a lone one", " It is alone.")])
    held_out = [set(p.loc[p["split"] == "test", "source"]) - {"lone"} for p in (before, after)]
    assert len(held_out[0] & held_out[1]) >= len(held_out[0]) - 1


def test_boilerplate_is_dropped_and_counted_and_siblings_may_share(tmp_path):
    pairs, report = prepare(tmp_path, many_packages())
    assert BOILERPLATE not in set(pairs["document"])
    assert report["dropped"]["paragraph that occurs more than 3 times"] == 52
    assert "The aaaa library reads files of its own." in set(pairs["document"])


def test_every_paragraph_read_is_either_kept_or_dropped_for_a_reason(tmp_path):
    odd = package("odd", "odd one", " Too short.\n .\n $ run --me /usr/bin\n .\n It features:")
    repeated = [package(f"r{n}", "same words", " The very same text.", f"rs{n}") for n in range(2)]
    empty = package("mute", "", " A text without a synopsis.")
    _, report = prepare(tmp_path, [*many_packages(), odd, *repeated, empty])
    assert report["totals"]["paragraphs"] == sum(report["kept"].values()) + sum(
        report["dropped"].values()
    )
    assert report["dropped"]["paragraph under 3 words"] == 2
    assert report["dropped"]["paragraph of a package with an empty one-line description"] == 1


def test_the_report_says_in_words_what_report_json_says(tmp_path):
    report = prepare_debian_packages(
        tmp_path / "out", *indexes(tmp_path, many_packages()), log=quiet
    )
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report.as_json()
    pairs = pd.read_csv(tmp_path / "out" / "pairs.csv")
    assert report.kept == pairs["split"].value_counts().to_dict()
    text = "\n".join(report.lines())
    assert report.test_sha256 in text
    assert "paragraph that occurs more than 3 times" in text


def test_a_package_gives_three_paragraphs_at_most_and_one_to_a_held_out_split():
    texts = ["* a list of eight words or more is language", *(f"Part {n} of it." for n in range(4))]
    paragraphs = [debian.Paragraph(n, text, n > 0) for n, text in enumerate(texts)]
    dropped: Counter[str] = Counter()
    many = debian.Package("zz", "zz", "misc", "many parts", tuple(paragraphs))
    rows = list(debian.choose_rows([many], dropped))
    assert [row.document for row in rows] == texts[:3]
    assert [row.may_be_held_out for row in rows] == [False, True, False]
    assert dropped["paragraph after a package's first 3"] == 2


def test_paragraphs_are_unwrapped_and_lists_stand_apart():
    blocks = debian.split_paragraphs(
        " A tool that\n reads   mail.\n .\n Its features:\n  * fast\n    and small\n  - kind\n Bye."
    )
    assert [(block.number, block.text, block.prose) for block in blocks] == [
        (0, "A tool that reads mail.", True),
        (1, "Its features:", True),
        (2, "fast and small kind", False),
        (3, "Bye.", True),
    ]


@pytest.mark.parametrize(
    ("text", "prose", "fit"),
    [
        ("Reads the mail of all users.", True, True),
        ("Two words", True, False),
        ("The features of it are:", True, False),
        ("Reads mail from all of these servers, which are:", True, True),
        ("reads mail writes mail sorts mail and forgets nothing at all", False, True),
        ("fast and small", False, False),
        ("$ tar -xzf a.tgz && ./configure --prefix=/usr | tee 1>&2 # x y z", False, False),
    ],
)
def test_only_language_becomes_a_document(text, prose, fit):
    assert (debian.unfit_because(debian.Paragraph(0, text, prose)) == "") == fit


def test_a_training_pair_that_repeats_a_held_out_text_is_dropped():
    rows = [Row(f"query {n}", f"document {n}", f"group {n}", ()) for n in range(40)]
    twins = [Row("QUERY  1", f"another {n}", f"twin {n}", ()) for n in range(200)]
    dropped: Counter[str] = Counter()
    splits = split_by_group([*rows, *twins], dropped, held_out=10)
    held_out = {
        text for split in ("test", "validation") for r in splits[split] for text in r.texts()
    }
    assert not any(held_out & set(row.texts()) for row in splits["train"])
    assert len(held_out) == 40
    assert dropped["training pair that shares a text with a held-out pair"] > 100
    kept = sum(map(len, splits.values()))
    assert kept + sum(dropped.values()) == 240


def test_a_group_is_held_out_by_its_hash_and_only_with_a_row_that_may_be():
    rows = [
        Row(f"query {n} {kind}", f"document {n} {kind}", f"group {n}", (), kind == "prose")
        for n in range(40)
        for kind in ("list", "prose")
    ]
    test = split_by_group(rows, Counter(), held_out=10)["test"]
    assert all(row.query.endswith("prose") for row in test)
    hashed = sorted(
        (f"group {n}" for n in range(40)), key=lambda g: hashlib.sha256(g.encode()).digest()
    )
    assert [row.group for row in test] == hashed[:10]


def test_a_pair_that_two_groups_repeat_trains_once():
    rows = [Row(f"query {n}", f"document {n}", f"group {n}", ()) for n in range(40)]
    twins = [Row(f"Query  {n}", f"Document {n}", f"twin {n}", ()) for n in range(40)]
    dropped: Counter[str] = Counter()
    train = split_by_group([*rows, *twins], dropped, held_out=5)["train"]
    assert len({row.texts() for row in train}) == len(train)
    assert dropped["training pair seen before"] >= 30


def test_compressed_indexes_give_the_same_corpus(tmp_path):
    first, second = indexes(tmp_path, many_packages())
    plain = prepare_debian_packages(tmp_path / "a", first, second, quiet)
    first.with_suffix(".xz").write_bytes(lzma.compress(first.read_bytes()))
    second.with_suffix(".gz").write_bytes(gzip.compress(second.read_bytes()))
    packed = prepare_debian_packages(
        tmp_path / "b", first.with_suffix(".xz"), second.with_suffix(".gz"), quiet
    )
    assert packed.test_sha256 == plain.test_sha256


def test_without_apt_the_way_out_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(apt.shutil, "which", lambda name: None)
    with pytest.raises(UserError, match=r"no apt-get.*--packages FILE --translation FILE"):
        prepare_debian_packages(tmp_path, log=quiet)


@pytest.mark.parametrize(
    ("status", "files", "key"),
    [(100, "", "debian.failed fetch"), (0, "/nowhere/Packages\n", "debian.no such index")],
)
def test_an_index_that_apt_does_not_fetch_is_told(tmp_path, monkeypatch, status, files, key):
    def run(command, **_):
        return apt.subprocess.CompletedProcess(command, status, files, "E: no\n network")

    monkeypatch.setattr(apt.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(apt, "find_mirror", lambda etc: ("http://mirror.example/debian", ""))
    monkeypatch.setattr(apt.subprocess, "run", run)
    with pytest.raises(UserError) as caught:
        prepare_debian_packages(tmp_path / "out", log=quiet)
    assert caught.value.key == key
    assert not (tmp_path / "out").exists()


def test_without_the_library_that_reads_indexes_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "debian", None)
    with pytest.raises(UserError) as caught:
        prepare_debian_packages(tmp_path / "out", log=quiet)
    assert caught.value.key == "debian.no library"


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\xff\xff", b"\x1f\x8bbroken", b"BZhbroken"])
def test_files_that_are_no_indexes_are_refused(tmp_path, content):
    path = tmp_path / "Packages"
    path.write_bytes(content)
    with pytest.raises(UserError):
        prepare_debian_packages(tmp_path / "out", path, path, quiet)
    assert not (tmp_path / "out").exists()


def test_one_index_alone_is_refused(tmp_path):
    path = tmp_path / "Packages"
    for given in ((path, None), (None, path)):
        with pytest.raises(UserError, match="Give both"):
            prepare_debian_packages(tmp_path / "out", *given, log=quiet)


def test_the_mirror_is_the_one_that_the_machine_names(tmp_path):
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (parts / "node.list").write_text("deb https://node.example/x nodistro main\n")
    (parts / "debian.sources").write_text(
        "# a comment\nTypes: deb-src\nURIs: http://src.example/\nSuites: bookworm\n"
        "Components: main\n\nTypes: deb\nURIs: http://mirror.example/debian\n"
        "Suites: trixie trixie-updates\nComponents: main contrib\nSigned-By: /k.gpg\n"
    )
    assert apt.find_mirror(tmp_path) == ("http://mirror.example/debian", "signed-by=/k.gpg")
    line = "deb [arch=amd64 signed-by=/b.gpg] http://b.example/debian bookworm main # c\n"
    (parts / "later.list").write_text("# deb http://no.example/ bookworm main\n" + line)
    assert apt.find_mirror(tmp_path) == ("http://b.example/debian", "signed-by=/b.gpg")


def test_a_machine_without_a_debian_mirror_is_told_so(tmp_path):
    (tmp_path / "sources.list").write_text("deb http://archive.example/ubuntu noble main\n")
    with pytest.raises(UserError, match="--packages FILE"):
        apt.find_mirror(tmp_path)


def test_too_few_rows_to_hold_any_out_and_a_folder_that_is_a_file_are_refused(tmp_path):
    origin = survey.Origin("cedict", "a source", {}, {"entries": 3})
    row = Row("q", "d", "g", ())
    for rows in ({"train": [row], "test": []}, {"train": [], "test": [row]}):
        with pytest.raises(UserError) as caught:
            survey.write_corpus(tmp_path / "out", origin, rows, [], Counter())
        assert caught.value.key == "corpus.too little text"
    (tmp_path / "file").write_text("")
    rows = {"train": [row], "validation": [row], "test": [row]}
    with pytest.raises(UserError) as caught:
        survey.write_corpus(tmp_path / "file", origin, rows, [], Counter())
    assert caught.value.key == "folder.not writable"


def test_the_toy_pairs_are_the_notebooks():
    toy = notebook_toy()
    assert toy.to_numpy().tolist() == [["1 2 3 4", "2 1 3 4", 1], ["2 3 4 1", "3 4 1 2", 0]]


@pytest.mark.parametrize(
    ("corpus", "digest"),
    [
        ("debian-packages", "79ad1e475bec6b912c8899b6e7dc9ff905780f6cfe57eefd0611ebcd42ba3e59"),
        ("cedict", "0d6fcbcc43e2e1630cd0de3944f033d19659e8313cba8c6a0d83256399c00235"),
    ],
)
def test_what_a_shipped_model_is_measured_on_was_frozen_before_it_was_tuned(corpus, digest):
    pairs = ROOT / "sample_models" / corpus / "pairs.csv"
    assert hashlib.sha256(pairs.read_bytes()).hexdigest() == digest


def test_the_shipped_models_are_light_enough_to_clone():
    files = (ROOT / "sample_models").rglob("*")
    assert sum(file.stat().st_size for file in files if file.is_file()) < 25_000_000
