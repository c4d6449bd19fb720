"""`prepare notebook-toy` and `train` make the notebook's own model a folder like any other."""

from __future__ import annotations

import json
import shlex

import pytest

from dssm_core.__main__ import main
from dssm_core.corpus.toy import COMMAND
from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder, write_folder
from dssm_core.runtimes.load import load_towers
from dssm_core.scoring import Scorer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
"""Keras 3.15 saving under NumPy 2."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("toy")
    assert main(["prepare", "notebook-toy", "--out", str(place)]) == 0
    arguments = shlex.split(COMMAND.format(place))[3:-1]
    assert main([*arguments, str(place / "notebook-toy")]) == 0
    return ModelFolder.open(place / "notebook-toy")


def test_its_words_are_the_notebooks_ids_and_its_head_the_notebooks(folder):
    assert list(folder.vocabulary) == ["1", "2", "3", "4"], "word i has id i"
    assert folder.config["family"] == "lstm-subclass"
    assert folder.config["text"]["pieces"] == 0
    assert folder.scale == pytest.approx(0.29, abs=0.02)
    size = sum(file.stat().st_size for file in folder.path.iterdir())
    assert size < 1_000_000


def test_it_scores_text_and_its_stored_example_is_its_own(folder):
    scorer = Scorer(folder)
    (example,) = folder.examples
    live = scorer.score(example["query"], example["documents"])
    for one, other in zip(live.results, example["scores"]["results"], strict=True):
        assert one.cosine == pytest.approx(other["cosine"], abs=1e-4)
        assert 0.4 < one.probability < 0.6, "near the notebook's initialisation"
    swapped = scorer.score("1 2 3 4", ["4 3 2 1", "1 2 3 4"]).results
    assert swapped[0].cosine != pytest.approx(swapped[1].cosine, abs=1e-4), "order is read"


def test_a_word_without_an_id_is_not_read_and_says_so(folder):
    scorer = Scorer(folder)
    plain, mixed, unknown = scorer.score("1 2", ["3 4", "3 zebra 4", "zebra 5"]).results
    assert [token.state for token in mixed.tokens] == ["seen", "skipped", "seen"]
    assert mixed.cosine == pytest.approx(plain.cosine, abs=1e-6)
    assert unknown.cosine is None
    long = scorer.score("1 2 3 4 1 2", ["3 4"]).query.tokens
    assert [token.state for token in long] == ["seen"] * 4 + ["truncated"] * 2


def test_a_folder_that_says_it_reads_letters_but_does_not_is_refused(folder, tmp_path):
    files = {file.name: file.read_bytes() for file in folder.path.iterdir()}
    config = json.loads(files["config.json"])
    config["text"]["pieces"] = 21
    write_folder(tmp_path / "m", {**files, "config.json": json.dumps(config).encode()})
    with pytest.raises(UserError, match="pieces"):
        load_towers(ModelFolder.open(tmp_path / "m"))
