"""`encode`: the vectors of texts of any number, in shards of Parquet."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from dssm_core.commands.engine import add_engine, engine_of
from dssm_core.commands.files import add_model
from dssm_core.commands.html import add_strip
from dssm_core.commands.output import json_text, log_of

if TYPE_CHECKING:
    from dssm_core.commands.files import Commands


def add(commands: Commands) -> None:
    """Add this command to the parser's."""
    encode = commands.add_parser(
        "encode", help="encode texts of any number into shards of vectors, resumable"
    )
    encode.add_argument(
        "corpus",
        type=Path,
        help="Parquet, JSONL or a table of texts, with ids or without; or one text a line",
    )
    add_model(encode)
    encode.add_argument("--out", type=Path, required=True, help="folder to write into")
    encode.add_argument(
        "--side",
        choices=("document", "query"),
        default="document",
        help="which tower encodes, and which columns are looked for (document)",
    )
    encode.add_argument(
        "--dtype",
        choices=("float16", "float32"),
        default="float16",
        help="of the vectors (float16)",
    )
    encode.add_argument(
        "--shard", type=int, metavar="N", help="texts of a shard, which is a task (20480)"
    )
    add_strip(encode)
    encode.add_argument("--json", action="store_true", help="print the manifest as JSON")
    add_engine(encode)
    encode.set_defaults(command=_encode, writes="out")


def _encode(options: argparse.Namespace) -> None:
    from dssm_core.bulk.encode import SHARD, encode_texts
    from dssm_core.corpus.markup import strip_markup
    from dssm_core.folder import ModelFolder

    model = ModelFolder.open(options.model)
    with engine_of(options) as engine:
        manifest = encode_texts(
            *(options.corpus, options.out, model, options.side, options.dtype),
            SHARD if options.shard is None else options.shard,
            strip_markup if options.strip_html else None,
            *(log_of(options), engine),
        )
    if options.json:
        print(json_text(manifest))
        return
    unread = manifest["texts"] - manifest["readable"]
    note = f" ({unread:,} of zeros: nothing in them that the model reads)" if unread else ""
    print(
        f"{manifest['texts']:,} vectors of {manifest['vector']} numbers{note} in "
        f"{len(manifest['files'])} shards, in {options.out}"
    )
