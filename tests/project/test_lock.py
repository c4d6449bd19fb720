"""CI installs .ci/requirements.lock, each file by its hash, and the lock fits what we ask for."""

from __future__ import annotations

import os
import re
import tomllib
from importlib.metadata import distribution, version

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import ROOT

pytestmark = pytest.mark.slow

LOCK = (ROOT / ".ci" / "requirements.lock").read_text()
LOCKED = dict(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", LOCK, re.MULTILINE))
"""Version by name."""

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RENEW = "renew the lock: docs/security.md has the command"


def asked() -> list[str]:
    """Return all that we ask for: to run, to test, and to be built with."""
    run = (ROOT / "requirements.txt").read_text().split("\n")
    extras = PROJECT["project"]["optional-dependencies"]
    ours = f"{PROJECT['project']['name']}["  # an extra that takes in another one
    test = [line for extra in extras.values() for line in extra if not line.startswith(ours)]
    return [*filter(None, run), *test, *PROJECT["build-system"]["requires"]]


def misses(requirement: Requirement) -> bool:
    """Return whether the lock lacks a requirement that counts on this machine."""
    if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
        return False
    found = LOCKED.get(canonicalize_name(requirement.name))
    return found is None or not requirement.specifier.contains(found, prereleases=True)


@pytest.mark.parametrize("line", asked())
def test_all_that_we_ask_for_is_locked_in_a_version_that_we_allow(line):
    assert not misses(Requirement(line)), RENEW


@pytest.mark.parametrize("name", LOCKED)
def test_all_that_a_locked_package_asks_for_is_locked_too(name):
    if version(name) != LOCKED[name]:
        pytest.skip(f"{name} {version(name)} is installed, which may ask for something else")
    needed = [Requirement(line) for line in distribution(name).requires or []]
    assert [str(one) for one in needed if misses(one)] == [], RENEW


def test_each_package_has_hashes_and_nothing_comes_from_elsewhere():
    entries = re.split(r"\n(?=[^\s#])", LOCK.strip())
    assert len(entries) == len(LOCKED) > 50
    for entry in entries:
        assert re.fullmatch(
            r"[a-z0-9-]+==[\w.]+(?: ; [^\\\n]+)?(?: \\\n    --hash=sha256:[0-9a-f]{64})+", entry
        ), entry


def test_ci_installs_the_lock_before_the_readmes_command_and_lets_in_nothing_else():
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    (lock,) = [
        i for i, line in enumerate(lines) if "--require-hashes -r .ci/requirements.lock" in line
    ]
    assert lock < lines.index("export PIP_NO_INDEX=1") < lines.index('eval "$command"')


@pytest.mark.skipif(not os.environ.get("CI"), reason="a developer may have newer packages")
def test_ci_tests_what_is_locked():
    assert {name: version(name) for name in LOCKED} == LOCKED


def test_the_command_that_renews_it_asks_for_what_we_ask_for():
    text = (ROOT / "docs" / "security.md").read_text("utf-8")
    (command,) = re.findall(r"^.*uv pip compile.*$", text, re.MULTILINE)
    assert "--generate-hashes" in command
    assert "-o .ci/requirements.lock" in command
    assert "pyproject.toml - --extra test" in command
    assert f"echo '{PROJECT['build-system']['requires'][0]}'" in command
