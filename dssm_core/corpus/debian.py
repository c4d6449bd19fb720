"""The debian-packages corpus: a package's one-line description to its long description.

Source: Debian Policy 5.6.13 (the form of a Description), docs/design.md, "Data".
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dssm_core.corpus.apt import SUITE, fetch_indexes, read_index
from dssm_core.corpus.splitting import Row, digest, fold, split_by_group
from dssm_core.corpus.survey import Origin, Report, write_corpus
from dssm_core.errors import UserError

MAX_REPEATS = 3  # a paragraph that occurs more often says nothing of one package
FEWEST_WORDS = 3
LEAD_IN_WORDS = 8  # "The main features are:" and the like, whose list stands apart
PARAGRAPHS = 3  # the most that one package gives
BULLET = re.compile(r"^\s*(?:[-*+o•·\u2013]|\d{1,2}[.)])\s+")


@dataclass(frozen=True)
class Paragraph:
    """One block of a long description: its number (0-based), its text, whether it is prose."""

    number: int
    text: str
    prose: bool


@dataclass(frozen=True)
class Package:
    """A binary package with what the corpus takes from it."""

    name: str
    source: str
    section: str
    query: str
    paragraphs: tuple[Paragraph, ...]


def prepare_debian_packages(
    out: Path,
    packages: Path | None = None,
    translation: Path | None = None,
    log: Callable[[str], None] = print,
) -> Report:
    """Build the debian-packages corpus: `pairs.csv` and `report.json` in `out`.

    The query is a package's one-line description, the documents are paragraphs of its
    long one. Prose qualifies; a bulleted or indented block is a paragraph of its own and
    stays only where it reads as language (`unfit_because`). No source package is in two
    splits. The same indexes give the same bytes.

    Args:
        out: a folder, made if absent.
        packages: a `Packages` index, plain or compressed; fetched by apt-get if None.
        translation: the `Translation-en` index that belongs to it; as above.
        log: called with a line for people.

    Returns:
        The report, as in `report.json`.

    Raises:
        UserError: where one index is given without the other, an index cannot be fetched
            or read or holds too little, or python-debian is missing.

    Source: docs/design.md, "Data".
    """
    _require_python_debian()
    texts = _index_texts(packages, translation, log)
    dropped: Counter[str] = Counter()
    listed = read_packages(*texts, dropped)
    totals = {
        "packages": len(listed),
        "sources": len({package.source for package in listed}),
        "paragraphs": sum(len(package.paragraphs) for package in listed),
    }
    log(f"read {totals['packages']:,} packages from {totals['sources']:,} sources")
    origin = Origin(
        corpus="debian-packages",
        source=f"Debian {SUITE} main, package descriptions (each under its package's licence)",
        inputs={"Packages": digest(texts[0]), "Translation-en": digest(texts[1])},
        totals=totals,
    )
    rows = split_by_group(choose_rows(listed, dropped), dropped)
    return write_corpus(out, origin, rows, ["package", "source", "section", "paragraph"], dropped)


def _require_python_debian() -> None:
    try:
        import debian.deb822  # noqa: F401
    except ImportError as trouble:
        raise UserError("debian.no library") from trouble


def _index_texts(
    packages: Path | None, translation: Path | None, log: Callable[[str], None]
) -> tuple[str, str]:
    if packages and translation:
        return read_index(packages), read_index(translation)
    if packages or translation:
        raise UserError("debian.one index", str(packages or translation))
    with tempfile.TemporaryDirectory(prefix="dssm-apt-") as folder:
        first, second = fetch_indexes(Path(folder), log)
        return read_index(first), read_index(second)


def read_packages(packages: str, translation: str, dropped: Counter[str]) -> list[Package]:
    """Join the two indexes on package name and description hash.

    Args:
        packages: the text of a `Packages` index.
        translation: the text of a `Translation-en` index.
        dropped: counts, by reason, what was left out; added to.
    """
    described = {
        (entry["Package"], entry.get("Description-md5")): entry.get("Description-en", "")
        for entry in _entries(translation, ["Package", "Description-md5", "Description-en"])
    }
    joined: dict[str, Package] = {}
    for entry in _entries(packages, ["Package", "Source", "Section", "Description-md5"]):
        name = entry["Package"]
        description = described.get((name, entry.get("Description-md5")))
        if description is None:
            dropped["package without an English description"] += 1
        elif name in joined:
            dropped["package listed again"] += 1
        else:
            first, _, rest = description.partition("\n")
            joined[name] = Package(
                name=name,
                source=entry.get("Source", name).split(" ")[0],
                section=entry.get("Section", "").rpartition("/")[2],
                query=" ".join(first.split()),
                paragraphs=tuple(split_paragraphs(rest)),
            )
    return list(joined.values())


def _entries(index: str, fields: list[str]) -> Iterator[dict[str, str]]:
    from debian.deb822 import Deb822

    for entry in Deb822.iter_paragraphs(index.split("\n"), fields=fields, use_apt_pkg=False):
        if "Package" in entry:
            yield {field: entry[field] for field in fields if field in entry}


def split_paragraphs(description: str) -> list[Paragraph]:
    """Return the blocks of a long description, each unwrapped to one line.

    1. A line of " ." alone ends a block.
    2. So does the step between prose (one space, then text) and a list or indented lines.
    3. A list's markers are dropped and its items run on: "* fast * small" is "fast small".

    Args:
        description: the field's lines after the first, as they stand in the index.
    """
    blocks: list[tuple[bool, list[str]]] = []
    fresh = True
    for line in description.split("\n"):
        if line.strip() in ("", "."):
            fresh = True
            continue
        prose = not (line.startswith("  ") or BULLET.match(line))
        if fresh or blocks[-1][0] != prose:
            blocks.append((prose, []))
        blocks[-1][1].append(line if prose else BULLET.sub("", line))
        fresh = False
    return [
        Paragraph(number, " ".join(" ".join(lines).split()), prose)
        for number, (prose, lines) in enumerate(blocks)
    ]


def choose_rows(packages: list[Package], dropped: Counter[str]) -> Iterator[Row]:
    """Yield a row per paragraph that can be a document, up to three a package.

    Packages come in the order of their names' SHA-256, so that which sibling stands for
    a held-out source has nothing to do with its name's spelling. Only a package's first
    prose paragraph may be held out.

    Args:
        packages: all of the corpus, so that repeats are counted over all of it.
        dropped: counts, by reason, what was left out; added to.
    """
    repeats = Counter(fold(p.text) for package in packages for p in package.paragraphs)
    for package in sorted(packages, key=lambda package: digest(package.name)):
        if not package.query:
            dropped["paragraph of a package with an empty one-line description"] += len(
                package.paragraphs
            )
            continue
        fit = []
        for paragraph in package.paragraphs:
            if reason := unfit_because(paragraph, repeats[fold(paragraph.text)]):
                dropped[reason] += 1
            else:
                fit.append(paragraph)
        dropped[f"paragraph after a package's first {PARAGRAPHS}"] += len(fit[PARAGRAPHS:])
        first_prose = next((paragraph for paragraph in fit if paragraph.prose), None)
        for paragraph in fit[:PARAGRAPHS]:
            yield Row(
                query=package.query,
                document=paragraph.text,
                group=package.source,
                extra=(package.name, package.source, package.section, paragraph.number),
                may_be_held_out=paragraph is first_prose,
            )


def unfit_because(paragraph: Paragraph, repeats: int = 1) -> str:
    """Return why a paragraph cannot be a document, or "" where it can.

    A bulleted or indented block reads as language when it has eight words or more and
    four fifths of its visible characters are letters: lists of features do, shell
    sessions, version tables and formulas do not.

    Args:
        paragraph: the paragraph.
        repeats: how often its folded text occurs in the corpus.
    """
    words = paragraph.text.split()
    visible = "".join(words)
    letters = sum(character.isalpha() for character in visible)
    if len(re.findall(r"\w+", paragraph.text)) < FEWEST_WORDS:
        return f"paragraph under {FEWEST_WORDS} words"
    if not paragraph.prose and (len(words) < 8 or letters < 0.8 * len(visible)):
        return "list or indented block that is not language"
    if visible.endswith(":") and len(words) < LEAD_IN_WORDS:
        return f"paragraph under {LEAD_IN_WORDS} words that only leads in a list"
    if repeats > MAX_REPEATS:
        return f"paragraph that occurs more than {MAX_REPEATS} times"
    return ""
