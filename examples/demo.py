"""The whole of stackyard on this machine: `python -m examples.demo build`.

Makes the demo corpus and an hour of GH Archive about it, serves the repositories as a forge does, and runs
`stackyard run build/demo.toml`, which lists the hour and fetches what it names. What follows the folder is passed on.
"""

import subprocess
import sys
from pathlib import Path

from examples import demo_corpus
from examples.archive_hour import write_hour
from examples.git_server import serving

HOUR = "2024-01-01-15.json.gz"
FORGE = """
[fetch]
backoff_s = 0.1                   # the demo's damaged repositories need not be waited for

[fetch.hosts."demo.test"]         # the forge of the hour, which is this machine
url = "{url}"
private_addresses = true
max_concurrent = 8
max_starts_per_s = 1_000.0
"""


def main(arguments: list[str]) -> int:
    """Exit code of the run. `build/demo.toml` stays, for `explain`, `status` and `release`."""
    build, options = Path(arguments[0]), arguments[1:]
    demo_corpus.main([str(build / "demo")])
    write_hour(build / HOUR, repo_names(build / "demo"))
    with serving(build / "demo") as server:
        template = Path(__file__).with_name("demo.toml").read_text("utf-8")
        (build / "demo.toml").write_text(template + FORGE.format(url=server.url), "utf-8")
        command = [sys.executable, "-m", "pipeline", "run", str(build / "demo.toml"), *options]
        return subprocess.run([*command, "--workspace", str(build / "workspace")], check=False).returncode


def repo_names(demo: Path) -> list[str]:
    """owner/name of all repositories of the corpus, in order."""
    folders = (path.relative_to(demo).as_posix() for path in demo.glob("*/*") if path.is_dir())
    return sorted(name.removesuffix(".git") for name in folders)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
