"""How to read a release: commands and code, all of them pinned to the version."""

from collections.abc import Mapping
from typing import Any

from filters.language import slug
from pipeline.card.front import by_split, configurations
from pipeline.card.tables import size

UNPUBLISHED = "OWNER/NAME"  # where a card is not told the repository


def load_call(path: object, manifest: Mapping[str, Any], more: str = "") -> str:
    """How to load the largest language; not every language is in every split."""
    found = configurations(manifest)
    name = largest(manifest)
    split = next(iter(by_split(found.get(name, found["default"]))))
    named = f', "{name}"' if name in found else ""
    return f'load_dataset("{path}"{named}, split="{split}"{more})'


def largest(manifest: Mapping[str, Any]) -> str:
    """The configuration's name of the language with the most text."""
    languages = manifest["languages"]
    return slug(max(languages, key=lambda name: (languages[name]["kept"] > 0, languages[name]["text_bytes"])))


def blocks(manifest: Mapping[str, Any], repository: str | None) -> list[str]:
    """Markdown for each way to read it."""
    if not manifest["files"]["published"]:
        return ["Nothing was kept."]
    name, version = repository or UNPUBLISHED, f"v{manifest['version']}"
    found = configurations(manifest)
    language = largest(manifest)
    shards = found.get(language, found["default"])
    folder = f"data/{language}" if language in found else "data"
    everything = "data/*/*.parquet" if len(found) > 1 else "data/*.parquet"
    split = next(iter(by_split(shards)))
    pinned = f', revision="{version}"'
    total = sum(manifest["contents"][shard]["bytes"] for shard in found["default"])
    part = sum(manifest["contents"][shard]["bytes"] for shard in by_split(shards)[split])
    return [
        f"Everything below names the version. `main` moves on with the next one, and Polars and DuckDB ask for each "
        f"file anew: without `@{version}` a reader may meet two versions at once.",
        "With `datasets`, one configuration, streamed, or everything:",
        f"""```python
from datasets import load_dataset

rows = {load_call(name, manifest, pinned)}  # {size(part)}
print(rows[0]["repo_name"], rows[0]["path"])

stream = {load_call(name, manifest, pinned + ", streaming=True")}
print(next(iter(stream))["content"])

everything = load_dataset("{name}"{pinned})  # {size(total)}
```""",
        "With Polars, which reads the columns that are asked for, or DuckDB:",
        f"""```python
import polars as pl

files = pl.scan_parquet("hf://datasets/{name}@{version}/{folder}/*.parquet")
print(files.group_by("license_expression").len().sort("len", descending=True).collect())
```""",
        f"""```sql
SELECT language, count(*) AS files, sum(length_bytes) AS bytes
FROM 'hf://datasets/{name}@{version}/{everything}'
GROUP BY language ORDER BY bytes DESC;
```""",
        "As files, all or those of one configuration, and whether all have arrived whole:",
        f"""```bash
hf download {name} --repo-type dataset --revision {version} --local-dir corpus
hf download {name} --repo-type dataset --revision {version} --local-dir part \\
    --include "{folder}/*"
```""",
        """```python
import hashlib, json
from pathlib import Path

contents = json.loads(Path("corpus/manifest.json").read_text())["contents"]
for name, known in contents.items():
    with Path("corpus", name).open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == known["sha256"], name
```""",
        "`stackyard verify corpus` also counts the rows and looks for files that do not belong there.",
    ]
