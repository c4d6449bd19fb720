"""Debian's own package index, fetched by apt-get into a private folder.

Source: sources.list(5), apt.conf(5), apt-get(8) on `indextargets`.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import shutil
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

from dssm_core.errors import UserError

SUITE = "bookworm"
APT = Path("/etc/apt")
HELPER = "/usr/lib/apt/apt-helper"
# A machine on another release still names a mirror that carries every release.
DEBIAN_SUITES = {SUITE, "bullseye", "trixie", "forky", "sid", "stable", "testing", "unstable"}

# The lists go uncompressed, whatever a container image prefers, and the machine's own
# hooks (they act on the machine's own lists) stay out of it.
CONFIG = """\
Dir::State "{folder}/state";
Dir::State::lists "{folder}/lists";
Dir::Cache "{folder}/cache";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "-";
#clear Acquire::Languages;
Acquire::Languages {{ "en"; }};
Acquire::GzipIndexes "false";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""


def fetch_indexes(folder: Path, log: Callable[[str], None] = print) -> tuple[Path, Path]:
    """Download `Packages` and `Translation-en` of bookworm main with apt-get.

    Args:
        folder: an empty folder that apt-get may fill (some 100 MB).
        log: called with a line for people.

    Returns:
        The two index files, uncompressed.

    Raises:
        UserError: where there is no apt-get, no Debian mirror, or apt-get fails.
    """
    if shutil.which("apt-get") is None:
        raise UserError("debian.no apt-get", suite=SUITE)
    uri, options = find_mirror(APT)
    for name in ("lists/partial", "state", "cache"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)  # apt-get downloads as the user _apt
    machine = _run(["dpkg", "--print-architecture"]).strip()
    options = f"arch={machine} target=Packages,Translations {options}".strip()
    (folder / "sources.list").write_text(f"deb [{options}] {uri} {SUITE} main\n")
    config = folder / "apt.conf"
    config.write_text(CONFIG.format(folder=folder))
    log(f"fetching the package index of {SUITE} main from {uri}")
    _apt_get(config, "update", "--error-on=any")
    return _target(config, "Packages"), _target(config, "Translations")


def _apt_get(config: Path, *arguments: str) -> str:
    return _run(["apt-get", "-c", str(config), "-q", *arguments])


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        trouble = " ".join((done.stderr or done.stdout).split())
        raise UserError("debian.failed fetch", trouble, program=command[0], suite=SUITE)
    return done.stdout


def _target(config: Path, kind: str) -> Path:
    files = _apt_get(config, "indextargets", "--format", "$(FILENAME)", f"Created-By: {kind}")
    file = next((Path(line) for line in files.splitlines() if Path(line).is_file()), None)
    if file is None:
        raise UserError("debian.no such index", files, kind=kind, suite=SUITE)
    return file


def find_mirror(etc: Path) -> tuple[str, str]:
    """Return the machine's Debian mirror and the options to use it with.

    Args:
        etc: the folder that holds `sources.list` and `sources.list.d`.

    Returns:
        URI, and options as a one-line source takes them (`signed-by=...`, or empty).

    Raises:
        UserError: where no source names a Debian release with component main.
    """
    parts = sorted((etc / "sources.list.d").glob("*"))
    sources: list[tuple[str, list[str], str]] = []
    for path in [etc / "sources.list", *parts]:
        if path.is_file() and path.suffix in (".list", ".sources"):
            text = path.read_text(encoding="utf-8", errors="replace")
            sources += _stanzas(text) if path.suffix == ".sources" else _one_liners(text)
    usable = [source for source in sources if DEBIAN_SUITES & set(source[1])]
    if not usable:
        raise UserError("debian.no mirror", folder=str(etc), suite=SUITE)
    uri, _, options = min(usable, key=lambda source: SUITE not in source[1])
    return uri, options


def _one_liners(text: str) -> list[tuple[str, list[str], str]]:
    pattern = re.compile(r"^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#\n]*)", re.MULTILINE)
    return [
        (uri, [suite], " ".join(re.findall(r"(?:signed-by|trusted)=\S+", options or "")))
        for options, uri, suite, components in pattern.findall(text)
        if "main" in components.split()
    ]


def _stanzas(text: str) -> list[tuple[str, list[str], str]]:
    sources = []
    uncommented = re.sub(r"(?m)^#.*\n?", "", text)
    for stanza in re.split(r"\n\s*\n", uncommented):
        pairs = re.findall(r"(?m)^([A-Za-z-]+):[ \t]*(.*(?:\n[ \t].*)*)", stanza)
        fields = {name.lower(): value.strip() for name, value in pairs}
        serves = (
            "deb" in fields.get("types", "").split()
            and "main" in fields.get("components", "").split()
            and fields.get("enabled", "yes").lower() not in ("no", "false", "0")
        )
        if not serves or not fields.get("uris"):
            continue
        # A key written out in the stanza has no one-line form: the machine's own keyring serves.
        key = fields.get("signed-by", "")
        options = f"signed-by={key}" if key and "\n" not in key else ""
        sources.append((fields["uris"].split()[0], fields.get("suites", "").split(), options))
    return sources


def read_index(path: Path) -> str:
    """Return the text of an index file: plain, gzip, xz, bzip2, or (through apt) lz4.

    Raises:
        UserError: where the file is missing, damaged, or lz4 on a machine without apt.
    """
    try:
        return _decompress(path).decode("utf-8")
    except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error) as trouble:
        raise UserError("debian.unreadable index", str(trouble), path=str(path)) from trouble


def _decompress(path: Path) -> bytes:
    raw = path.read_bytes()
    if raw.startswith(b"\x1f\x8b"):
        return gzip.decompress(raw)
    if raw.startswith(b"\xfd7zXZ"):
        return lzma.decompress(raw)
    if raw.startswith(b"BZh"):
        return bz2.decompress(raw)
    if raw.startswith(b"\x04\x22\x4d\x18"):
        return _run([HELPER, "cat-file", str(path)]).encode()
    return raw
