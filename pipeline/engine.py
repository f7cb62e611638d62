"""Where a stage runs: on this machine with Beam's FnApiRunner, or where Beam's own options say. Imports Beam.

The FnApiRunner is built here, because the stock one loses the options of its workers and waits for ever for one that
was killed; its workers are started here, so that they are watched and end with the run.
"""

import contextlib
import difflib
import json
import logging
import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

logging.basicConfig(level=logging.CRITICAL)  # before Beam, which otherwise prints what it misses and each traceback

import apache_beam as beam
import grpc  # type: ignore[import-untyped]  # ships no stubs
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions
from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner, worker_handlers
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from google.protobuf import json_format, text_format

from pipeline import errors
from pipeline.errors import ConfigError, WorkerDied, WorkerError

ERROR_MARK = "stackyard-error:"
KNOWN_RUNNERS = ("DataflowRunner", "FlinkRunner", "FnApiRunner", "PortableRunner", "PrismRunner")

_thread_failed = threading.excepthook


def _but_not_of_lost_connections(told: threading.ExceptHookArgs) -> None:
    """Beam's threads end with an RpcError when their worker is gone: no traceback for that, the run says why."""
    if not issubclass(told.exc_type, grpc.RpcError):
        _thread_failed(told)


threading.excepthook = _but_not_of_lost_connections


@dataclass(frozen=True)
class Engine:
    """`workers` processes on this machine, or the runner that `beam_options` name."""

    workers: int
    beam_options: Sequence[str] = ()
    seconds: dict[str, float] = field(default_factory=dict)  # by stage, for the profile

    def __post_init__(self) -> None:
        """Raises ConfigError for an option that Beam does not have; Beam itself would pass over it."""
        known = PipelineOptions([]).get_all_options()
        for option in self.beam_options:
            name = option.removeprefix("--").partition("=")[0]
            if not option.startswith("--") or name not in known:
                nearest = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean `--{nearest[0]}`?" if nearest else ""
                raise ConfigError(f"{option}: not an option of Apache Beam, given as --name=value{hint}")

    def run(
        self, stage: str, build: Callable[[beam.Pipeline], Any], *, parallel: bool = False, watched: bool = False
    ) -> None:
        """Runs the pipeline to its end. `parallel`: in worker processes, which take some seconds to start, where there
        may be several; `watched`: even if there may be only one, so that its death is seen.

        Raises the error that a worker met if it is one of ours, WorkerError when a worker died, else what Beam raises.
        """
        options = PipelineOptions(list(self.beam_options))
        runner = options.view_as(StandardOptions).runner
        if not runner:
            runner = _local_runner(options, self.workers if watched or (parallel and self.workers > 1) else 0)
        elif runner not in KNOWN_RUNNERS:
            raise ConfigError(
                f"--runner={runner}: not one that stackyard is run on; there are: {', '.join(KNOWN_RUNNERS)}"
            )
        start = time.perf_counter()
        try:
            with beam.Pipeline(runner=runner, options=options) as pipeline:
                build(pipeline)
        except Exception as error:
            if "KeyboardInterrupt" in str(error):  # Beam makes a RuntimeError of it
                raise KeyboardInterrupt from None
            raise _told(stage, error) from error
        finally:
            _Handler.ended.clear()
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start


def _local_runner(options: PipelineOptions, processes: int) -> fn_runner.FnApiRunner:
    """A runner on this machine, with worker processes or, for 0 of them, within this one."""
    direct = options.view_as(DirectOptions)
    direct.direct_running_mode = "multi_processing" if processes else "in_memory"
    direct.direct_num_workers = processes or 1
    encoded = JobServiceHandle.encode_pipeline_options(options.get_all_options())
    info = beam_provision_api_pb2.ProvisionInfo(pipeline_options=encoded)
    return fn_runner.FnApiRunner(provision_info=fn_runner.ExtendedProvisionInfo(info))


@worker_handlers.WorkerHandler.register_environment(python_urns.SUBPROCESS_SDK, bytes)
class _Handler(worker_handlers.GrpcWorkerHandler):  # type: ignore[misc]  # Beam is untyped
    """A worker process of ours, in place of Beam's: when one dies, all are ended and the run fails at once."""

    alive: ClassVar["list[_Handler]"] = []
    ended: ClassVar[list[tuple[int, str]]] = []  # process id of each worker of the current run that died, and how

    def __init__(self, command: bytes, state: Any, provision_info: Any, grpc_server: Any) -> None:
        super().__init__(state, provision_info, grpc_server)
        self._closing = False

    def start_worker(self) -> None:
        environment = os.environ | {
            "STACKYARD_PARENT": str(os.getpid()),
            "WORKER_ID": self.worker_id,
            "CONTROL_API_SERVICE_DESCRIPTOR": f"url: 'localhost:{self._grpc_server.control_port}'",
            "LOGGING_API_SERVICE_DESCRIPTOR": text_format.MessageToString(self.logging_api_service_descriptor()),
            "PIPELINE_OPTIONS": json_format.MessageToJson(self.provision_info.provision_info.pipeline_options),
        }
        self._process = subprocess.Popen([sys.executable, "-m", "pipeline.worker"], env=environment)
        self.alive.append(self)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        status = self._process.wait()
        self.alive.remove(self)
        if self._closing:
            return
        self.ended.append((self._process.pid, f"signal {-status}" if status < 0 else f"exit status {status}"))
        for other in list(self.alive):
            other._process.kill()
        with contextlib.suppress(Exception):  # it may be broken already
            self.data_conn.close()  # wakes who waits for its output
        while not self._closing:  # and who waits for an answer, also to what is asked before Beam notices
            self.control_conn.abort(WorkerError(self.ended[0][1]))
            time.sleep(0.2)

    def stop_worker(self) -> None:
        self._closing = True
        self._process.wait()


class Guarded:
    """A function for workers whose errors reach the parent in one line, whatever Beam does to tracebacks."""

    def __init__(self, work: Callable[..., Any]) -> None:
        self.work = work

    def __call__(self, *arguments: Any) -> Any:
        try:
            return self.work(*arguments)
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            told = [type(error).__name__, str(error), f"{Path(frame.filename).name}:{frame.lineno}"]
            if isinstance(error, OSError) and error.errno in errors.DISK:
                told[:2] = WorkerError.__name__, errors.about_disk(error)
            raise RuntimeError(ERROR_MARK + json.dumps(told)) from error


def _told(stage: str, error: Exception) -> Exception:
    """The error to raise for what came out of Beam."""
    if _Handler.ended:
        process, how = _Handler.ended[0]
        return WorkerDied(
            f"{stage}: a worker process ended with {how} (out of memory?); nothing committed is lost: "
            "run again, with fewer --workers if it happens again",
            process,
        )
    _, mark, told = str(error).partition(ERROR_MARK)
    if not mark:
        return error
    name, message, where = json.JSONDecoder().raw_decode(told)[0]
    if name == WorkerError.__name__:
        return WorkerError(f"{stage}: {message}")
    kind = getattr(errors, name, None)
    return kind(message) if kind else WorkerError(f"{stage}: {name}: {message} ({where}); nothing committed is lost")
