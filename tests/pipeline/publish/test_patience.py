"""How long what is waited for: a table of answers, and a clock that jumps."""

import json

import httpx2
import pytest
from huggingface_hub.errors import HfHubHTTPError

from pipeline.errors import PublishError
from pipeline.publish.patience import HOURLY_S, wait_after
from tests.pipeline.publish.conftest import patience

REQUEST = httpx2.Request("POST", "http://hub.test/api/datasets/alice/data/commit/main")


def answered(status: int, headers: dict[str, str] | None = None, said: str = "") -> HfHubHTTPError:
    response = httpx2.Response(status, headers=headers or {}, request=REQUEST)
    return HfHubHTTPError(said, response=response, server_message=said)


def of_an_upload(error: Exception) -> RuntimeError:
    wrapped = RuntimeError("Error while uploading 'a.parquet' to the Hub.")
    wrapped.__cause__ = error
    return wrapped


@pytest.mark.parametrize(
    ("error", "attempt", "least_s", "most_s"),
    [
        (answered(503), 0, 1, 1.25),
        (answered(503), 3, 8, 10),
        (answered(503), 30, 60, 75),
        (answered(503, {"Retry-After": "7"}), 0, 8, 8),
        (answered(429, {"RateLimit": '"api";r=0;t=55'}), 0, 56, 56),
        (answered(429, {"RateLimit": '"api";r=949;t=55'}), 0, 1, 1.25),  # which is about something else
        (answered(429, {"RateLimit": '"api";r=949;t=55'}, "too many commits (128 per hour)"), 0, HOURLY_S, HOURLY_S),
        (answered(408), 0, 1, 1.25),
        (of_an_upload(answered(403)), 0, 1, 1.25),  # its address has expired
        (of_an_upload(httpx2.ReadError("reset")), 0, 1, 1.25),
        (httpx2.ConnectError("refused"), 1, 2, 2.5),
        (httpx2.ReadTimeout("silent"), 0, 1, 1.25),
        (json.JSONDecodeError("not JSON", "<html>", 0), 0, 1, 1.25),
    ],
)
def test_what_passes_is_waited_for(error: Exception, attempt: int, least_s: float, most_s: float) -> None:
    wait_s = wait_after(error, attempt)
    assert wait_s is not None and least_s <= wait_s <= most_s


@pytest.mark.parametrize(
    "error",
    [
        *map(answered, (400, 401, 403, 404, 409, 412, 413, 422)),
        of_an_upload(answered(400)),
        ValueError("?"),
        OSError("?"),
    ],
)
def test_the_rest_is_not(error: Exception) -> None:
    assert wait_after(error, 0) is None


def test_it_waits_in_all_as_long_as_it_may() -> None:
    waiting = patience(100)
    attempts = []

    def fail() -> None:
        attempts.append(waiting.clock())
        raise answered(503, {"Retry-After": "29"})

    with pytest.raises(PublishError, match=r"^commit: the server answered 503; to wait 30 s more is over 2 min in all"):
        waiting.until_done("commit", fail)
    assert attempts == [0, 30, 60, 90], "a fourth wait would end after 120 s"


def test_what_has_landed_is_not_done_again() -> None:
    done: list[str] = []

    def commit() -> str:
        done.append("c1")
        raise httpx2.ReadError("the answer is lost")

    assert patience().until_done("commit", commit, lambda: done[-1]) == "c1"
    assert done == ["c1"]


def test_an_hour_has_only_so_many_commits(capsys: pytest.CaptureFixture[str]) -> None:
    waiting = patience()
    waiting.commits_per_hour = 2
    times = []
    for _ in range(5):
        waiting.before_commit()
        times.append(waiting.clock())
        waiting.sleep(60)
    assert times == [0, 60, 3600, 3660, 7200]
    assert capsys.readouterr().err.count("2 commits in an hour") == 2
