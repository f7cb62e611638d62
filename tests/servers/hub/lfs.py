"""Large files: the LFS protocol, the storage's own origin, and downloads of all files."""

import hashlib
import json
import re
from urllib.parse import quote, unquote

from tests.servers.hub.calls import Answer, Call, as_json
from tests.servers.hub.state import Refusal, Repository

JSON = "application/vnd.git-lfs+json"


# Uploads


def batch(call: Call, repository: Repository) -> Answer:
    """Where to send which object; those that the repository has already come without an address."""
    asked = call.json()
    if asked["operation"] == "upload":
        call.find(repository.name, "propose")
    parted = "multipart" in asked.get("transfers", ())
    objects = [upload_of(call, repository, item["oid"], item["size"], parted) for item in asked["objects"]]
    transfer = "multipart" if any("chunk_size" in str(item) for item in objects) else "basic"
    return as_json({"transfer": transfer, "objects": objects}, headers={"Content-Type": JSON})


def upload_of(call: Call, repository: Repository, sha256: str, size: int, parted: bool) -> dict[str, object]:
    answer: dict[str, object] = {"oid": sha256, "size": size, "authenticated": True}
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        return answer | {"error": {"code": 422, "message": "Invalid object id"}}
    if sha256 in repository.lfs:
        return answer
    lfs = f"{call.hub.url}/datasets/{repository.name}.git/info/lfs"
    storage = f"{call.hub.cdn_url}/upload/{sha256}"
    upload: dict[str, object] = {"href": f"{storage}?X-Amz-Signature=any"}
    if parted and (part := call.hub.multipart_bytes) and size > part:
        parts = {f"{i:05d}": f"{storage}/{i}?X-Amz-Signature=any" for i in range(1, -(-size // part) + 1)}
        upload = {"href": f"{call.hub.cdn_url}/complete/{sha256}", "header": {"chunk_size": str(part), **parts}}
    return answer | {"actions": {"upload": upload, "verify": {"href": f"{lfs}/verify", "header": {}}}}


def verify(call: Call, repository: Repository) -> Answer:
    """From now on the repository may use the object."""
    call.find(repository.name, "propose")
    sha256, size = call.json()["oid"], call.hub.objects.size(call.json()["oid"])
    if size is None:
        raise Refusal(404, "Object not found in storage")
    if size != call.json()["size"]:
        raise Refusal(400, f"The object has {size} bytes")
    repository.lfs[sha256] = size
    return as_json({})


def etag(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


# The storage


def answer_storage(call: Call) -> Answer:
    """As S3 does: signed addresses know no Authorization, and what is put has a Content-Length."""
    if "Authorization" in call.headers:
        raise Refusal(400, "Only one auth mechanism allowed")
    found = re.fullmatch("/(upload|complete|blob)/([0-9a-f]{64})(?:/([0-9]+))?", call.path)
    if found and found[1] == "upload" and call.method == "PUT":
        return receive(call, found[2], found[3])
    if found and found[1] == "complete" and call.method == "POST":
        return complete(call, found[2])
    if found and found[1] == "blob" and call.method in ("GET", "HEAD"):
        path = call.hub.objects.path(found[2])
        if path.exists():
            return ranged(call, path.read_bytes(), {"ETag": f'"{found[2]}"'})
    raise Refusal(404, "NoSuchKey")


def receive(call: Call, sha256: str, number: str | None) -> Answer:
    if "Content-Length" not in call.headers:
        raise Refusal(501, "NotImplemented: Transfer-Encoding")
    if number:
        call.hub.parts.setdefault(sha256, {})[int(number)] = content = b"".join(call.pieces)
        return Answer(200, {"ETag": etag(content)})
    if not call.hub.objects.put(sha256, call.pieces):
        raise Refusal(400, "XAmzContentSHA256Mismatch")
    return Answer(200, {"ETag": '"any"'})


def complete(call: Call, sha256: str) -> Answer:
    """The parts of a multipart upload become an object."""
    asked, parts = json.loads(b"".join(call.pieces))["parts"], call.hub.parts.get(sha256, {})
    if any(etag(parts.get(part["partNumber"], b"")) != part["etag"] for part in asked):
        raise Refusal(400, "InvalidPart: the entity tag of a part does not match")
    if not call.hub.objects.put(sha256, (parts[part["partNumber"]] for part in asked)):
        raise Refusal(400, "XAmzContentSHA256Mismatch")
    return Answer()


# Downloads


def resolve(call: Call, repository: Repository, revision: str, path: str) -> Answer:
    """A small file; of a large one the address of its bytes."""
    commit = repository.resolve(revision)
    path = unquote(path)
    entry = commit.tree.get(path)
    name = quote(path.rsplit("/", 1)[-1])
    headers = {"X-Repo-Commit": commit.oid, "Content-Disposition": f"inline; filename*=UTF-8''{name}"}
    if entry is None or entry.sha256 in repository.deleted_lfs:
        raise Refusal(404, "Entry not found", "EntryNotFound", {"X-Repo-Commit": commit.oid})
    if not entry.sha256:
        return ranged(call, entry.data, headers | {"ETag": f'"{entry.oid}"'})
    if xet := call.hub.objects.xet_file(entry.sha256):
        token = f"{call.hub.url}/api/datasets/{repository.name}/xet-read-token/{commit.oid}"
        headers |= {"X-Xet-Hash": xet[0], "Link": f'<{token}>; rel="xet-auth"'}
    headers |= {"ETag": f'"{entry.sha256}"', "X-Linked-ETag": f'"{entry.sha256}"', "X-Linked-Size": str(entry.size)}
    return Answer(302, headers | {"Location": f"{call.hub.cdn_url}/blob/{entry.sha256}?Signature=any"})


def ranged(call: Call, content: bytes, headers: dict[str, str]) -> Answer:
    """All of it, or the bytes that Range wants: `bytes=2-5`, `bytes=2-`, `bytes=-3`."""
    headers = {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"} | headers
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", call.headers.get("Range", ""))
    if not found or not (found[1] or found[2]):
        return Answer(200, headers, content)
    start = int(found[1]) if found[1] else max(len(content) - int(found[2]), 0)
    stop = min(int(found[2]) + 1, len(content)) if found[1] and found[2] else len(content)
    if start >= len(content):
        return Answer(416, headers | {"Content-Range": f"bytes */{len(content)}"})
    return Answer(206, headers | {"Content-Range": f"bytes {start}-{stop - 1}/{len(content)}"}, content[start:stop])
