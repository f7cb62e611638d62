"""Who takes too much of something: sums over units, edges of the share and of the size, what is exempt."""

from typing import Any

import pytest

from pipeline.alarms import alarms
from pipeline.config import Alarms
from pipeline.report import alarm


def unit(
    kind: str, name: str | None, texts: int, *, clusters: list[dict[str, Any]] | None = None, **reasons: int
) -> Any:
    return {
        "shares": [{"kind": kind, "name": name, "texts": texts, "reasons": reasons}],
        "clusters": clusters or [],
    }


def test_counts_of_units_are_summed() -> None:
    halves = [unit("language", "Go", 600, long_line=400), unit("language", "Go", 400, long_line=101)]
    assert alarms(halves, Alarms()) == [
        {"what": "long_line", "kind": "language", "name": "Go", "taken": 501, "texts": 1_000}
    ]


@pytest.mark.parametrize(
    ("texts", "taken", "raised"),
    [(1_000, 501, True), (1_000, 500, False), (999, 999, False), (1_000, 0, False)],
)
def test_an_alarm_needs_more_than_the_share_and_enough_texts(texts: int, taken: int, raised: bool) -> None:
    found = alarms([unit("owner", "local/a", texts, few_letters=taken)], Alarms(max_share=0.5, min_files=1_000))
    assert bool(found) == raised


@pytest.mark.parametrize(
    ("reason", "raised"),
    [
        ("near_duplicate", True),
        ("vendored", True),
        ("no_license", False),  # what a licence policy takes is what it is for
        ("non_permissive_license", False),
        ("other_language", False),
        ("exact_duplicate", False),  # an equal text stays
        ("superseded", False),
    ],
)
def test_what_raises_none(reason: str, raised: bool) -> None:
    assert bool(alarms([unit("source", "0", 2_000, **{reason: 2_000})], Alarms())) == raised


def test_a_cluster_that_is_most_of_a_language() -> None:
    cluster = {"file_id": "ab", "size": 900, "language": None, "owner": "local/a", "source": "0"}
    units = [unit("language", None, 1_000, clusters=[cluster]), unit("owner", "local/a", 5_000)]
    found = alarms(units, Alarms())
    assert found == [{"what": "cluster ab", "kind": "language", "name": "unknown", "taken": 900, "texts": 1_000}]
    assert alarm(found[0]) == "cluster ab takes 90 % of language unknown: 900 of 1,000 files"


def test_the_largest_share_comes_first_whatever_the_order_of_units() -> None:
    units = [unit("language", "C", 1_000, long_line=600), unit("language", "Go", 1_000, long_line=900)]
    found = alarms(units, Alarms())
    assert [row["name"] for row in found] == ["Go", "C"]
    assert alarms(units[::-1], Alarms()) == found
