"""The shapes that stages have: work on each number, or emit blocks and gather them by key. Imports Beam."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import apache_beam as beam

from pipeline.engine import Guarded

Block = tuple[int, bytes]
Emits = Callable[[int], Iterable[Block]]
Gathers = Callable[[int, Iterable[bytes]], Iterable[Block]]


@dataclass
class ForEach(beam.PTransform):  # type: ignore[misc]  # Beam is untyped
    """Calls `work` with each number; what it does is a committed file."""

    numbers: Sequence[int]
    work: Callable[[int], None]

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        return (
            pipeline
            | "Numbers" >> beam.Create(list(self.numbers))  # number
            | "Work" >> beam.Map(Guarded(self.work))  # nothing
        )


@dataclass
class Exchange(beam.PTransform):  # type: ignore[misc]  # Beam is untyped
    """What `gather` makes of the blocks that `emit` yields for each number, brought together by key."""

    numbers: Sequence[int]
    emit: Emits
    gather: Gathers

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        return (
            pipeline
            | "Numbers" >> beam.Create(list(self.numbers))  # number
            | "Emit" >> beam.FlatMap(GuardedList(self.emit)).with_output_types(Block)  # (key, block)
            | "Group" >> beam.GroupByKey()  # (key, [block])
            | "Gather" >> beam.FlatMapTuple(GuardedList(self.gather)).with_output_types(Block)  # (number, block)
        )


@dataclass
class Return(beam.PTransform):  # type: ignore[misc]  # Beam is untyped
    """Calls `gather` once for each number with the blocks sent to it: every number, also one without a block."""

    numbers: Sequence[int]
    gather: Gathers

    def expand(self, sent: beam.PCollection) -> beam.PCollection:
        nothing = (
            sent.pipeline
            | "Numbers" >> beam.Create(list(self.numbers))  # number
            | "Nothing" >> beam.Map(lambda number: (number, b"")).with_output_types(Block)  # (number, empty block)
        )
        return (
            (sent, nothing)
            | "Both" >> beam.Flatten()  # (number, block)
            | "Group" >> beam.GroupByKey()  # (number, [block])
            | "Gather" >> beam.FlatMapTuple(GuardedList(self.gather)).with_output_types(Block)  # nothing
        )


class GuardedList(Guarded):
    """Guarded, for what yields: an error must come while the guard stands."""

    def __init__(self, work: Callable[..., Iterable[Block]]) -> None:
        super().__init__(lambda *arguments: list(work(*arguments)))
