"""The process that a local run starts for each worker: `python -m pipeline.worker`."""

import ctypes
import io
import logging
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Runs Beam's SDK worker. It dies with its parent, so a killed run leaves nobody writing to the workspace."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(os.environ["STACKYARD_PARENT"]):
        sys.exit(1)  # the parent ended before the line above
    os.environ["POLARS_MAX_THREADS"] = "1"  # one worker a core
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends its workers
    logging.disable(logging.CRITICAL)  # errors travel to the parent, which prints one line
    sys.stderr = io.StringIO()  # where Beam prints the same errors as tracebacks
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv)


if __name__ == "__main__":
    main()
