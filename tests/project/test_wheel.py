"""The wheel works outside a checkout: the command, the page, its settings and the sample model."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import streamlit
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from tests import ROOT
from tests.load.visitor import Answer, visit
from tests.servers import free_port, running

pytestmark = pytest.mark.slow  # by the processes that it starts

SOURCES = (
    *("pyproject.toml", "setup.py", "requirements.txt", "README.md", "LICENSE"),
    *("streamlit_app.py", ".streamlit", "sample_models/debian-packages", "dssm_core"),
)
FOREIGN = """
[server]
address = "0.0.0.0"
enableXsrfProtection = false
corsAllowedOrigins = ["http://foreign.invalid"]
[client]
showErrorDetails = "full"
"""
"""Settings of another project, in the folder where the page is started."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Build the wheel from a copy, as building leaves files behind."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, source)
    pip("wheel", "--no-build-isolation", "--wheel-dir", str(out), str(source))
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Path:
    """Return a virtual environment with the wheel, and the libraries of this one."""
    path = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(path)], check=True)
    pip("--python", str(path / "bin" / "python"), "install", str(wheel))
    (packages,) = path.glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(f"{Path(streamlit.__file__).parents[1]}\n")
    return path


def pip(*arguments: str) -> None:
    """Run pip on local files alone."""
    at = arguments.index("wheel") if "wheel" in arguments else arguments.index("install")
    options = [*arguments[: at + 1], "--no-deps", "--no-index", "-q", *arguments[at + 1 :]]
    subprocess.run([sys.executable, "-m", "pip", *options], check=True, cwd=ROOT.anchor)


@pytest.fixture
def start(environment, tmp_path):
    """Return what starts `dssm-lens` in a folder that is no checkout, as a user without files."""
    folder = tmp_path / "elsewhere"
    (folder / ".streamlit").mkdir(parents=True)
    (folder / ".streamlit" / "config.toml").write_text(FOREIGN)

    def start(*arguments: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(environment / "bin" / "dssm-lens"), *arguments],
            cwd=folder,
            env={
                **{"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"},
                **{"PYTHONDONTWRITEBYTECODE": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
                **variables,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def run(start):
    """Return what runs `dssm-lens` to its end: exit status, output, errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        process = start(*arguments)
        output, errors = process.communicate(timeout=300)
        return process.returncode, output, errors

    return run


@contextmanager
def page(start) -> Iterator[int]:
    """Start the page, and give the port on which it answers."""
    port = free_port()
    process = start(STREAMLIT_SERVER_PORT=f"{port}", STREAMLIT_SERVER_HEADLESS="true")
    with running(process, port):
        yield port


async def first_view(port: int) -> Answer:
    visitor = await visit(f"http://127.0.0.1:{port}", "zqaaaaqz")
    try:
        return await visitor.opened()
    finally:
        await visitor.close()


def test_it_holds_the_whole_package_and_one_sample_model(wheel):
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = (path for path in (ROOT / "dssm_core").rglob("*") if path.is_file())
    package = {str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts}
    assert package <= held
    rest = {name.removeprefix("dssm_core/app/") for name in held - package}
    model = (ROOT / "sample_models" / "debian-packages").iterdir()
    assert rest == {
        *("streamlit_app.py", ".streamlit/config.toml"),
        *(str(path.relative_to(ROOT)) for path in model),
    }


def test_the_command_tells_its_commands_and_version(run):
    status, output, _ = run("--help")
    assert status == 0
    assert output.startswith("usage: dssm-lens")
    assert "\n    score " in output
    assert run("--version")[1].startswith("dssm-lens 0.")


def test_it_scores_with_the_sample_model_where_none_is_named(run, tmp_path):
    documents = tmp_path / "documents.txt"
    documents.write_text("prints the weather forecast\nplays chess against you\n")
    status, output, errors = run(
        "score", "--query", "chess engine", "--docs", str(documents), "--json"
    )
    assert (status, errors) == (0, "")
    scores = json.loads(output)
    assert scores["model"] == "debian-packages"
    assert [result["rank"] for result in scores["results"]] == [2, 1]


def test_the_page_starts_anywhere_with_its_own_settings_and_writes_nothing_where_it_is_installed(
    start, environment, tmp_path
):
    (installed,) = environment.glob("lib/python*/site-packages/dssm_core")
    before = {path: path.stat().st_mtime_ns for path in installed.rglob("*")}
    with page(start) as port:
        address = f"http://127.0.0.1:{port}"
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=30) as answer:
            assert answer.read() == b"ok"
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Frame-Options"] == "DENY"
            assert "_streamlit_xsrf" in answer.headers["Set-Cookie"], "foreign settings held"
        with pytest.raises(urllib.error.URLError):  # foreign settings listen on every address
            urllib.request.urlopen(f"http://127.0.0.2:{port}/_stcore/health", timeout=30)
        with pytest.raises(InvalidStatus):
            connect(
                f"ws://127.0.0.1:{port}/_stcore/stream", origin=Origin("http://foreign.invalid")
            )
        with ThreadPoolExecutor(1) as apart:  # Playwright's loop may be running in this thread
            first = apart.submit(lambda: asyncio.run(first_view(port))).result()
    assert first.view.model == "debian-packages"
    assert len(first.table) > 1
    assert {path: path.stat().st_mtime_ns for path in installed.rglob("*")} == before
