"""ONNX files: nothing outside them is read or run, and what is none is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dssm_core.errors import UserError
from dssm_core.runtimes.onnx import check_graph
from tests.examples import examples
from tests.runtimes.encoders import ENCODERS, refusal, spoilt

GRAPH = (ENCODERS / "onnx" / "onnx" / "model.onnx").read_bytes()


def varint(number: int) -> bytes:
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def field(number: int, content: bytes) -> bytes:
    """Return a field of protobuf that holds bytes."""
    return varint(number << 3 | 2) + varint(len(content)) + content


EXTERNAL = field(13, field(1, b"location") + field(2, b"/etc/passwd"))
"""Of a tensor."""
FOREIGN = field(4, b"Evil") + field(7, b"evil.domain")
"""A node."""


def nested(content: bytes, depth: int) -> bytes:
    """Return a graph whose nodes hold graphs, so deep, and the last of them the content."""
    for _ in range(depth):
        content = field(1, field(5, field(6, content)))
    return content


UNSAFE = {
    "external initializer": field(7, field(5, EXTERNAL)),
    "external sparse values": field(7, field(15, field(1, EXTERNAL))),
    "external sparse indices": field(7, field(15, field(2, EXTERNAL))),
    "external constant": field(7, field(1, field(5, field(5, EXTERNAL)))),
    "external constants": field(7, field(1, field(5, field(10, EXTERNAL)))),
    "external sparse constant": field(7, field(1, field(5, field(22, field(1, EXTERNAL))))),
    "external sparse constants": field(7, field(1, field(5, field(23, field(2, EXTERNAL))))),
    "external, nested": field(7, nested(field(5, EXTERNAL), 5)),
    "external, nested among graphs": field(7, field(1, field(5, field(11, field(5, EXTERNAL))))),
    "external in a function": field(25, field(7, field(5, field(5, EXTERNAL)))),
    "external in a function's defaults": field(25, field(11, field(5, EXTERNAL))),
    "external in training": field(20, field(2, field(5, EXTERNAL))),
    "foreign node": field(7, field(1, FOREIGN)),
    "foreign node, nested": field(7, nested(field(1, FOREIGN), 3)),
    "foreign node in a function": field(25, field(7, FOREIGN)),
    "foreign function": field(25, field(10, b"evil.domain")),
    "foreign operations": field(8, field(1, b"evil.domain")),
    "no UTF-8": field(8, field(1, b"\xff")),
}


@pytest.mark.parametrize("case", UNSAFE)
def test_a_graph_that_reaches_out_of_its_file_is_refused(folder_of, case):
    folder = folder_of("onnx")
    for content in (GRAPH + UNSAFE[case], UNSAFE[case] + GRAPH):
        (folder / "onnx" / "model.onnx").write_bytes(content)
        assert refusal(folder).key == "encoder.unsafe graph"


DAMAGED = {
    "empty": b"",
    "text": b"hello, this is no ONNX file",
    "picture": b"\x89PNG\r\n\x1a\n" + bytes(50),
    "archive": b"PK\x03\x04" + bytes(50),
    "endless varint": b"\xff" * 30,
    "huge size": b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    "cut in a size": b"\x3a\xff",
    "cut in a number": GRAPH + b"\x0d\0\0",
    "size past the end": GRAPH + b"\x3a\x01",
    "a field that some parsers take for another": GRAPH + varint(1 << 32 | 7 << 3 | 2) + b"\0",
    "field 0": GRAPH + b"\x02\0",
    "a group": GRAPH + b"\x0b\x0c",
    "too deep": GRAPH + field(7, nested(b"", 60)),
    "the runtime's other format": b"\x0a\x12\0\0ORTM" + bytes(400),
}


@pytest.mark.parametrize("case", ["too deep", "huge size", "size past the end", "cut in a number"])
def test_what_the_runtime_might_read_is_refused_before_it(case):
    with pytest.raises(UserError) as caught:
        check_graph(DAMAGED[case], Path("model.onnx"))
    assert caught.value.key == "encoder.damaged file"


def test_a_folder_in_the_place_of_a_graph_is_no_graph(folder_of):
    folder = folder_of("onnx")
    (folder / "onnx" / "model.onnx").unlink()
    (folder / "onnx" / "model.onnx").mkdir()
    error = refusal(folder)
    assert (error.key, error.values["file"]) == ("encoder.no file", "model.onnx")


@pytest.mark.parametrize("case", DAMAGED)
def test_what_is_no_onnx_file_is_refused(folder_of, case):
    folder = folder_of("onnx")
    (folder / "onnx" / "model.onnx").write_bytes(DAMAGED[case])
    assert refusal(folder).key == "encoder.damaged file"


def test_a_graph_cut_off_anywhere_is_refused(folder_of):
    folder = folder_of("onnx")
    for end in range(0, len(GRAPH), len(GRAPH) // 40):
        (folder / "onnx" / "model.onnx").write_bytes(GRAPH[:end])
        assert refusal(folder).key == "encoder.damaged file"


def described(name: bytes, size: bytes) -> bytes:
    """Return a value of a graph: a matrix of whole numbers, of any size."""
    sizes = field(1, field(2, b"a")) + field(1, field(2, size))
    return field(1, name) + field(2, field(1, b"\x08\x07" + field(2, sizes)))


def one_node(operation: bytes, inputs: list[bytes], made: bytes) -> bytes:
    """Return a graph of one operation on matrices of whole numbers."""
    node = b"".join(field(1, name) for name in inputs) + field(2, made) + field(4, operation)
    values = b"".join(field(11, described(name, b"b")) for name in inputs)
    values += field(12, described(made, b"c"))
    return b"\x08\x08" + field(7, field(1, node) + field(2, b"g") + values) + field(8, b"\x10\x0d")


@pytest.mark.parametrize(
    ("operation", "inputs", "made", "key"),
    [
        (b"Identity", [b"attention_mask"], b"last_hidden_state", "encoder.no text encoder"),
        (b"Add", [b"input_ids", b"pixels"], b"last_hidden_state", "encoder.no text encoder"),
        (b"Identity", [b"input_ids"], b"y", "encoder.no text encoder"),
        (b"Identity", [b"input_ids"], b"last_hidden_state", "encoder.failed"),  # no vectors
        (b"MatMul", [b"input_ids", b"attention_mask"], b"sentence_embedding", "encoder.failed"),
        (b"Transpose", [b"input_ids"], b"sentence_embedding", "encoder.failed"),  # of pieces
    ],
)
def test_a_graph_that_is_no_text_encoder_is_refused(folder_of, operation, inputs, made, key):
    folder = folder_of("onnx")
    (folder / "onnx" / "model.onnx").write_bytes(one_node(operation, inputs, made))
    assert refusal(folder).key == key


@examples(400)
@given(st.one_of(st.binary(max_size=300), spoilt(GRAPH), spoilt(b"".join(UNSAFE.values()))))
@example(b"\x3a" * 1000)
def test_any_bytes_are_accepted_or_refused_in_one_sentence(content):
    told = ""
    try:
        check_graph(content, Path("model.onnx"))
    except UserError as error:
        told = str(error)
    assert "\n" not in told
