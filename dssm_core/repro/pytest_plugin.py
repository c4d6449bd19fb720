"""pytest runs repro cases: `pytest --dssm-model FOLDER` collects each *.cases.jsonl, a test a case.

Without that option, nothing is collected and nothing of this program is loaded. A case of which a
document broke fails; one that was wrong when it was kept, and still is, is an expected failure.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from dssm_core.repro.cases import Case
    from dssm_core.scoring import Scorer

ENDING = ".cases.jsonl"


class BrokenCase(Exception):
    """A document of a case was right when it was kept, and is wrong now."""


class CaseFile(pytest.File):
    """A file of repro cases."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield a test for each case."""
        from dssm_core.errors import UserError
        from dssm_core.repro.cases import read_cases
        from dssm_core.repro.replay import short

        try:
            cases = read_cases(self.path)
        except UserError as error:
            raise self.CollectError(str(error)) from None
        for number, case in enumerate(cases, 1):
            name = f"{number} {short(case.query, 60)}"
            yield CaseItem.from_parent(self, name=name, case=case)


class CaseItem(pytest.Item):
    """A repro case."""

    def __init__(self, *, case: Case, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.case = case

    def runtest(self) -> None:
        """Replay the case.

        Raises:
            BrokenCase: if a document of it broke.
        """
        from dssm_core.repro.replay import describe, replay

        outcomes = replay([self.case], _scorer(self.config)).outcomes
        broken = [o for o in outcomes if o.status == "broken"]
        if broken:
            raise BrokenCase("\n".join(line for o in broken for line in describe(o)))
        for outcome in outcomes:
            self.user_properties.append((outcome.status, outcome.document[:100]))
        if wrong := [o.wrong for o in outcomes if o.is_still_wrong]:
            pytest.xfail(f"wrong when it was kept, too: {'; '.join(wrong)}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return what broke, without a traceback; other trouble with one."""
        from dssm_core.errors import UserError

        if isinstance(excinfo.value, (BrokenCase, UserError)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return the file, the line from 0, and the test's name."""
        return self.path, self.case.line - 1, f"case {self.name}"


_SCORER: pytest.StashKey[Scorer] = pytest.StashKey()


def _scorer(config: pytest.Config) -> Scorer:
    """Return the model, loaded with the first case."""
    from dssm_core.scoring import Scorer

    if _SCORER not in config.stash:
        with warnings.catch_warnings():  # what Keras warns of is no finding of these tests
            warnings.simplefilter("ignore")
            config.stash[_SCORER] = Scorer(Path(config.getoption("dssm_model")))
    return config.stash[_SCORER]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("dssm", "repro cases of DSSM Lens")
    group.addoption("--dssm-model", metavar="FOLDER", help=f"replay *{ENDING} with this model")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> CaseFile | None:
    """Take a file of cases, where a model is given."""
    if file_path.name.endswith(ENDING) and parent.config.getoption("dssm_model"):
        return CaseFile.from_parent(parent, path=file_path)
    return None
