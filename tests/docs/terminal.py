"""A shell as a reader of the documentation has it, but that forges and the Hub are on this machine and that nothing
waits for imports.

`stackyard` is first in its PATH as a client of `serve`, a process that has imported everything and forks for each
command. Before the command it adds to the configuration given where the forges are: to [fetch.hosts] for each of HOSTS
the keys of `reached`, unless they are there. So no command can reach the real ones.

The Hub is where HF_ENDPOINT says, which its client reads when it is imported: so only forks import that, and none works
with an address elsewhere. What asks others on the way of a proxy, as most libraries do, finds none: see OFFLINE.
"""

import contextlib
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tomllib
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
HOSTS = ("github.com", "git.example.com")
PROGRESS = re.compile(  # where a terminal shows a bar
    r"\w+: \d+ of \d+ (units|parts|shards|hours), [\d.]+ s\n"
    r"|publish: [\d.,]+ \w+ of [\d.,]+ \w+, [\d.,]+ \w+/s, [\d.]+ s\n"
)
MARK = "=== ended with"
HERE = "http://127.0.0.1"
NOWHERE = f"{HERE}:1"
OFFLINE = {  # a Hub is at HF_ENDPOINT, if the terminal is told of one
    "HF_ENDPOINT": NOWHERE,
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_HUB_DISABLE_XET": "1",
    "http_proxy": NOWHERE,
    "https_proxy": NOWHERE,
    "no_proxy": "127.0.0.1",
}
CLIENT = f"""#!{sys.executable} -ISu
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect(os.environ["STACKYARD_SERVER"])
    words = json.dumps([os.getcwd(), dict(os.environ), sys.argv[1:]])
    socket.send_fds(server, [words.encode()], [0, 1, 2])
    server.shutdown(socket.SHUT_WR)
    if not (code := server.recv(9)):
        print("Killed")
    sys.exit(int(code or 137))
"""


class Stackyard(NamedTuple):
    """The command: its folder, and the variables that it needs, beside STACKYARD_FORGE: the address of all HOSTS."""

    path: Path
    variables: dict[str, str]

    @property
    def running(self) -> Path:
        """A file with the id of the process that was last to run it."""
        return self.path / "running"


@dataclass(frozen=True)
class Answer:
    """What a script printed, on both streams and without progress, and the exit code of the last command that failed,
    or 0."""

    printed: str
    code: int


@dataclass(frozen=True)
class Terminal:
    """One bash, which keeps its folder and its variables from one script to the next."""

    bash: "subprocess.Popen[str]"
    script: Path

    def type(self, script: str) -> Answer:
        assert self.bash.stdin and self.bash.stdout
        self.script.write_text(script)
        self.bash.stdin.write(f"failed=0; . {shlex.quote(str(self.script))} </dev/null; echo; echo {MARK} $failed\n")
        self.bash.stdin.flush()
        lines: list[str] = []
        for line in self.bash.stdout:
            if line.startswith(MARK):
                break
            lines.append(line)
        else:
            raise AssertionError("the shell ended:\n" + "".join(lines))
        printed = "".join(line for line in lines if not PROGRESS.fullmatch(line))
        return Answer(printed.removesuffix("\n"), int(line.split()[-1]))


@contextmanager
def terminal(folder: Path, path: Path, *, before: Sequence[str] = (), **variables: str) -> Iterator[Terminal]:
    """A shell in the folder; `path` comes first in its PATH. `before` are the words of a command that starts it."""
    own = {"HOME": str(folder), "PATH": f"{path}:{Path(sys.executable).parent}:{os.environ['PATH']}"}
    known = {name: value for name, value in os.environ.items() if not re.match("HF_|XDG_|.*_proxy$", name, re.I)}
    environment = known | OFFLINE | variables | own
    pipe = subprocess.PIPE
    command = [*before, "bash", "--norc"]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True
    ) as bash:
        assert bash.stdin
        bash.stdin.write("trap 'failed=$?' ERR\n")
        try:
            yield Terminal(bash, path / "script")
        finally:
            bash.stdin.close()


@contextmanager
def commands(folder: Path) -> Iterator[Stackyard]:
    """The command, in a folder that holds nothing else."""
    (folder / "stackyard").write_text(CLIENT)
    (folder / "stackyard").chmod(0o755)
    address = str(folder / "socket")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        words = [sys.executable, "-m", "tests.docs.terminal", str(listening.fileno())]
        with subprocess.Popen(words, cwd=ROOT, pass_fds=[listening.fileno()]) as server:
            try:
                yield Stackyard(folder, {"STACKYARD_SERVER": address})
            finally:
                server.terminate()


def serve(listening: socket.socket) -> None:
    """A process for each command that a client asks for, until this one is ended."""
    from filters.kernels import warm_up
    from pipeline import corpus, diff, explain, report, verify  # noqa: F401  # what commands import when called
    from pipeline.takedown import takedown  # noqa: F401

    assert "huggingface_hub" not in sys.modules, "it would not see where the Hub of a page is"
    warm_up()
    while True:
        client, _ = listening.accept()
        with client:
            if not os.fork():
                answer(client)


def answer(client: socket.socket) -> None:
    """The command of a client, with its streams, in its folder; then this process ends."""
    from pipeline.cli import main

    words, descriptors, *_ = socket.recv_fds(client, 1 << 20, 3)
    while more := client.recv(1 << 20):
        words += more
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    folder, environment, arguments = json.loads(words)
    assert environment["HF_ENDPOINT"].startswith(f"{HERE}:"), "a page must not reach the real Hub"
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    Path(environment["STACKYARD_SERVER"]).with_name("running").write_text(str(os.getpid()))
    for name in arguments:
        if name.endswith(".toml") and arguments[0] != "init" and Path(name).exists():
            Path(name).write_text(reached(Path(name).read_text(), environment["STACKYARD_FORGE"]))
    sys.argv = ["stackyard", *arguments]
    code = 0
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    client.sendall(str(code).encode())
    os._exit(0)


def reached(configuration: str, url: str) -> str:
    """The configuration, with all HOSTS at the address and no need to be slow with them."""
    ours = {"url": f'"{url}"', "private_addresses": "true", "max_concurrent": "8", "max_starts_per_s": "1_000.0"}
    known = {}
    with contextlib.suppress(tomllib.TOMLDecodeError):  # which the command has to tell
        known = tomllib.loads(configuration).get("fetch", {}).get("hosts", {})
    for host in HOSTS:
        header = f'[fetch.hosts."{host}"]\n'
        keys = "".join(f"{key} = {value}\n" for key, value in ours.items() if key not in known.get(host, {}))
        if host in known:
            configuration = configuration.replace(header, header + keys)
        else:
            configuration += f"\n{header}{keys}"
    return configuration


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
