"""What the hub answers by method and path, but for commits and large files."""

import hashlib
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

import yaml

from tests.servers.hub import commits, lfs
from tests.servers.hub.calls import Answer, Call, as_json
from tests.servers.hub.state import Commit, Entry, PullRequest, Refusal, Repository, with_folders


def answer(call: Call) -> Answer:
    """By the first route that fits. Revisions come with their slashes quoted, so they are one part of the path."""
    method = "GET" if call.method == "HEAD" else call.method
    for route_method, pattern, need, function in ROUTES:
        found = re.fullmatch(pattern.format(**PARTS), call.path)
        if found and method == route_method:
            arguments = {name: unquote(text) for name, text in found.groupdict().items() if text is not None}
            if kind := arguments.pop("kind", None):
                name = arguments.pop("name") if kind == "datasets" else ""  # we have no models and no spaces
                return function(call, call.find(name, need, arguments.get("revision", "")), **arguments)
            return function(call, **arguments)
    raise Refusal(404, "Sorry, we can't find the page you are looking for.")


# Users and repositories


def whoami(call: Call) -> Answer:
    user = call.signed_in()
    orgs = [{"type": "org", "name": name, "roleInOrg": "write"} for name in user.orgs]
    access = {"type": "access_token", "accessToken": {"displayName": "token", "role": user.role}}
    return as_json({"type": "user", "name": user.name, "fullname": user.name, "orgs": orgs, "auth": access})


def create(call: Call) -> Answer:
    user, asked = call.signed_in(), call.json()
    namespace = asked.get("organization") or user.name
    name = f"{namespace}/{asked['name']}"
    if user.role == "read" or namespace not in (user.name, *user.orgs) or asked.get("type") != "dataset":
        text = f'You don\'t have the rights to create a {asked.get("type", "model")} under the namespace "{namespace}"'
        raise Refusal(403, text)
    url = f"{call.hub.url}/datasets/{name}"
    if name in call.hub.repositories:
        raise Refusal(409, "You already created this dataset repo", url=url)
    call.hub.add_repository(name, private=asked.get("visibility") == "private")
    return as_json({"url": url, "name": name, "id": hashlib.sha1(name.encode()).hexdigest()[:24]})


def delete(call: Call) -> Answer:
    asked = call.json()
    repository = call.find(f"{asked.get('organization') or call.signed_in().name}/{asked['name']}", "write")
    del call.hub.repositories[repository.name]
    return Answer()


def validate_yaml(call: Call) -> Answer:
    found = re.match(r"---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(\r?\n|$)", call.json()["content"], re.DOTALL)
    errors, warnings = [], []
    if not found:
        warnings.append({"message": "empty or missing yaml metadata in repo card"})
    else:
        try:
            if not isinstance(yaml.safe_load(found[1]), dict | None):
                errors.append({"message": "the metadata is not a mapping"})
        except yaml.YAMLError as error:
            errors.append({"message": f"the metadata is no YAML: {error}"})
    return as_json({"errors": errors, "warnings": warnings}, 400 if errors else 200)


def settings(call: Call, repository: Repository) -> Answer:
    asked = call.json()
    repository.gated = asked.get("gated", repository.gated)
    if "visibility" in asked:
        repository.private = asked["visibility"] == "private"
    return as_json({"private": repository.private, "gated": repository.gated})


def agree(call: Call, repository: Repository) -> Answer:
    """For routes that only ask whether one may."""
    return as_json({})


# Reading


def info(call: Call, repository: Repository, revision: str = "main") -> Answer:
    commit = repository.resolve(revision)
    date, files = iso(commit.time_s), sorted(commit.tree.items())
    siblings = [{"rfilename": path} | (about_file(entry) if call.flag("blobs") else {}) for path, entry in files]
    about = {"id": repository.name, "author": repository.namespace, "private": repository.private}
    about |= {"gated": repository.gated, "disabled": False, "tags": [], "downloads": 0, "likes": 0, "cardData": {}}
    return as_json(about | {"sha": commit.oid, "lastModified": date, "createdAt": date, "siblings": siblings})


def refs(call: Call, repository: Repository) -> Answer:
    def listed(prefix: str, found: dict[str, str]) -> list[dict[str, str]]:
        return [{"name": name, "ref": f"{prefix}{name}", "targetCommit": oid} for name, oid in found.items()]

    about = {"branches": listed("refs/heads/", repository.branches), "tags": listed("refs/tags/", repository.tags)}
    about["converts"] = []
    if call.flag("include_prs"):
        pulls = {str(pull.number): pull.head for pull in repository.pulls.values()}
        about["pullRequests"] = listed("refs/pr/", pulls)
    return as_json(about)


def history(call: Call, repository: Repository, revision: str) -> Answer:
    found = [
        {"id": c.oid, "title": c.title, "message": c.message, "authors": [{"user": c.author}], "date": iso(c.time_s)}
        for c in repository.history(revision)
    ]
    return paged(call, found, call.hub.page)


def tree(call: Call, repository: Repository, revision: str, path: str = "") -> Answer:
    commit, path, expand = repository.resolve(revision), path.strip("/"), call.flag("expand")
    start = f"{path}/" if path else ""
    found = [name for name in sorted(with_folders(commit.tree)) if name.startswith(start)]
    if path and not found:
        raise Refusal(404, f'{path} does not exist on "{revision}"', "EntryNotFound", {"X-Repo-Commit": commit.oid})
    if not call.flag("recursive"):
        found = [name for name in found if "/" not in name.removeprefix(start)]
    return paged(call, [listed(call, commit, name, expand) for name in found], 50 if expand else call.hub.page)


def paths_info(call: Call, repository: Repository, revision: str) -> Answer:
    """Of what is there; the paths come as a form."""
    commit, asked = repository.resolve(revision), parse_qs(call.body.decode())
    expand = asked.get("expand", [""])[-1].lower() in ("true", "1")
    paths, entries = [path.strip("/") for path in asked.get("paths", [])], with_folders(commit.tree)
    return as_json([listed(call, commit, path, expand) for path in paths if path in entries])


def listed(call: Call, commit: Commit, path: str, expand: bool) -> dict[str, Any]:
    about: dict[str, Any] = {"type": "directory", "oid": hashlib.sha1(path.encode()).hexdigest(), "size": 0}
    if entry := commit.tree.get(path):
        about = {"type": "file"} | about_file(entry)
        if xet := call.hub.objects.xet_file(entry.sha256):
            about["xetHash"] = xet[0]
    if expand:
        about["lastCommit"] = {"id": commit.oid, "title": commit.title, "date": iso(commit.time_s)}
    return about | {"path": path}


def about_file(entry: Entry) -> dict[str, Any]:
    """With the names that it has in listings and the ones that it has in the page of a repository."""
    about: dict[str, Any] = {"oid": entry.oid, "blobId": entry.oid, "size": entry.size}
    if entry.sha256:
        pointer = {"size": entry.size, "pointerSize": len(entry.pointer)}
        about["lfs"] = pointer | {"oid": entry.sha256, "sha256": entry.sha256}
    return about


def paged(call: Call, items: list[Any], size: int) -> Answer:
    """A part of the list, and in Link where the next one is."""
    start = int(call.query.get("cursor", "0"))
    headers = {}
    if start + size < len(items):
        query = urlencode(call.query | {"cursor": str(start + size)})
        headers["Link"] = f'<{call.hub.url}{call.path}?{query}>; rel="next"'
    return as_json(items[start : start + size], headers=headers)


def xet_token(call: Call, repository: Repository, revision: str = "") -> Answer:
    """The same in the body and in headers: some clients read the one, some the others."""
    if call.hub.cas is None:
        raise Refusal(404, "This hub has no Xet storage")
    url = call.hub.cas.store_address() if "write" in call.path else call.hub.cas.copy_address()
    token, expires = "xet", int(time.time()) + 3600
    headers = {"X-Xet-Cas-Url": url, "X-Xet-Access-Token": token, "X-Xet-Token-Expiration": str(expires)}
    return as_json({"accessToken": token, "exp": expires, "casUrl": url}, headers=headers)


# References


def create_branch(call: Call, repository: Repository, branch: str) -> Answer:
    if branch.startswith("refs/"):
        raise Refusal(400, f"Invalid reference for a branch: {branch}")
    if branch in repository.branches:
        raise Refusal(409, f"Reference already exists: refs/heads/{branch}")
    repository.branches[branch] = repository.resolve(call.json().get("startingPoint", "main")).oid
    return as_json({})


def delete_branch(call: Call, repository: Repository, branch: str) -> Answer:
    if branch == "main":
        raise Refusal(403, "The main branch cannot be deleted")
    return removed(repository.branches, branch)


def create_tag(call: Call, repository: Repository, revision: str) -> Answer:
    tag = call.json()["tag"]
    if tag in repository.tags:
        raise Refusal(409, f"Tag reference exists already: refs/tags/{tag}")
    repository.tags[tag] = repository.resolve(revision).oid
    return as_json({})


def delete_tag(call: Call, repository: Repository, revision: str) -> Answer:
    return removed(repository.tags, revision)


def removed(references: dict[str, str], name: str) -> Answer:
    if references.pop(name, None) is None:
        raise Refusal(404, f"Invalid rev id: {name}", "RevisionNotFound")
    return as_json({})


def super_squash(call: Call, repository: Repository, branch: str) -> Answer:
    """One commit without parents; the old ones stay as long as other references lead to them."""
    commit = repository.resolve(branch)
    oid = repository.add_commit((), commit.tree, call.json()["message"], "", call.signed_in().name)
    repository.advance(branch, oid)
    return as_json({})


# Pull requests


def open_discussion(call: Call, repository: Repository) -> Answer:
    if not call.json().get("pullRequest"):
        raise Refusal(400, "This hub has only pull requests")
    pull = repository.open_pull(call.json()["title"], call.signed_in().name)
    return as_json({"num": pull.number, "pullRequest": True})


def discussions(call: Call, repository: Repository) -> Answer:
    wanted = call.query.get("status", "all")
    pulls = [p for p in repository.pulls.values() if wanted in ("all", p.status, {"draft": "open"}.get(p.status))]
    found = [about_pull(repository, pull) for pull in reversed(pulls)]
    return as_json({"discussions": found, "count": len(found), "start": 0})


def discussion(call: Call, repository: Repository, number: str) -> Answer:
    pull = find_pull(repository, number)
    more = {"filesWithConflicts": repository.merged(pull)[1], "changes": {"base": "refs/heads/main"}, "events": []}
    return as_json(about_pull(repository, pull) | more | {"diff": ""})


def change_status(call: Call, repository: Repository, number: str) -> Answer:
    pull, user, wanted = find_pull(repository, number), call.signed_in(), call.json()["status"]
    if user.name != pull.author:
        call.find(repository.name, "write")
    if pull.status == "merged":
        raise Refusal(400, "This pull request is merged")
    pull.status = wanted
    event = {"id": "0", "type": "status-change", "createdAt": iso(call.hub.clock()), "author": {"name": user.name}}
    return as_json({"newStatus": event | {"data": {"status": wanted}}})


def merge(call: Call, repository: Repository, number: str) -> Answer:
    repository.merge(find_pull(repository, number))
    return as_json({})


def find_pull(repository: Repository, number: str) -> PullRequest:
    if int(number) not in repository.pulls:
        raise Refusal(404, "Discussion not found")
    return repository.pulls[int(number)]


def about_pull(repository: Repository, pull: PullRequest) -> dict[str, Any]:
    about = {"num": pull.number, "title": pull.title, "status": pull.status, "isPullRequest": True}
    created = iso(repository.commits[pull.head].time_s)
    repo = {"name": repository.name, "type": "dataset"}
    return about | {"author": {"name": pull.author}, "createdAt": created, "repo": repo}


# Large files as such


def list_lfs(call: Call, repository: Repository) -> Answer:
    """Each object once, with one path and reference of those that it has."""
    references = {f"refs/heads/{name}": oid for name, oid in repository.branches.items()}
    places = {
        entry.sha256: (path, next((ref for ref, oid in references.items() if oid == commit.oid), None))
        for commit in repository.commits.values()
        for path, entry in commit.tree.items()
    }
    found = [
        {"fileOid": sha256, "oid": sha256, "size": size, "filename": path, "ref": ref, "pushedAt": iso(0)}
        for sha256, size in repository.lfs.items()
        for path, ref in [places.get(sha256, ("", None))]
    ]
    return paged(call, found, call.hub.page)


def delete_lfs(call: Call, repository: Repository) -> Answer:
    asked = call.json()["deletions"]
    repository.forget(set(asked["sha"]), asked["rewriteHistory"])
    return as_json({})


def iso(time_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time_s))


PARTS = {
    "repo": "(?P<kind>datasets|models|spaces)/(?P<name>[^/]+/[^/]+)",
    "revision": "(?P<revision>[^/]+)",
    "branch": "(?P<branch>[^/]+)",
    "number": "(?P<number>[0-9]+)",
    "file": "(?P<revision>refs/pr/[0-9]+|[^/]+)/(?P<path>.+)",
    "below": "(?:/(?P<path>.+))?",
}
Function = Callable[..., Answer]
# (method, path, what the user must be allowed to do with the repository, function)
ROUTES: tuple[tuple[str, str, str, Function], ...] = (
    ("GET", "/api/whoami-v2", "", whoami),
    ("POST", "/api/validate-yaml", "", validate_yaml),
    ("POST", "/api/repos/create", "", create),
    ("DELETE", "/api/repos/delete", "", delete),
    ("GET", "/api/{repo}", "read", info),
    ("GET", "/api/{repo}/revision/{revision}", "read", info),
    ("GET", "/api/{repo}/refs", "read", refs),
    ("GET", "/api/{repo}/commits/{revision}", "read", history),
    ("GET", "/api/{repo}/tree/{revision}{below}", "read", tree),
    ("POST", "/api/{repo}/paths-info/{revision}", "read", paths_info),
    ("GET", "/api/{repo}/auth-check", "download", agree),
    ("GET", "/api/{repo}/auth-check/write", "write", agree),
    ("PUT", "/api/{repo}/settings", "write", settings),
    ("POST", "/api/{repo}/preupload/{revision}", "write to revision", commits.preupload),
    ("POST", "/api/{repo}/commit/{revision}", "write to revision", commits.commit),
    ("GET", "/api/{repo}/xet-write-token/{revision}", "write to revision", xet_token),
    ("GET", "/api/{repo}/xet-read-token/{revision}", "download", xet_token),
    ("POST", "/api/{repo}/branch/{branch}", "write", create_branch),
    ("DELETE", "/api/{repo}/branch/{branch}", "write", delete_branch),
    ("POST", "/api/{repo}/tag/{revision}", "write", create_tag),
    ("DELETE", "/api/{repo}/tag/{revision}", "write", delete_tag),
    ("POST", "/api/{repo}/super-squash/{branch}", "write", super_squash),
    ("POST", "/api/{repo}/discussions", "propose", open_discussion),
    ("GET", "/api/{repo}/discussions", "read", discussions),
    ("GET", "/api/{repo}/discussions/{number}", "read", discussion),
    ("POST", "/api/{repo}/discussions/{number}/status", "propose", change_status),
    ("POST", "/api/{repo}/discussions/{number}/merge", "write", merge),
    ("GET", "/api/{repo}/lfs-files", "write", list_lfs),
    ("POST", "/api/{repo}/lfs-files/batch", "write", delete_lfs),
    ("POST", "/{repo}[.]git/info/lfs/objects/batch", "read", lfs.batch),
    ("POST", "/{repo}[.]git/info/lfs/verify", "propose", lfs.verify),
    ("GET", "/{repo}/resolve/{file}", "download", lfs.resolve),
)
