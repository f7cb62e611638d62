"""Files that become final together: staged, declared ready, moved. A kill leaves the old ones or the new ones."""

from pathlib import Path

from pipeline import storage

READY = "ready.json"


def declare_ready(staging: Path) -> None:
    """From here on `finish` moves what is staged; before, it forgets it."""
    storage.write_json(staging / READY, {})


def finish(staging: Path, target: Path) -> None:
    """What was staged and ready stands below `target`; what was not ready is gone. Does nothing without a stage."""
    if (staging / READY).exists():
        for path in sorted(staging.glob("*/*")):
            path.replace(target / path.relative_to(staging))
        for folder in staging.glob("*/"):
            storage.sync(target / folder.name)
    storage.delete_tree(staging)
