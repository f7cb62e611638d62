"""What a path alone says: how it is written, whether it is accepted, and whether its content is worth reading."""

MAX_PATH_BYTES = 4_096
MAX_DEPTH = 64

# Names under which git, or a file system git runs on, would find a repository's own folder (CVE-2014-9390).
GIT_NAMES = frozenset({b".git", b"git~1"})

# .npmrc and .env templates are missing on purpose: they are settings far more often than secrets, and a token inside
# them is found by its shape.
SECRET_NAMES = frozenset(
    [
        "id_rsa",
        "id_dsa",
        "id_ecdsa",
        "id_ed25519",
        ".env",
        ".pypirc",
        ".netrc",
        "_netrc",
        ".htpasswd",
        ".git-credentials",
        ".pgpass",
    ]
)
SECRET_PATHS = frozenset({(".aws", "credentials"), (".docker", "config.json")})
SECRET_EXTENSIONS = frozenset(["p12", "pfx", "jks", "keystore", "kdbx", "pem", "key", "ppk"])
TEMPLATE_SUFFIXES = frozenset(["example", "sample", "template", "dist", "default", "defaults", "tmpl", "tpl"])

# Only extensions that no text has. Pickles and many weights are missing because a language has theirs too: .pkl (Pkl),
# .pb (PureBasic), .pt (Zope), .orc (Csound), .mo (Modelica); as are .ts, .obj, .doc, .bin, .dat. These are read first.
BINARY_EXTENSIONS = frozenset(
    extension
    for kind in (
        "avif bmp cr2 dds dng exr gif heic heif icns ico jfif jp2 jpeg jpg jxl nef png psb psd tga tif tiff webp xcf",
        "aac aif aiff ape flac m4a m4b midi mp2 mp3 oga ogg opus wav wma",
        "3gp avi f4v flv m2ts m4v mkv mov mp4 mpeg mpg ogv swf vob webm wmv",
        "7z aab apk appimage bz2 cab cpio crx deb dmg ear egg gz iso jar lz lz4 lzma lzo msi nupkg rar rpm tar tbz2",
        "tgz txz vhdx vmdk war whl xpi xz zip zst",
        "beam class dex dll dylib efi elf exe o odex pyc pyd pyo so wasm winmd",
        "eot otf pfb ttc ttf woff woff2",
        "accdb djvu docm docx epub mobi odg odp ods odt pdf potx pps ppsx ppt pptm pptx vsdx xlsb xlsm xlsx",
        "avro ckpt feather ggml gguf h5 hdf5 keras mlmodel npy npz onnx parquet safetensors tflite",
        "blend glb sqlite sqlite3 uasset umap unitypackage",
    )
    for extension in kind.split()
)


def display_path(raw: bytes) -> str:
    r"""`raw` as UTF-8, with `\xNN` for the bytes that are not. Only the raw bytes tell this from a real backslash.

    >>> display_path(b"src/caf\xe9.c")
    'src/caf\\xe9.c'
    """
    return raw.decode(errors="backslashreplace")


def bad_path(raw: bytes) -> bool:
    """True for a path that no ordinary tool writes and some tool would misread.

    That is an empty, `.`, `..` or `.git` component (any case, with trailing dots or spaces, or `git~1`), a NUL,
    over 4,096 bytes, or over 64 components. Source: git's own `fsck` rules; the limits are Linux's PATH_MAX and ours.
    """
    components = raw.split(b"/")
    if len(raw) > MAX_PATH_BYTES or len(components) > MAX_DEPTH or b"\0" in raw:
        return True
    # an empty component covers the empty path and a leading slash
    if b"" in components or b"." in components or b".." in components:
        return True
    # the quick test first: nearly no path has the three letters
    folded = raw.lower()
    return b"git" in folded and any(part.rstrip(b". ") in GIT_NAMES for part in folded.split(b"/"))


def secret_by_name(path: str) -> bool:
    """True where the name alone says that the file holds a key or a password. Case does not matter.

    >>> secret_by_name("deploy/.env.production"), secret_by_name(".env.example"), secret_by_name("id_rsa.pub")
    (True, False, False)
    """
    folder, _, name = path.lower().rpartition("/")
    _, dot, extension = name.rpartition(".")
    if name in SECRET_NAMES or (dot and extension in SECRET_EXTENSIONS):
        return True
    if name.startswith(".env."):
        return TEMPLATE_SUFFIXES.isdisjoint(name.split("."))
    return (folder.rpartition("/")[2], name) in SECRET_PATHS


def binary_by_name(path: str) -> bool:
    """True where the extension is one that only binary files have, so that the content need not be read.

    >>> binary_by_name("logo.PNG"), binary_by_name("logo.svg"), binary_by_name("png")
    (True, False, False)
    """
    name = path[path.rfind("/") + 1 :]
    _, dot, extension = name.rpartition(".")
    return bool(dot) and extension.lower() in BINARY_EXTENSIONS
