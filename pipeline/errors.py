"""Every error that users are told about.

CorpusError
├── ConfigError        the configuration or the call is wrong: exit code 2
├── WorkspaceError     the workspace cannot be used like this: exit code 2
├── RepositoryError    one repository failed: its outcome, the run goes on
├── UnitError          a unit file is damaged
├── ShardError         a release file is damaged
├── PublishError       a release cannot be published, or not now: what is public stays whole
├── WorkerError        a worker stopped: nothing committed is lost, run again
│   └── WorkerDied     its process ended
└── Interrupted        Ctrl-C: nothing committed is lost, run again
"""

import errno

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
DISK = (*FULL, errno.EROFS, errno.EACCES)  # what its owner can mend


def about_disk(error: OSError) -> str:
    """What to tell of a disk that is full, or that must not be written."""
    advice = "make room" if error.errno in FULL else "change that"
    return f"{error.filename or 'writing'}: {error.strerror}; nothing committed is lost: {advice} and run again"


class CorpusError(Exception):
    """Something a user can act on. The message says what, where, and what to do."""

    exit_code = 1


class ConfigError(CorpusError):
    exit_code = 2


class WorkspaceError(CorpusError):
    exit_code = 2


class RepositoryError(CorpusError):
    """One repository failed with `code`; the message is one line for its outcome row."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class UnitError(CorpusError):
    pass


class ShardError(CorpusError):
    pass


class PublishError(CorpusError):
    pass


class WorkerError(CorpusError):
    pass


class WorkerDied(WorkerError):
    """`process` is the id of the worker that ended first."""

    def __init__(self, message: str, process: int) -> None:
        super().__init__(message)
        self.process = process


class Interrupted(CorpusError):
    exit_code = 130
