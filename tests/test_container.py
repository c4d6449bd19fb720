"""The container runs what the README's start command runs, as far as a file can show it."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def steps() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions, each with what follows it."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text("utf-8"), flags=re.M)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [tuple(line.split(" ", 1)) for line in lines if line.strip()]


def of(name: str) -> list[str]:
    return [rest for instruction, rest in steps() if instruction == name]


def start() -> str:
    """Return the README's command that starts the page."""
    return next(line for line in README.splitlines() if line.startswith("python3 -m venv"))


def test_it_installs_what_the_readme_installs_and_starts_what_the_readme_starts():
    install, run = re.findall(r"\.venv/bin/(pip install [^&]*|streamlit run .*)", start())
    (installed,) = of("RUN")[1:2]
    assert installed.replace(" --no-cache-dir", "") == install.strip()
    assert json.loads(of("CMD")[0]) == run.split()


def test_its_python_is_one_that_the_package_takes():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    least = project["requires-python"].removeprefix(">=")
    (base,) = of("FROM")
    assert re.fullmatch(r"python:(.*)-slim", base)[1] == least
    assert f"Python {least} or newer" in README


def test_nothing_runs_as_root():
    names = [name for name, _ in steps()]
    assert of("USER") == ["lens"]
    assert names.index("USER") < names.index("CMD")
    assert "RUN" not in names[names.index("USER") :]


def test_all_that_the_page_imports_and_reads_is_copied_and_nothing_else():
    sources = {source.split()[0] for source in of("COPY")}
    assert sources == {
        "requirements.txt",
        ".streamlit",
        "streamlit_app.py",
        "dssm_core",
        "sample_models",
    }
    tree = ast.parse((ROOT / "streamlit_app.py").read_text())
    imported = {n.module.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert imported <= sources
    assert all((ROOT / source).exists() for source in sources)
    rules = (ROOT / ".dockerignore").read_text().split("\n")
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    assert "*" in rules
    assert allowed == sources
    refused = [rule for rule in rules if rule and rule[0] not in "!#*"]
    assert any(fnmatch(".streamlit/secrets.toml", rule) for rule in refused), "no password inside"


@pytest.fixture
def environment() -> dict[str, str]:
    pairs = [pair for line in of("ENV") for pair in line.split()]
    return dict(pair.split("=", 1) for pair in pairs)


def test_the_health_check_asks_what_streamlit_answers(environment):
    import streamlit
    from streamlit.web import server

    (check,) = of("HEALTHCHECK")
    (port,) = of("EXPOSE")
    assert f"http://127.0.0.1:{port}/_stcore/health" in check
    routes = "".join(p.read_text() for p in Path(server.__file__).parent.rglob("*.py"))
    assert "_stcore/health" in routes, streamlit.__version__
    code = json.loads(check.split(" CMD ")[1].strip())[2]
    compile(code, "health check", "exec")
    assert environment["STREAMLIT_SERVER_ADDRESS"] == "0.0.0.0"


def test_what_is_written_goes_where_its_user_may_write(environment):
    folder = str(Path(environment["DSSM_STORE"]).parent)
    assert of("VOLUME") == [folder]
    assert any(f"chown lens {folder}" in run for run in of("RUN"))


def test_outside_the_container_only_localhost_is_served():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    server, client = config["server"], config["client"]
    assert server["address"] == "127.0.0.1"
    assert server["allowedHosts"] == ["localhost", "127.0.0.1", "[::1]"]
    assert server["enableXsrfProtection"] is True
    assert not server.get("enableAgentApi")
    assert server.get("enableCORS", True)
    assert client == {"showErrorDetails": "none", "showErrorLinks": False, "toolbarMode": "viewer"}
    first = (ROOT / "Dockerfile").read_text().splitlines()[1]
    assert "-p 127.0.0.1:8501:8501" in first
    assert "-p 127.0.0.1:8501:8501" in README
