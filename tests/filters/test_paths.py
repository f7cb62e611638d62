"""What a path alone decides: a table for each question, with both sides of every edge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.paths import bad_path, binary_by_name, display_path, secret_by_name


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"src/main.c", "src/main.c"),
        ("src/größe.c".encode(), "src/größe.c"),
        (b"src/gr\xf6\xdfe.c", "src/gr\\xf6\\xdfe.c"),
        (b"cut\xe2\x82", "cut\\xe2\\x82"),
        (b"surrogate\xed\xa0\x80", "surrogate\\xed\\xa0\\x80"),
        (b"a\\b\n", "a\\b\n"),
    ],
)
def test_display_path(raw: bytes, shown: str) -> None:
    assert display_path(raw) == shown


@given(st.binary())
def test_display_path_is_always_utf8(raw: bytes) -> None:
    assert display_path(raw).encode().decode() == display_path(raw)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"a", False),
        (b"a/b/c.py", False),
        (b"", True),
        (b"/a", True),
        (b"a/", True),
        (b"a//b", True),
        (b".", True),
        (b"a/./b", True),
        (b"..", True),
        (b"a/../b", True),
        (b"...", False),
        (b".a/..b/c..", False),
        (b".git", True),
        (b"a/.git/hooks/post-checkout", True),
        (b"a/.GiT", True),
        (b".git./config", True),
        (b".git. . /config", True),
        (b"GIT~1/config", True),
        (b"git~1. ", True),
        (b"git~2", False),
        (b".gitignore", False),
        (b".github/x", False),
        (b"x.git", False),
        (b" .git", False),
        (b"a\0b", True),
        (b"a\nb\x1b\\c\xff", False),
        (b"con/aux.txt", False),
        (b"a/" * 63 + b"b", False),
        (b"a/" * 64 + b"b", True),
        (b"a" * 4_096, False),
        (b"a" * 4_097, True),
    ],
)
def test_bad_path(raw: bytes, expected: bool) -> None:
    assert bad_path(raw) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("id_rsa", True),
        ("home/.ssh/ID_ED25519", True),
        ("id_dsa", True),
        ("id_ecdsa", True),
        ("id_rsa.pub", False),
        ("src/id_rsa.py", False),
        (".env", True),
        ("app/.ENV", True),
        (".env.local", True),
        (".env.production", True),
        (".env.production.local", True),
        (".env.example", False),
        (".env.sample", False),
        (".env.template", False),
        (".env.local.example", False),
        ("env", False),
        (".environment", False),
        (".npmrc", False),
        (".pypirc", True),
        (".netrc", True),
        ("_netrc", True),
        (".htpasswd", True),
        (".git-credentials", True),
        ("certificates/server.p12", True),
        ("server.PFX", True),
        ("release.jks", True),
        ("release.keystore", True),
        ("team.kdbx", True),
        ("server.pem", True),
        ("server.key", True),
        ("putty.ppk", True),
        (".pem", True),
        ("pem", False),
        ("key", False),
        ("server.key.md", False),
        (".aws/credentials", True),
        ("home/me/.aws/credentials", True),
        ("x.aws/credentials", False),
        ("credentials", False),
        (".docker/config.json", True),
        ("docker/config.json", False),
        ("src/main.py", False),
        ("", False),
    ],
)
def test_secret_by_name(path: str, expected: bool) -> None:
    assert secret_by_name(path) == expected


@pytest.mark.parametrize(
    "paths",
    [
        "a.png b/c.JPG x.mp3 x.mp4 .png",
        "x.zip x.tar.gz x.jar x.whl",
        "x.so x.pyc x.class x.wasm x.woff2",
        "x.pdf x.docx x.npy x.parquet x.safetensors x.onnx",
    ],
)
def test_binary_by_name(paths: str) -> None:
    assert [path for path in paths.split() if not binary_by_name(path)] == []


@pytest.mark.parametrize(
    "paths",
    [
        # languages and text formats that share an extension with something binary
        "a.ts a.pkl a.pb a.pt a.mo a.orc a.snap a.vhd a.mid a.node a.ko",
        "a.svg a.obj a.ply a.stl a.ppm a.eps a.ps a.doc a.bin a.dat a.map",
        # the extension of a folder, or no extension
        "a.png/b gz/so a png",
    ],
)
def test_what_may_be_text_is_read(paths: str) -> None:
    assert [path for path in paths.split() if binary_by_name(path)] == []
