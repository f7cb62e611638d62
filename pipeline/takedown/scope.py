"""What the requests mean in one workspace: repositories by their keys, paths of some, contents and texts of any."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from pipeline import inputs, parquet, storage
from pipeline.config import Config
from pipeline.sources.optout import meant, moved, read_opt_outs, refused, same
from pipeline.sources.rows import FOLDED_HOSTS, repo_key
from pipeline.takedown.requests import Request
from pipeline.units import units
from pipeline.workspace import Workspace

NAMED, EXCLUDED = ["repo_key", "host", "repo_name"], ["excluded", "excluded_detail"]


@dataclass(frozen=True)
class Scope:
    """What must not be there. `repositories`: `opt_out` or `takedown` by repo_key; `paths`: repo_key, NUL, path;
    `contents`: git blob ids; `texts`: text_ids, hexadecimal."""

    repositories: Mapping[str, str]
    paths: frozenset[str]
    contents: frozenset[str]
    texts: frozenset[str]

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> "Scope":
        return cls(values["repositories"], *(frozenset(values[name]) for name in ("paths", "contents", "texts")))

    def as_json(self) -> dict[str, Any]:
        return {name: value if isinstance(value, dict) else sorted(value) for name, value in asdict(self).items()}

    @property
    def any(self) -> bool:
        """Whether it means something."""
        return bool(self.repositories) or self.means_files

    @property
    def means_files(self) -> bool:
        """Whether it means single files, beside whole repositories."""
        return bool(self.paths or self.contents or self.texts)

    def refuses(self, key: str, path: str, content_id: str) -> bool:
        """Whether a file of the repository with this key must not be read."""
        return content_id in self.contents or (bool(self.paths) and f"{key}\0{path}" in self.paths)

    @cached_property
    def text_ids(self) -> frozenset[bytes]:
        """`texts` as units have them."""
        return frozenset(map(bytes.fromhex, self.texts))

    def whole(self) -> pl.Expr:
        """True for rows, with repo_key, of the repositories that must not be there."""
        return pl.col("repo_key").is_in(list(self.repositories))

    def named_files(self) -> pl.Expr:
        """True for rows with repo_key, path and content_id that must not be there as files."""
        place = pl.concat_str("repo_key", pl.lit("\0"), "path")
        inside = pl.col("repo_key").is_in([place.partition("\0")[0] for place in self.paths])
        return (inside & place.is_in(list(self.paths))) | pl.col("content_id").is_in(list(self.contents))

    def files(self, *, hexadecimal: bool) -> pl.Expr:
        """As `named_files`, and also by text_id: `hexadecimal` in a release, binary in units."""
        ids = (self.texts, pl.String) if hexadecimal else (self.text_ids, pl.Binary)
        texts = pl.Series(sorted(ids[0]), dtype=ids[1]).implode()
        return self.named_files() | pl.col("text_id").is_in(texts).fill_null(False)


NOTHING = Scope({}, frozenset(), frozenset(), frozenset())


def key_of_rows() -> pl.Expr:
    """repo_key of rows with host and repo_name."""
    folds = pl.col("host").is_in(list(FOLDED_HOSTS))
    name = pl.when(folds).then(pl.col("repo_name").str.to_lowercase()).otherwise("repo_name")
    return pl.format("{}/{}", "host", name).alias("repo_key")


@dataclass(frozen=True)
class Known:
    """Every repository that the workspace has something of, and their renames as keys: what requests can mean."""

    repositories: pl.DataFrame
    renames: list[tuple[str, str]]

    @classmethod
    def of(cls, workspace: Workspace) -> "Known":
        """Those that are listed, planned or in the release, and what they were forked from."""
        listed = workspace.repositories / "repositories.parquet"
        others = [unit.path("list.parquet") for unit in units(workspace)]
        others.append(workspace.release / "ledger/repositories.parquet")
        parts = [pl.DataFrame(schema=dict.fromkeys([*NAMED, *EXCLUDED], pl.String))]
        parts += [parquet.read_frame(path, [*NAMED, *EXCLUDED, "fork_of"]) for path in [listed] if path.exists()]
        parts += [parquet.read_frame(path, [*NAMED, "fork_of"]) for path in others if path.exists()]
        found = pl.concat(parts, how="diagonal")
        pairs = [(former, repo_key(former.partition("/")[0], name)) for former, name in inputs.renames(workspace)]
        return cls(pl.concat([found.select(*NAMED, *EXCLUDED), _forked(found)]).unique("repo_key", keep="first"), pairs)

    def keys(self, request: Request) -> list[str]:
        """The repositories that a request names, sorted; none for a content."""
        return sorted(meant(self.repositories, [request], self._pairs))

    def around(self, keys: Iterable[str]) -> "Known":
        """Only the repositories with these keys, under all their names."""
        wanted = same(set(keys), self._pairs)
        return Known(self.repositories.filter(pl.col("repo_key").is_in(list(wanted))), self.renames)

    @cached_property
    def _pairs(self) -> list[tuple[str, str]]:
        return [*moved(self.repositories), *self.renames]

    def scope(self, requests: Sequence[Request], config: Config | None = None) -> Scope:
        """What the requests mean, and with a configuration also who opted out."""
        opt_outs = read_opt_outs(config.folder, config.opt_out.files) if config else frozenset()
        paths = {
            f"{key}\0{path}"
            for request in requests
            if request.paths
            for key in self.keys(request)
            for path in request.paths
        }
        ids = {request.content_id for request in requests if request.content_id}
        return Scope(
            refused(self.repositories, opt_outs, requests, self.renames),
            frozenset(paths),
            frozenset(name for name in ids if len(name) == 40).union(*(request.contents for request in requests)),
            frozenset(name for name in ids if len(name) == 32).union(*(request.texts for request in requests)),
        )


def _forked(repositories: pl.DataFrame) -> pl.DataFrame:
    """What the repositories were forked from, of which no more may be known than the key."""
    keys = repositories.select(repo_key="fork_of").drop_nulls().unique()
    parts = pl.col("repo_key").str.splitn("/", 2).struct
    nothing = {name: pl.lit(None, pl.String) for name in EXCLUDED}
    return keys.with_columns(host=parts[0], repo_name=parts[1], **nothing)


def write(folder: Path, scope: Scope) -> Path:
    """For workers, which read it by name; the name is that of what it says."""
    path = folder / f"refused-{storage.digest(scope.as_json())}.json"
    storage.write_json(path, scope.as_json())
    return path


@lru_cache(maxsize=1)
def read(path: Path) -> Scope:
    """The scope that the driver wrote."""
    return Scope.of_json(storage.read_json(path))
