"""A repository until it has a result: attempts, what they taught, and what is kept of them on disk.

In the folder of a unit, `00003.git` is what was fetched and `00003.json` the attempts and the result. Both stay until
the unit is committed, so that what a killed worker has fetched is not fetched again.
"""

import random
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pipeline import storage
from pipeline.config import Fetch
from pipeline.errors import RepositoryError
from pipeline.fetch.address import Address, resolve
from pipeline.fetch.codes import CODES, OF_THE_HOST, FetchError, RespelledError
from pipeline.fetch.hosts import Hosts
from pipeline.fetch.once import Asked, Fetched, Watch, commit_named, fetch

MAX_BACKOFF_S = 60.0
PATIENCE = 4  # times as long, after a time-out
COMMIT_ONLY = "tree:0"
CORRUPT = "corrupt_local"


class Wanted(NamedTuple):
    """A repository to fetch: the `number`th of its unit. Of a commit that is `known` nothing more is fetched."""

    number: int
    url: str
    host: str
    asked_commit_id: str | None
    known_commit_id: str | None


Result = Fetched | RepositoryError


@dataclass
class State:
    """Codes of the attempts that failed, and the result once there is one."""

    attempts: list[str] = field(default_factory=list)
    result: Result | None = None

    @classmethod
    def read(cls, path: Path) -> "State":
        """What an earlier run wrote; nothing when it wrote nothing."""
        values = storage.read_json(path) if path.exists() else {"attempts": [], "fetched": None, "failed": None}
        fetched, failed = values["fetched"], values["failed"]
        result = Fetched(**fetched) if fetched else RepositoryError(**failed) if failed else None
        return cls(values["attempts"], result)

    def write(self, path: Path) -> None:
        fetched = self.result._asdict() if isinstance(self.result, Fetched) else None
        failed = isinstance(self.result, RepositoryError) and {"code": self.result.code, "detail": self.result.detail}
        storage.write_json(path, {"attempts": self.attempts, "fetched": fetched, "failed": failed or None})


@dataclass(frozen=True)
class Attempts:
    """The fetches of one unit into its folder."""

    folder: Path
    settings: Fetch
    hosts: Hosts
    max_file_bytes: int

    def store(self, number: int) -> Path:
        """Where the `number`th repository lies once it is fetched."""
        return self.folder / f"{number:05d}.git"

    def _state_file(self, number: int) -> Path:
        return self.folder / f"{number:05d}.json"

    def failed(self) -> dict[int, list[str]]:
        """Codes of the attempts that failed, by the number of the repository."""
        found = {int(path.stem): State.read(path).attempts for path in self.folder.glob("*.json")}
        return {number: attempts for number, attempts in found.items() if attempts}

    def again(self, number: int) -> bool:
        """Forgets what was fetched, because it could not be read back; False when it was so before."""
        state = State.read(self._state_file(number))
        if CORRUPT in state.attempts:
            return False
        storage.delete_tree(self.store(number))
        State([*state.attempts, CORRUPT]).write(self._state_file(number))
        return True

    def next(self, repository: Wanted, watch: Watch) -> Result | float:
        """The result, after one more attempt if there is none yet; or in how many seconds to try again.

        Raises OSError when the disk is full, ConfigError when a token is not there.
        """
        path = self._state_file(repository.number)
        state = State.read(path)
        if state.result is None:
            try:
                state.result = self._once(repository, "timeout" in state.attempts, watch)
            except FetchError as error:
                state.attempts.append(error.code)
                state.result = error if self._is_last(repository.host, state.attempts) else None
                if error.code in OF_THE_HOST:
                    return state.result or self._wait_s(state.attempts)  # not to be remembered
            state.write(path)
        return state.result or self._wait_s(state.attempts)

    def pause_s(self, host: str) -> float:
        """In how many seconds the next attempt at a host makes sense; none where it has been given up."""
        return 0.0 if self.hosts.is_given_up(host) else self.hosts.waiting_s(host)

    def _is_last(self, host: str, attempts: list[str]) -> bool:
        code = attempts[-1]
        if code in OF_THE_HOST:  # which waits, and says when it is enough
            return self.hosts.is_given_up(host)
        allowed = min(CODES[code].attempts or self.settings.attempts for code in _counted(attempts))
        return len(_counted(attempts)) >= allowed

    def _wait_s(self, attempts: list[str]) -> float:
        """Twice as long after each failure, with jitter; the host's pauses come on top."""
        longest_s = self.settings.backoff_s * 2.0 ** max(0, len(_counted(attempts)) - 1)
        return min(MAX_BACKOFF_S, longest_s) * random.uniform(0.5, 1)

    def _once(self, repository: Wanted, patient: bool, watch: Watch) -> Fetched:
        """One attempt; its host learns how it went. Raises FetchError."""
        host, timeout_s = repository.host, self.settings.timeout_s * (PATIENCE if patient else 1)
        if self.hosts.is_given_up(host) and self.hosts.waiting_s(host):
            raise FetchError("refused", "nobody answered there lately")
        with self.hosts.slot(host):
            start_s = time.monotonic()
            answer = partial(self.hosts.answered, host, retry_after_s=None)
            try:
                address = resolve(repository.url, self.settings)
                try:
                    fetched = self._fetch(repository, address, timeout_s, watch)
                except RespelledError as error:  # some forges want .git behind every name
                    fetched = self._fetch(repository, address._replace(url=error.url), timeout_s, watch)
            except FetchError as error:
                answer(code=error.code, retry_after_s=error.retry_after_s, seconds=time.monotonic() - start_s)
                raise
            answer(code=None, seconds=time.monotonic() - start_s)
            return fetched

    def _fetch(self, repository: Wanted, address: Address, timeout_s: int, watch: Watch) -> Fetched:
        """Into a temporary folder; into its place when it is whole. Of a known commit there is only the commit."""
        final = self.store(repository.number)
        temporary = final.with_name(f"{storage.TEMPORARY}{final.name}")
        storage.delete_tree(temporary)
        try:
            asked = Asked(repository.asked_commit_id, COMMIT_ONLY, timeout_s)
            if repository.known_commit_id:
                fetched = fetch(address, temporary, asked, self.settings, watch)
                if fetched.is_empty or commit_named(temporary) != repository.known_commit_id:
                    storage.delete_tree(temporary)
            if not temporary.exists():
                asked = asked._replace(objects=f"blob:limit={self.max_file_bytes + 1}")
                fetched = fetch(address, temporary, asked, self.settings, watch)
            storage.delete_tree(final)  # of a run that was killed before it took note
            temporary.rename(final)
            return fetched
        finally:
            storage.delete_tree(temporary)


def _counted(attempts: list[str]) -> list[str]:
    """The attempts that count for the repository: a host that waits, and a disk of ours, are not its fault."""
    return [code for code in attempts if code not in OF_THE_HOST and code != CORRUPT]
