"""The only place, with `training`, that imports Keras; TensorFlow's greetings are left out."""

from __future__ import annotations

import os
import re
import sys
import tempfile

_GREETING = re.compile(
    rb"WARNING: All log messages before absl|[IW]\d{4} |To enable the following instructions"
    rb"|\d{4}-\d\d-\d\d [\d:.]+: [IW] "
)


def _import_quietly() -> None:
    """Import TensorFlow, which writes to file descriptor 2 whatever Python's stderr is."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as output:
        os.dup2(output.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            output.seek(0)
            for line in output:
                if not _GREETING.match(line):
                    os.write(2, line)


if "tensorflow" not in sys.modules:
    _import_quietly()
