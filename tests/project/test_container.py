"""The container runs what the README's start command runs, as far as it can be seen without one.

Its steps are taken out of the Dockerfile and performed in a folder that stands for its disk.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests import ROOT
from tests.pages import first_paint
from tests.servers import free_port

pytestmark = pytest.mark.slow

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
    assert server["maxUploadSize"] == 50
    assert not server.get("enableAgentApi")
    assert server.get("enableCORS", True)
    assert client == {"showErrorDetails": "none", "showErrorLinks": False, "toolbarMode": "viewer"}
    first = (ROOT / "Dockerfile").read_text().splitlines()[1]
    assert "-p 127.0.0.1:8501:8501" in first
    assert "-p 127.0.0.1:8501:8501" in README


def is_sent(path: str) -> bool:
    """Return whether a file of the repository is given to the one who builds the container."""
    sent = True
    for rule in (ROOT / ".dockerignore").read_text().splitlines():
        if rule and not rule.startswith("#"):
            pattern = (
                re.escape(rule.lstrip("!")).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
            )
            if re.match(rf"{pattern}(/|$)", path):  # the last rule that fits a file or its folder
                sent = rule.startswith("!")
    return sent


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("streamlit_app.py", True),
        ("dssm_core/ui/lab/page.py", True),
        ("sample_models/a/model.keras", True),
        ("README.md", False),
        (".git/config", False),
        (".streamlit/config.toml", True),
        (".streamlit/secrets.toml", False),
        ("dssm_core/ui/__pycache__/lab.pyc", False),
        ("sample_models/.a.old/model.keras", False),
    ],
)
def test_the_rules_of_what_is_sent_are_read_as_docker_reads_them(path, sent):
    assert is_sent(path) is sent


@dataclass
class Container:
    """A folder that stands for the container's disk, and what its steps have set.

    Where the steps may not become another user, they are performed as the present one.
    """

    disk: Path
    port: int
    place: Path = Path("/")
    user: int | None = None
    users: dict[str, int] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def here(self, text: str) -> str:
        """Return a text with the container's paths and port as they are here."""
        return re.sub(r"(?<![\w/])/home\b", f"{self.disk}/home", text).replace(
            "8501", str(self.port)
        )

    def start(self, command: list[str]) -> subprocess.Popen[str]:
        """Start a command as the container's user with its variables, and nothing else's."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        place = Path(self.here(f"{self.place}"))
        return subprocess.Popen(
            [self.here(part) for part in command],
            cwd=place,
            env={"PATH": path, "HOME": f"{place.parent}", **self.variables},
            user=self.user,
            group=self.user,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, line: str) -> None:
        """Perform a RUN."""
        for command in line.split(" && "):
            words = command.split()
            if words[0] == "useradd":
                self.users[words[-1]] = int(words[words.index("--uid") + 1])
                Path(self.here(f"/home/{words[-1]}")).mkdir(parents=True)
            elif words[0] == "chown":
                path = self.here(words[2])
                os.chown(path, self.users[words[1]], -1) if os.geteuid() == 0 else None
            else:
                if words[:2] == ["pip", "install"]:  # all is there: the tests run in it
                    words = [sys.executable, "-m", *words, "--no-index", "--dry-run"]
                started = self.start(words)
                said, _ = started.communicate(timeout=600)
                assert started.returncode == 0, said

    def copy(self, source: str, target: str) -> None:
        """Perform a COPY of what .dockerignore lets in."""
        to = Path(self.here(f"{self.place}")) / target
        found = [ROOT / source] if (ROOT / source).is_file() else (ROOT / source).rglob("*")
        for path in found:
            name = str(path.relative_to(ROOT))
            if path.is_file() and is_sent(name):
                inside = path.relative_to(ROOT / source) if (ROOT / source).is_dir() else path.name
                (to / inside).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, to / inside)

    def perform(self, name: str, rest: str) -> None:
        """Perform a step that builds."""
        match name:
            case "RUN":
                self.run(rest)
            case "WORKDIR":
                self.place = Path(rest)
                Path(self.here(rest)).mkdir(parents=True, exist_ok=True)
            case "COPY":
                self.copy(*rest.split())
            case "ENV":
                self.variables |= dict(pair.split("=", 1) for pair in self.here(rest).split())
            case "USER":
                self.user = self.users[rest] if self._may_be(self.users[rest]) else None
            case _:
                assert name in ("FROM", "VOLUME", "EXPOSE", "HEALTHCHECK", "CMD"), name

    def _may_be(self, user: int) -> bool:
        if os.geteuid() != 0:
            return False
        asked = [sys.executable, "-c", "import streamlit"]
        try:
            subprocess.run(asked, user=user, group=user, capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):  # Python stands where it may not read
            return False
        return True


@pytest.fixture
def container() -> Iterator[Container]:
    disk = Path(tempfile.mkdtemp(prefix="dssm-container-"))  # pytest's folder lets in no other user
    disk.chmod(0o755)
    yield Container(disk, free_port())
    shutil.rmtree(disk)


def test_its_steps_build_a_page_that_is_healthy_and_shows_its_example(container):
    for name, rest in steps():
        container.perform(name, rest)
    home = container.disk / "home" / "lens"
    assert not list(home.rglob("__pycache__"))
    (check,), (command,) = of("HEALTHCHECK"), of("CMD")
    healthy = json.loads(check.split(" CMD ")[1])
    server = container.start([*json.loads(command), "--server.port", str(container.port)])
    try:
        for _ in range(600):
            time.sleep(0.2)
            probe = container.start(healthy)
            probe.communicate(timeout=120)
            if probe.returncode == 0:
                break
            assert server.poll() is None, server.communicate()[0]
        assert probe.returncode == 0
        with urllib.request.urlopen(f"http://127.0.0.1:{container.port}/") as answer:
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        elements = [m.delta.new_element for m in first_paint(container.port)]
        kinds = [element.WhichOneof("type") for element in elements]
        assert "exception" not in kinds
        assert kinds.count("vega_lite_chart") >= 2
        examples = home / "app" / "sample_models" / "debian-packages" / "examples.jsonl"
        query = json.loads(examples.read_text().splitlines()[0])["query"]
        assert any(query in str(element.text_input) for element in elements)
        written = {path for path in home.rglob("*") if path.stat().st_uid == container.user}
        if container.user is not None:
            assert {path.relative_to(home).parts[0] for path in written} <= {"data"}
    finally:
        server.kill()
        said = server.communicate()[0]
    assert "Traceback" not in said
