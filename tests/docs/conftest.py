"""What the tests of the documentation share."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.docs.terminal import Stackyard, commands


@pytest.fixture(scope="session")
def stackyard() -> Iterator[Stackyard]:
    """The command, ready to start."""
    with TemporaryDirectory() as folder, commands(Path(folder)) as stackyard:  # the name of a socket must be short
        yield stackyard
