"""A process that publishes and may be killed: `python -m tests.pipeline.publish.publisher`, which forks for each line.

Each line on stdin is JSON: url, name, folder, token, xet, files_per_commit. It answers with the process id of the fork
that publishes, and when that has ended with its exit code. So nobody waits for imports, and killing is real.
"""

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants

from pipeline.config import Publish
from pipeline.errors import CorpusError
from pipeline.publish.hub import Hub
from pipeline.publish.release import read_release
from pipeline.publish.to_hub import publish

ROOT = Path(__file__).parents[3]


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os._exit(_publish(json.loads(line)))
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _publish(asked: dict[str, Any]) -> int:
    from tests.pipeline.publish.conftest import patience

    constants.HF_HUB_DISABLE_XET = not asked["xet"]
    hub = Hub(HfApi(endpoint=asked["url"], token=asked["token"]), asked["name"], patience())
    settings = Publish(to=asked["name"], files_per_commit=asked["files_per_commit"])
    try:
        publish(hub, read_release(Path(asked["folder"])), settings)
    except CorpusError as error:
        print(error, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 70
    return 0


class Publisher:
    """The process, seen by a test."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def start(self, **asked: Any) -> int:
        """The id of the process that publishes from now on."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def wait(self) -> int:
        """Its exit code; -9 when it was killed."""
        assert self._process.stdout
        return int(self._process.stdout.readline())


@contextmanager
def publisher() -> Iterator[Publisher]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.pipeline.publish.publisher"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
        yield Publisher(process)
        assert process.stdin
        process.stdin.close()


if __name__ == "__main__":
    main()
