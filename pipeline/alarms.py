"""Alarms: a rule or a cluster that takes so much of a language, an owner or a source that somebody should look.

Whole sources were lost that way, unseen: 859,092 documents to 2 (marin issue 6854).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from filters.language import UNKNOWN
from filters.rules import RULES
from pipeline.config import Alarms
from pipeline.summary import NEAR_DUPLICATE

# Rules that say what is wanted, not what is wrong.
EXEMPT = {"no_license", "non_permissive_license", "other_language", "other_path"}
WATCHED = {*RULES, NEAR_DUPLICATE} - EXEMPT


def alarms(summaries: Iterable[dict[str, Any]], limits: Alarms) -> list[dict[str, Any]]:
    """What takes how many texts, of how many of which language, owner or source; the largest share first."""
    texts: Counter[tuple[str, str]] = Counter()
    taken: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    clusters = []
    for summary in summaries:
        for row in summary["shares"]:
            whole = (row["kind"], row["name"] or UNKNOWN)
            texts[whole] += row["texts"]
            taken[whole].update({name: files for name, files in row["reasons"].items() if name in WATCHED})
        clusters += summary["clusters"]
    found = [(whole, name, files) for whole, counts in taken.items() for name, files in counts.items()]
    found += [
        ((kind, cluster[kind] or UNKNOWN), f"cluster {cluster['file_id']}", cluster["size"])
        for cluster in clusters
        for kind in ("language", "owner", "source")
    ]
    rows = [
        {"what": name, "kind": kind, "name": of, "taken": files, "texts": texts[kind, of]}
        for (kind, of), name, files in found
        if texts[kind, of] >= limits.min_files and files > limits.max_share * texts[kind, of]
    ]
    return sorted(rows, key=lambda row: (-row["taken"] / row["texts"], row["kind"], row["name"], row["what"]))
