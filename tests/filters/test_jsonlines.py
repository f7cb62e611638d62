"""Members of JSON objects by their places: the same as a parser finds, and nothing of what is no object."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.jsonlines import block, members, objects

KEYS = [b"a", b"key", b"other"]


def found_in(text: bytes) -> tuple[list[dict[str, bytes]], list[bytes], bytes]:
    """The values of KEYS in each object, the bad lines, and the rest."""
    found = objects(block(text), KEYS)
    rows = [
        {key.decode(): text[start:stop] for key, (start, stop) in zip(KEYS, spans, strict=True) if start < stop}
        for spans in found.members.tolist()
    ]
    return rows, [text[start:stop] for start, stop in found.bad.tolist()], text[found.rest :]


ONE_OBJECT = [
    ("{}", {}),
    ("{ }", {}),
    ('{"a":1}', {"a": "1"}),
    ('{"a":"x","other":null}', {"a": '"x"', "other": "null"}),
    (' { "a" : -1.5e3 , "b" : true } ', {"a": "-1.5e3"}),
    ('{"b":{"a":1},"key":[{"a":2},[3]]}', {"key": '[{"a":2},[3]]'}),
    ('{"a":{"a":"}","b":["]",{}]},"key":1}', {"a": '{"a":"}","b":["]",{}]}', "key": "1"}),
    (r'{"b":"\",\"a\":1,\"","key":"\\"}', {"key": r'"\\"'}),
    (r'{"b":"a long text, of more than a word, \\\" with \n","a":"\u0022"}', {"a": r'"\u0022"'}),
    ('{"a":1,"a":2}', {"a": "2"}),
    ('{"key":"\u00e9\U0001f600 is more than ASCII"}', {"key": '"\u00e9\U0001f600 is more than ASCII"'}),
    ('{"keys":1,"ke":2,"KEY":3}', {}),
]


@pytest.mark.parametrize(("line", "expected"), ONE_OBJECT)
@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\0\0\n", '{"b":0}\n'])
def test_an_object(line: str, expected: dict[str, str], end: str) -> None:
    rows, bad, rest = found_in((line + end).encode())
    assert rows[0] == {key: value.encode() for key, value in expected.items()}
    assert (len(rows), bad, rest) == (2 if "b" in end else 1, [], b"")
    assert json.loads(line) is not None


NO_OBJECT = [
    "x", "1", "null", '"text"', "[]", '[{"a":1}]', "}", "{]", "{a:1}", "{1:2}", '{"a"}', '{"a",}', '{"a":}',
    '{"a":,"b":1}', '{"a" 1}', '{"a":1 2}', '{"a":1,}', '{"a":1,,}', '{,"a":1}', '{"a":1]', '{"a":[1}', '{"a":[1',
    '{"a":{"b":1}', '{"a":"b', '{"a":"b\\"}', '{"a":"b\\', '{"a":"https://api.{"id":"2","type":"PushEvent"}',
    '{"a":1}]', '{"a":1}x', '{"a"::1}', '{"a":1:2}', '{"a":1"b":2}', '{"a" "b":1}', "\ufeff{}",
]  # fmt: skip


@pytest.mark.parametrize("line", NO_OBJECT)
def test_no_object(line: str) -> None:
    """The line is bad, and what stands before and behind it is not; before its end it is still open."""
    whole = [{}] if line.startswith('{"a":1}') else []
    skipped = [{"a": b"1"}] if whole else []
    rows, bad, rest = found_in(f'{{"key":1}}\n{line}\n{{"key":2}}\n'.encode())
    assert rows == [{"key": b"1"}, *skipped, {"key": b"2"}]
    assert [line.encode().endswith(each) and each != b"" for each in bad] == [True]
    assert rest == b""
    with pytest.raises(ValueError):
        value = json.loads(line)
        raise ValueError if not isinstance(value, dict) else AssertionError(value)
    *_, rest = found_in(f'{{"key":1}}\n{line}'.encode())
    assert rest and line.encode().endswith(rest)


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 1_000])
def test_many_objects_and_bad_lines(count: int) -> None:
    rows, bad, rest = found_in(b"".join(b'{"a":%d}\nbad %d\n' % (i, i) for i in range(count)))
    assert rows == [{"a": b"%d" % i} for i in range(count)]
    assert (bad, rest) == ([b"bad %d" % i for i in range(count)], b"")


def test_members_of_members() -> None:
    text = b'{"a":{"key":1,"b":{"key":2}}}\n{"a":[{"key":3}]}\n{"b":0}\n{"a":{"key":{"key":4}}}\n'
    here = block(text)
    outer = objects(here, [b"a"]).members[:, 0]
    inner = members(here, outer, [b"none", b"key"])
    assert [text[start:stop] for start, stop in inner[:, 1].tolist()] == [b"1", b"", b"", b'{"key":4}']
    assert [text[start:stop] for start, stop in inner[:, 0].tolist()] == [b""] * 4


def test_deep_nesting_is_no_recursion() -> None:
    deep = b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    assert found_in(deep)[0] == [{"a": deep[5:-1]}]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(["a", "key", "other", "b", 'x"{', "\\"]), VALUES)


@given(st.lists(OBJECTS), st.sampled_from([(",", ":"), (" , ", " : ")]), st.sampled_from(["\n", "", " \r\n", "\0"]))
def test_as_a_parser_finds_them(values: list[dict[str, Any]], separators: tuple[str, str], end: str) -> None:
    text = "".join(json.dumps(value, separators=separators, ensure_ascii=False) + end for value in values)
    rows, bad, rest = found_in(text.encode("utf-8", "surrogatepass"))
    wanted = [{key: value for key, value in each.items() if key.encode() in KEYS} for each in values]
    assert [
        {key: json.loads(value.decode("utf-8", "surrogatepass")) for key, value in row.items()} for row in rows
    ] == wanted
    assert (bad, rest) == ([], b"")


@given(st.binary() | st.text('{}[]",:\\\n a1').map(str.encode), st.integers(0))
def test_nothing_is_lost(text: bytes, cut: int) -> None:
    """Whatever the bytes, and wherever a block of them ends: the rest and what follows give the same."""
    here = text[: cut % (len(text) + 1)]
    rows, bad, rest = found_in(here)
    more, more_bad, last = found_in(rest + text[len(here) :])
    assert (rows + more, bad + more_bad, last) == found_in(text)
