"""Repro cases: kept, read back, and replayed against a model that changed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as xml

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssm_core.errors import UserError
from dssm_core.repro.cases import Case, CaseDocument, read_cases, write_cases
from dssm_core.repro.replay import Replay, replay, short
from dssm_core.scoring import Scorer
from dssm_core.store import VERDICTS, Store
from tests import tiny
from tests.tiny import AWKWARD, WordTowers, bare_folder

BLIND = np.array([[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
"""To a model that reads so, red and blue are one word."""

SHIFTED = np.diag([1, 1, 1.2, 1])
"""To this one, door says a little more."""


class Changed(WordTowers):
    """WordTowers whose vectors were multiplied by a matrix."""

    def __init__(self, matrix: np.ndarray) -> None:
        super().__init__()
        self.matrix = matrix

    def _encoding(self, text, tokens):
        encoding = super()._encoding(text, tokens)
        return replace(encoding, vector=(encoding.vector @ self.matrix).astype(np.float32))


@pytest.fixture
def scorer(tmp_path):
    return Scorer(bare_folder(tmp_path / "doors"), WordTowers())


@pytest.fixture
def changed(tmp_path):
    """Return a function to another model, that reads by a matrix."""
    folder = bare_folder(tmp_path / "other", vocabulary_json=b'{"red": 1}')
    return lambda matrix: Scorer(folder, Changed(matrix))


def doors(scorer, **choices):
    """Return a case: for a red door, the red one is relevant and the blue one is not."""
    given = {"documents": ["a red door", "a blue door"], "labels": [1, 0], "threshold": 0.9}
    return Case.of(scorer, "red door", **(given | choices))


def statuses(found: Replay) -> list[str]:
    return [outcome.status for outcome in found.outcomes]


# kept


def test_a_case_holds_the_scores_of_the_day_and_which_model_gave_them(scorer):
    case = doors(scorer, note="a note", verdicts=[None, "bad data"])
    scores = scorer.score("red door", ["a red door", "a blue door"]).results
    assert (case.note, case.model, case.threshold) == ("a note", "doors", 0.9)
    assert case.fingerprint == scorer.folder.fingerprint
    for document, result in zip(case.documents, scores, strict=True):
        assert document.document == result.document
        assert document.cosine == result.cosine
        assert document.probability == result.probability
        assert document.rank == result.rank
    assert [d.label for d in case.documents] == [1, 0]
    assert [d.verdict for d in case.documents] == [None, "bad data"]


@pytest.mark.parametrize(
    ("label", "verdict", "is_relevant"),
    [
        (1, None, True),
        (0, None, False),
        (None, None, None),
        (0, "relevant", True),
        (1, "not relevant", False),
        (1, "unsure", None),
        (0, "bad data", None),
    ],
)
def test_a_verdict_outranks_the_label(label, verdict, is_relevant):
    document = CaseDocument("d", label, verdict, None, None, None)
    assert document.is_relevant is is_relevant


texts = st.text(st.characters(exclude_categories=[]), max_size=20)
number = st.floats(0, 1)
documents = st.builds(
    lambda text, label, verdict, numbers: CaseDocument(
        text, label, verdict, *(numbers or (None, None, None))
    ),
    texts,
    st.sampled_from([None, 0, 1]),
    st.sampled_from([None, *VERDICTS]),
    st.none() | st.tuples(st.floats(-1, 1), number, st.integers(1, 9)),
)
some_cases = st.lists(
    st.builds(
        Case,
        texts,
        st.lists(documents, min_size=1, max_size=3).map(tuple),
        texts,
        texts,
        texts,
        st.floats(0.01, 0.99),
    ),
    min_size=1,
    max_size=3,
)


@given(some_cases)
def test_cases_come_back_as_they_were_written(cases):
    assert read_cases(write_cases(cases)) == cases


def test_cases_come_back_from_the_store(scorer, tmp_path):
    case = doors(scorer, documents=["a red door", AWKWARD["bidi"]], labels=[1, None])
    store = Store(tmp_path / "store.sqlite")
    store.add_case(case.to_dict())
    assert [Case.from_dict(values) for values in store.cases()] == [case]


def test_each_case_knows_its_line(scorer):
    line = write_cases([doors(scorer)])
    assert [case.line for case in read_cases(b"\xef\xbb\xbf" + line + b"\n \n" + line)] == [1, 4]


GOOD = {
    "query": "q",
    "documents": [{"document": "d", "cosine": 0.5, "probability": 0.5, "rank": 1}],
}


def test_what_a_case_need_not_say():
    (case,) = read_cases(json.dumps(GOOD).encode())
    assert (case.note, case.model, case.fingerprint, case.threshold) == ("", "", "", 0.5)
    assert case.documents[0].is_relevant is None


def worse(**changes):
    return {**GOOD, "documents": [GOOD["documents"][0], {**GOOD["documents"][0], **changes}]}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({**GOOD, "query": 3}, r'"query" is not a text at line 2 of my.jsonl \(found: 3\)'),
        ({"query": "q"}, '"documents" is missing at line 2 of my.jsonl'),
        ({**GOOD, "documents": []}, '"documents" is not a list of documents at line 2'),
        ({**GOOD, "documents": {}}, '"documents" is not a list of documents at line 2'),
        ({**GOOD, "documents": ["d"]}, "document 1 at line 2 of my.jsonl is not a JSON object"),
        ({**GOOD, "threshold": 1}, '"threshold" is not a probability .* at line 2'),
        ({**GOOD, "threshold": True}, '"threshold" is not a probability .* at line 2'),
        ({**GOOD, "thresh": 0.5}, "no such field at line 2 of my.jsonl .found: thresh"),
        (worse(cosine=1.5), '"cosine" is not from -1 to 1 at document 2 at line 2 of my.jsonl'),
        (worse(cosine=float("nan")), '"cosine" is not from -1 to 1 at document 2'),
        (worse(probability="0.5"), '"probability" is not from 0 to 1 at document 2'),
        (worse(rank=0), '"rank" is not from 1 up at document 2'),
        (worse(rank=None), "Of cosine, probability, rank, some are missing in document 2"),
        (worse(label=2), '"label" is not 0 or 1 at document 2'),
        (worse(label=True), '"label" is not 0 or 1 at document 2'),
        (worse(verdict="good"), r'"verdict" is not one of relevant, not relevant.* at document 2'),
        (worse(verdict=["unsure"]), '"verdict" is not one of'),
        ([], "line 2 of my.jsonl is not a JSON object"),
    ],
)
def test_trouble_names_the_file_the_line_and_the_field(wrong, told):
    content = "\n".join(map(json.dumps, (GOOD, wrong))).encode()
    with pytest.raises(UserError, match=told):
        read_cases(content, "my.jsonl")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "line 1 of my.jsonl is not JSON"),
        (b"[" * 100_000, "line 1 of my.jsonl is not JSON"),
        (b"\n\n", "my.jsonl contains no cases"),
        (b"\n\xff", "my.jsonl is not UTF-8 at line 2"),
    ],
)
def test_a_file_that_holds_no_cases_is_told(content, told):
    with pytest.raises(UserError, match=told):
        read_cases(content, "my.jsonl")


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError, match="absent.jsonl cannot be read"):
        read_cases(tmp_path / "absent.jsonl")


# replayed


def test_the_same_model_breaks_fixes_and_moves_nothing(scorer):
    cases = [doors(scorer), doors(scorer, labels=[0, 1])]
    found = replay(cases, scorer)
    assert statuses(found) == ["same"] * 4
    assert not found.is_broken
    assert found.still_wrong == 2


def test_a_model_that_no_longer_tells_two_words_apart_breaks_both(scorer, changed):
    found = replay([doors(scorer)], changed(BLIND))
    assert statuses(found) == ["broken", "broken"]
    assert found.is_broken
    relevant, other = found.outcomes
    assert (round(relevant.cosine_then, 6), relevant.rank_then) == (1.0, 1)
    assert relevant.wrong == "cosine 1.000 is not above 1.000 of an irrelevant one"
    assert [round(c, 6) for c in (other.cosine_then, other.cosine)] == [0.5, 1.0]
    assert other.wrong_then == ""
    assert other.wrong == "probability 0.953 reaches 0.900"


def test_a_model_that_learns_to_tell_them_apart_fixes_both(scorer, changed):
    found = replay([doors(changed(BLIND))], scorer)
    assert statuses(found) == ["fixed", "fixed"]
    assert not found.is_broken


def test_a_cosine_that_moves_without_consequence_has_drifted(scorer, changed):
    found = replay([doors(scorer)], changed(SHIFTED))
    assert statuses(found) == ["same", "drifted"]
    assert not found.is_broken
    moved = found.outcomes[1].cosine - found.outcomes[1].cosine_then
    assert statuses(replay([doors(scorer)], changed(SHIFTED), moved + 1e-9)) == ["same", "same"]


def test_what_is_not_settled_can_only_drift(scorer, changed):
    case = doors(scorer, labels=[1, 1], verdicts=["unsure", "bad data"])
    found = replay([case], changed(BLIND))
    assert statuses(found) == ["same", "drifted"]
    assert found.still_wrong == 0


def test_a_relevant_document_below_the_threshold_is_wrong(scorer):
    case = doors(scorer, labels=[None, 1])
    found = replay([case], scorer, threshold=0.7)
    assert found.outcomes[1].wrong_then == "probability 0.731 is below 0.900"
    assert statuses(found) == ["same", "fixed"]
    assert statuses(replay([doors(scorer)], scorer, threshold=0.7)) == ["same", "broken"]


def test_a_document_that_becomes_unreadable_breaks_if_relevant_and_drifts_if_not(scorer, tmp_path):
    deaf = Scorer(bare_folder(tmp_path / "deaf"), WordTowers(lengths={"query": 4, "document": 0}))
    found = replay([doors(scorer)], deaf)
    assert statuses(found) == ["broken", "drifted"]
    assert found.outcomes[0].wrong == "nothing in it that the model reads"
    assert (found.outcomes[0].cosine, found.outcomes[0].rank) == (None, None)
    assert statuses(replay([doors(deaf)], deaf)) == ["same", "same"]


def test_a_threshold_that_is_a_pairs_own_score_breaks_nothing_by_rounding(scorer):
    case = doors(scorer, documents=["a red door"], labels=[1])
    exact = case.documents[0].probability
    for threshold in (exact, exact + 1e-9, exact - 1e-9):
        for label in (0, 1):
            case = doors(scorer, documents=["a red door"], labels=[label], threshold=threshold)
            assert replay([case], scorer).outcomes[0].wrong == ""


def test_replaying_reports_progress_and_can_be_stopped(scorer):
    seen = []
    replay([doors(scorer)] * 3, scorer, progress=lambda *step: seen.append(step))
    assert seen == [(1, 3), (2, 3), (3, 3)]

    def stop(*_):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        replay([doors(scorer)], scorer, progress=stop)


# told


@pytest.fixture(scope="module")
def awkward(tmp_path_factory):
    """Return a replay whose texts try to break what they are written into."""
    path = tmp_path_factory.mktemp("awkward")
    scorer = Scorer(bare_folder(path / "doors"), WordTowers())
    other = bare_folder(path / "other", vocabulary_json=b'{"red": 1}')
    cases = [
        Case.of(
            scorer,
            f"red door {text}",
            ["a red door", f"a blue door {text}", text],
            [1, 0, 0],
            note=f"]]> & <b> {text[:100]} \x00\ud800\ufffe",
            threshold=0.9,
        )
        for text in [*AWKWARD.values(), "quote \" and ' and & and <", "\ud83d\x0b"]
    ]
    return replay(cases, Scorer(other, Changed(BLIND)))


@pytest.mark.slow
def test_junit_counts_and_names_what_it_holds(awkward):
    root = xml.fromstring(awkward.as_junit())
    (suite,) = root
    assert (root.tag, suite.tag) == ("testsuites", "testsuite")
    tests = suite.findall("testcase")
    assert len(tests) == int(suite.get("tests")) == len(awkward.outcomes)
    assert len(suite.findall(".//failure")) == int(suite.get("failures")) > 0
    assert len({test.get("name") for test in tests}) == len(tests)
    for test, outcome in zip(tests, awkward.outcomes, strict=True):
        failure = test.find("failure")
        assert (failure is not None) == (outcome.status == "broken")
        if failure is not None:
            assert failure.get("message") == outcome.wrong
            assert "cosine" in failure.text


def test_junit_has_the_elements_and_attributes_that_ci_servers_know(awkward, scorer, changed):
    known = {
        "testsuites": {"name", "time", "tests", "failures", "errors"},
        "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
        "properties": set(),
        "property": {"name", "value"},
        "testcase": {"name", "classname", "time"},
        "failure": {"message", "type"},
        "skipped": {"message"},
        "system-out": set(),
    }
    wrong = replay([doors(scorer, labels=[0, 1])], scorer)
    drifted = replay([doors(scorer)], changed(SHIFTED))
    found = set()
    for result in (awkward, wrong, drifted):
        for element in xml.fromstring(result.as_junit()).iter():
            assert set(element.attrib) <= known[element.tag]
            found.add(element.tag)
    assert found == set(known)
    (suite,) = xml.fromstring(wrong.as_junit())
    assert suite.get("skipped") == "2"
    assert "wrong before" in suite.find("testcase/skipped").get("message")


def test_json_holds_every_outcome(awkward):
    found = json.loads(json.dumps(awkward.to_dict(), allow_nan=False))
    assert (found["model"], found["tolerance"]) == ("other", 0.01)
    assert found["before"] == [f"doors {awkward.before[0].split()[1]}"]
    assert sum(found["counts"].values()) == len(found["outcomes"]) == len(awkward.outcomes)
    assert found["outcomes"][0]["query"] == awkward.outcomes[0].query


def test_the_text_tells_the_broken_ones_first_and_obeys_no_control_character(awkward, scorer):
    text = awkward.as_text()
    counts = awkward.counts
    assert f"{counts['broken']} broken, {counts['fixed']} fixed" in text
    assert text.count("\nbroken: case ") == counts["broken"]
    assert not {"\x1b", "\u202e", "\x07"} & set(text)
    assert "+0" not in text
    assert "same: case" not in text
    assert "2 wrong then and now" in replay([doors(scorer, labels=[0, 1])], scorer).as_text()


def test_a_long_text_is_cut_to_one_line():
    assert short("a\n\tb") == "a b"
    assert short("x" * 500) == "x" * 99 + "…"


# by pytest


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text("[pytest]\n")  # whatever folders above may say
    plugin = ["-p", "dssm", "-p", "no:cacheprovider", "-W", "error"]
    command = [sys.executable, "-m", "pytest", "-rx", *plugin, *arguments, f"{folder}"]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder)


@pytest.mark.slow
def test_pytest_collects_cases_and_fails_those_that_broke(tmp_path):
    scorer = Scorer(tiny.trained())
    query, *texts = "oven knife", "oven recipe knife", "boat anchor tide"
    right = Case.of(scorer, query, texts, [1, 0], threshold=0.5)
    kept = {"query": query, "note": "told <so>", "model": "older", "fingerprint": "f"}
    relevant = replace(right.documents[0], cosine=0.1, probability=0.2, rank=2)
    wrong = Case.of(scorer, query, texts, [0, 1])
    high = replace(right.documents[1], label=1, cosine=0.99, probability=0.99, rank=1)
    broken = Case(documents=(high,), threshold=0.6, **kept)
    cases = [right, Case(documents=(relevant,), threshold=0.5, **kept), wrong, broken]
    (tmp_path / "mine.cases.jsonl").write_bytes(write_cases(cases))
    found = run_pytest(tmp_path, "--dssm-model", f"{tiny.trained()}")
    assert found.returncode == 1, found.stdout + found.stderr
    assert "1 failed, 2 passed, 1 xfailed" in found.stdout
    assert "broken: case 1 (line 4), should be relevant" in found.stdout
    assert "note: told <so>" in found.stdout
    assert "Traceback" not in found.stdout + found.stderr
    (tmp_path / "mine.cases.jsonl").write_text("{}\n")
    found = run_pytest(tmp_path, "--dssm-model", f"{tiny.trained()}")
    assert '"query" is missing at line 1 of mine.cases.jsonl' in found.stdout
    assert found.returncode == 2


@pytest.mark.slow
def test_pytest_without_a_model_leaves_cases_alone_and_loads_nothing(tmp_path, scorer):
    (tmp_path / "mine.cases.jsonl").write_bytes(write_cases([doors(scorer)]))
    (tmp_path / "test_light.py").write_text(
        "import sys\ndef test_light():\n"
        "    assert 'dssm_core.repro.pytest_plugin' in sys.modules\n"
        "    assert not {'numpy', 'pandas', 'dssm_core.scoring', 'keras'} & set(sys.modules)\n"
    )
    found = run_pytest(tmp_path)
    assert (found.returncode, "1 passed" in found.stdout) == (0, True), found.stdout


@pytest.mark.slow
def test_pytest_tells_of_a_model_that_is_not_there(tmp_path, scorer):
    (tmp_path / "mine.cases.jsonl").write_bytes(write_cases([doors(scorer)]))
    found = run_pytest(tmp_path, "--dssm-model", "absent")
    assert "There is no model folder here (found: absent)" in found.stdout
    assert "Traceback" not in found.stdout
