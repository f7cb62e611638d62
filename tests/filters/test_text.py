"""Binary or text, and which encoding: one row per case a forge serves."""

import codecs

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filters.text import CODECS, Decoded, decode, is_lfs_pointer

LATIN = "/* José Peña, Zürich: a façade */\nint main(void) { return 0; }\n"
CHINESE = "这是程序的注释\n用来说明函数的作用\n返回值是整数\n"
CODE = "# {}\ndef add(a, b):\n    return a + b\n"
JAPANESE = CODE.format("二つの数を足して、その結果を返す関数です")
SIMPLIFIED = CODE.format("这个函数把两个数字相加然后返回结果")
TRADITIONAL = CODE.format("這個函數將兩個數字相加並傳回結果")
KOREAN = CODE.format("두 수를 더한 결과를 돌려주는 함수입니다")
RUSSIAN = CODE.format("Функция складывает два числа и возвращает результат")
CZECH = CODE.format("Příliš žluťoučký kůň úpěl ďábelské ódy, součet dvou čísel")


@pytest.mark.parametrize(
    ("text", "written", "encoding", "confidence"),
    [
        (LATIN, "utf-8", "utf-8", 1.0),
        (LATIN, "utf-8-sig", "utf-8", 1.0),
        (LATIN, "utf-16", "utf-16-le", 1.0),
        (CHINESE, "utf-16", "utf-16-le", 1.0),
        (LATIN, "utf-32", "utf-32-le", 1.0),
        (LATIN, "utf-16-le", "utf-16-le", 0.9),
        (LATIN, "utf-16-be", "utf-16-be", 0.9),
        (CHINESE, "utf-16-le", "utf-16-le", 0.9),
        (CHINESE, "utf-16-be", "utf-16-be", 0.9),
        (CODE.format("José"), "latin-1", "windows-1252", 0.9),
        (JAPANESE, "shift_jis", "cp932", 0.9),
        (JAPANESE, "euc-jp", "euc-jp", 0.9),
        (JAPANESE, "iso-2022-jp", "iso-2022-jp", 0.9),
        (SIMPLIFIED, "gb18030", "gb18030", 0.9),
        (TRADITIONAL, "big5", "cp950", 0.9),
        (KOREAN, "euc-kr", "cp949", 0.9),
        (RUSSIAN, "cp1251", "windows-1251", 0.9),
        (RUSSIAN, "koi8-r", "koi8-u", 0.9),
        (CZECH, "cp1250", "windows-1250", 0.9),
        (CZECH, "iso-8859-2", "iso-8859-2", 0.9),
        # hardly anything but Cyrillic: the detector is right, and less is claimed
        ("Функция складывает два числа\n", "cp1251", "windows-1251", 0.5),
    ],
)
def test_decode_reads_what_was_written(text: str, written: str, encoding: str, confidence: float) -> None:
    has_mark = written in ("utf-8-sig", "utf-16", "utf-32")
    assert decode(text.encode(written)) == Decoded(text.encode(), encoding, confidence, has_mark)


@pytest.mark.parametrize(("mark", "encoding"), [(codecs.BOM_UTF16_BE, "utf-16-be"), (codecs.BOM_UTF32_BE, "utf-32-be")])
def test_decode_reads_big_endian_marks(mark: bytes, encoding: str) -> None:
    assert decode(mark + LATIN.encode(encoding)) == Decoded(LATIN.encode(), encoding, 1.0, True)


@pytest.mark.parametrize(
    ("text", "written", "confidence"),
    [
        # the detector does not know these two; what gives them away is a capital or a quote after a small letter
        ("# José\n", "mac-roman", 0.4),
        ("# José\n", "cp850", 0.4),
        # bytes that windows-1252 does not have
        ("# très, façade\n", "mac-roman", 0.2),
    ],
)
def test_decode_claims_little_for_encodings_it_cannot_know(text: str, written: str, confidence: float) -> None:
    decoded = decode(text.encode(written))
    assert decoded is not None
    assert decoded.utf8 != text.encode()
    assert decoded.confidence == confidence


@pytest.mark.parametrize(
    ("data", "is_text"),
    [
        (b"", True),
        (b"a" * 7_999 + b"\0" + b"a" * 100, False),
        (b"a" * 8_000 + b"\0" + b"a" * 100, True),
        (b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Length 9 >>\nstream\nx\x9c\x00\x01\x02\x03\xff\n", False),
        (b"%!PS-Adobe-3.0\n/Helvetica findfont 12 scalefont setfont\n", True),
        (b"\x7fELF\x02\x01\x01\0\0\0\0", False),
        ("añb\n".encode() * 19 + b"\x01" * 5, False),
        (b"a" * 98 + b"\x01\x7f", True),
        (b"a" * 97 + b"\x01\x02\x7f", False),
        (b"\x1b[31mred\x1b[0m \a\b\v\f\t\r\n" * 9, True),
        # marks before something that is not in their encoding: a lone surrogate, controls, half a unit
        (codecs.BOM_UTF16_LE + b"\x00\xd8" * 9, False),
        (codecs.BOM_UTF16_BE + b"\x00a\x00b\n", False),
        (codecs.BOM_UTF16_LE + b"\x01\x00" * 9, False),
        (b"\0\x01\0\x02\0\x03", False),
    ],
)
def test_decode_tells_text_from_binary(data: bytes, is_text: bool) -> None:
    assert (decode(data) is not None) == is_text


@pytest.mark.parametrize(
    "data",
    [
        b"x = '\xed\xa0\xbd\xed\xb8\x80'\n",  # CESU-8: two surrogates
        "x = 'é".encode()[:-1],
        CHINESE.encode()[:-2],
    ],
)
def test_what_is_nearly_utf8_is_guessed_and_says_so(data: bytes) -> None:
    decoded = decode(data)
    assert decoded is not None
    assert decoded.encoding != "utf-8"
    assert decoded.confidence < 1
    assert decoded.utf8.decode() == data.decode(decoded.encoding)


def test_utf8_is_not_copied() -> None:
    for text in ("ascii\n", "déjà\n"):
        data = text.encode()
        decoded = decode(data)
        assert decoded is not None
        assert decoded.utf8 is data


def test_mark_goes_even_before_what_is_not_utf8() -> None:
    assert decode(codecs.BOM_UTF8 + CODE.format("José").encode("latin-1")) == Decoded(
        CODE.format("José").encode(), "windows-1252", 0.9, True
    )


@pytest.mark.parametrize("ascii_lines", [0, 5_000])
def test_detector_sees_whole_lines_wherever_they_are(ascii_lines: int) -> None:
    # the odd first byte puts the end of 64 kB inside a character
    text = "x" + "x = 1  # 0123456\n" * ascii_lines + "あいうえおかきくけ\n" * 9_000
    decoded = decode(text.encode("euc-jp"))
    assert decoded is not None
    assert (decoded.encoding, decoded.utf8) == ("euc-jp", text.encode())


def test_python_can_read_whatever_the_detector_finds() -> None:
    # the encodings of the WHATWG standard but UTF-8, UTF-16 and those that are not real
    windows = [f"windows-{number}" for number in (874, *range(1250, 1259))]
    iso = [f"iso-8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, "8-i", 10, 13, 14, 15, 16)]
    others = "big5 euc-jp euc-kr gb18030 gbk ibm866 iso-2022-jp koi8-r koi8-u macintosh shift_jis x-mac-cyrillic"
    for name in [*windows, *iso, *others.split()]:
        for codec in CODECS.get(name, (name,)):
            assert b"a".decode(codec) == "a"


@settings(deadline=None)  # the first example compiles the kernel
@given(st.binary() | st.text().map(str.encode) | st.text().map(lambda text: text.encode("utf-16", "surrogatepass")))
@example(bytes.fromhex("8130813000d8"))
def test_what_is_decoded_is_utf8_without_mark_and_can_be_repeated(data: bytes) -> None:
    decoded = decode(data)
    if decoded is not None:
        marks = {"utf-8": 3, "utf-16-le": 2, "utf-16-be": 2, "utf-32-le": 4, "utf-32-be": 4}
        rest = data[marks.get(decoded.encoding, 3) :] if decoded.had_bom else data
        assert decoded.utf8.decode() == rest.decode(decoded.encoding)
        assert 0 < decoded.confidence <= 1


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d" * 32 + b"\nsize 12345\n"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (POINTER, True),
        (POINTER.replace(b"oid", b"ext-0-foo sha256:00\noid"), True),
        (b"# " + POINTER, False),
        (POINTER + b"x" * 1_024, False),
        (POINTER.replace(b"size", b"length"), False),
        (b"", False),
    ],
)
def test_is_lfs_pointer(data: bytes, expected: bool) -> None:
    assert is_lfs_pointer(data) == expected
