"""How a release was made, in counts: every step, every rule with its thresholds, duplicates and splits."""

from collections.abc import Mapping
from typing import Any

from filters.rules import RULES
from pipeline.card import plots
from pipeline.card.tables import percent, table

Manifest = Mapping[str, Any]
SHOWN = 30  # alarms
MAX_LISTED = 10  # values of a threshold
WITHHELD = (
    "Files with the reason `opt_out` or `takedown`, and repositories left out for these, are counted and not named: "
    "neither the ledger nor the table of repositories has them."
)

MEANINGS = {
    "bad_path": "its path could not be checked out safely",
    "binary": "not text, by its name or its content",
    "exact_duplicate": "its text is that of a file that is here",
    "lfs_pointer": "stands for a file in Git LFS",
    "missing_blob": "its content is not in the repository that was read",
    "near_duplicate": "its text is nearly that of a file that is here",
    "not_listed": "its repository is not among the sources any more",
    "opt_out": "its owner opted out",
    "secret_name": "named like a key or a password file",
    "submodule": "another repository",
    "superseded": "its repository was read again later",
    "symlink": "a symbolic link",
    "takedown": "somebody asked for its removal",
}  # of the reasons that are no rules


def steps(manifest: Manifest) -> list[str]:
    """Every stage, what came in, what was left, and where to look."""
    repositories, files, funnel = manifest["repositories"], manifest["files"], manifest["funnel"]
    left = [number for _, number in plots.funnel(manifest)]
    rules = f"{sum(rule['enabled'] for rule in manifest['configuration']['rules'].values())} rules, below"
    rows: list[tuple[Any, ...]] = [
        ("list", "repositories", "", repositories["listed"], "sources, without who opted out"),
        ("read", "repositories", repositories["listed"], repositories["ok"], "one commit of each, all of its files"),
        ("read", "files", "", files["entries"], "entries of their trees"),
        ("count", "files", *left[:2], "each repository once, as it was read last"),
        ("decode", "files", *left[1:3], "text in a known encoding; keys and binaries are not read"),
        ("label", "files", *left[2:4], rules),
        ("exact duplicates", "files", *left[3:5], "the same text after decoding"),
        ("near-duplicates", "files", funnel["distinct"], files["published"], _similarity(manifest)),
    ]
    return [
        *plots.shown("funnel", manifest),
        table(["step", "of", "in", "out", "how"], rows),
        *_pending(repositories["pending"]),
        "What became of repositories, with their commits and the reasons of failures, stands in "
        "[`ledger/repositories.parquet`](ledger/repositories.parquet), removed files stand in "
        f"{_linked('ledger/ledger-', manifest)}, and [`manifest.json`](manifest.json) has the "
        f"configuration with every threshold. {WITHHELD} The sums are checked before a release: each file that came "
        "in is here, in the ledger or counted among those.",
        table(["repositories", "count"], _outcomes(repositories)),
    ]


def _similarity(manifest: Manifest) -> str:
    dedup: dict[str, Any] = manifest["configuration"]["dedup"]
    return f"word 5-grams, Jaccard at least {dedup['min_similarity']}" if dedup["near_duplicates"] else "not looked for"


def _pending(pending: int) -> list[str]:
    told = f"**{pending:,} repositories were not extracted yet: this release is partial.**"
    return [told] if pending else []


def _outcomes(repositories: Mapping[str, Any]) -> list[tuple[str, int]]:
    outcomes = ("listed", "ok", "empty", "failed", "excluded", "pending")
    return [(name, repositories[name]) for name in outcomes] + [
        (f"`{code}`", number) for code, number in repositories["codes"].items()
    ]


def _linked(prefix: str, manifest: Manifest) -> str:
    """A folder's name, as a link to its first file: on the Hub a relative link to a folder leads nowhere."""
    files = sorted(name for name in manifest["contents"] if name.startswith(prefix))
    folder = f"`{prefix.partition('/')[0]}/`"
    return f"[{folder}]({files[0]})" if files else folder


def reasons(manifest: Manifest) -> list[str]:
    """Why files are not here."""
    rows = [
        (f"`{name}`", _meaning(name, manifest), row["files"], row["alone"], row["bytes"])
        for name, row in manifest["reasons"].items()
    ]
    never = [f"`{name}`" for name in manifest["rules_never_fired"]]
    return [
        "A file may have several reasons. `alone` counts the files that no other reason removes. Removed files "
        f"stand in `ledger/`, with what was measured and the thresholds in force. {WITHHELD}",
        table(["reason", "meaning", "files", "alone", "bytes"], rows),
        *([f"These rules were on and held for no file: {', '.join(never)}."] if never else []),
        *_alarms(manifest["alarms"]),
    ]


def _meaning(reason: str, manifest: Manifest) -> str:
    """What a reason says of a file, with the thresholds in force."""
    if reason == "too_large":
        return f"larger than {manifest['configuration']['extract']['max_file_bytes']:,} bytes, which were not read"
    if reason not in RULES:
        return MEANINGS[reason]
    meaning = str(RULES[reason].holds.__doc__).split("\n")[0].rstrip(".")
    others = []
    for key, value in manifest["configuration"]["rules"][reason].items():
        if f"`{key}`" in meaning and not isinstance(value, list):
            meaning = meaning.replace(f"`{key}`", f"{value:,}")
        elif key != "enabled":
            others.append(f"`{key}`: {_listed(value)}")
    return f"{meaning} ({'; '.join(others)})" if others else meaning


def _listed(value: Any) -> str:
    if isinstance(value, list) and len(value) > MAX_LISTED:
        return f"{len(value)} of them, in the configuration"
    return f"`{', '.join(map(str, value))}`" if isinstance(value, list) else f"{value:,}"


def _alarms(alarms: list[dict[str, Any]]) -> list[str]:
    if not alarms:
        return []
    rows = [(f"`{a['what']}`", f"{a['kind']} {a['name']}", a["taken"], a["texts"]) for a in alarms[:SHOWN]]
    more = [f"And {len(alarms) - SHOWN:,} more, in `manifest.json`."] if len(alarms) > SHOWN else []
    return ["These take an unusual share of something:", table(["what", "of", "files taken", "of files"], rows), *more]


def duplicates(manifest: Manifest) -> list[str]:
    dedup = manifest["configuration"]["dedup"]
    order = ", ".join(f"`{key}`" for key in dedup["keep"])
    found = {name: manifest["reasons"].get(f"{name}_duplicate", {"files": 0})["files"] for name in ("exact", "near")}
    if not dedup["near_duplicates"]:
        return [
            f"Exact copies are removed ({found['exact']:,} files); of these, the first in this order stays: {order}. "
            "Near-duplicates are not looked for."
        ]
    return [
        f"Exact copies are removed ({found['exact']:,} files), and files whose word 5-grams have a Jaccard similarity "
        f"of at least {dedup['min_similarity']} to a file that is here ({found['near']:,} files), over all languages "
        "and repositories: MinHash with 256 permutations in 42 bands of 6 finds the pairs, every pair is verified, "
        "those near the threshold exactly. A file yields only to one that stays and that it resembles: no chains. The "
        f"first in this order stays: {order}. {_linked('clusters/', manifest)} names each pair with its "
        "similarity; `cluster_size` says how many files a row stands for.",
    ]


def splits(manifest: Manifest) -> list[str]:
    rows, overlap = manifest["splits"]["rows"], manifest["splits"]["overlap"]
    total = sum(rows.values())
    shares = [(f"`{name}`", number, percent(number, total)) for name, number in sorted(rows.items())]
    if not overlap["held_out_texts"]:
        said = "No repository is held out."
    else:
        said = (
            "Repositories that share at least "
            f"{percent(round(100 * manifest['configuration']['split']['shared_fraction']), 100)} of the smaller one's "
            "texts, and forks with what they were forked from, are in one split. Before duplicates were removed, "
            f"{overlap['shared_texts']:,} of the {overlap['held_out_texts']:,} distinct texts of held-out repositories "
            "also occurred in repositories of the train split; each is now in one place only."
        )
    return [table(["split", "rows", "share"], shares), said]
