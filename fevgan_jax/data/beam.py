"""Distributes work over many machines by Apache Beam, which the extra `[beam]` installs."""

import dataclasses
from collections.abc import Callable, Iterable

from fevgan_jax.runtime.errors import UserError


@dataclasses.dataclass(frozen=True)
class Run:
    """Beam's runner and its options.

    Attributes:
      runner: a runner's name, such as DirectRunner or DataflowRunner.
      options: options of its pipeline, such as `region=europe-west1`.

    Raises:
      UserError: Beam is not installed, or has no such runner.
    """

    runner: str
    options: tuple[str, ...] = ()

    def __post_init__(self):
        try:
            from apache_beam.runners import create_runner
        except ModuleNotFoundError as error:
            raise UserError(
                f"--beam_runner needs the package {error.name}, which is not installed: run "
                '`pip install "fevgan_jax[beam]"` in a separate environment.'
            ) from error
        try:
            create_runner(self.runner)
        except (ValueError, AttributeError, ImportError) as error:
            raise UserError(
                f"Beam has no runner {self.runner!r}: give --beam_runner=DirectRunner, or another "
                "that is installed."
            ) from error

    def each(self, work: Callable, items: Iterable) -> None:
        """Runs `work(item)` for each item on Beam's workers and returns when all are done.

        Args:
          work: a function at the top level of a module, or a partial of one (it is pickled); its
            return value is dropped.
          items: the function's arguments.
        """
        import apache_beam
        from apache_beam.options.pipeline_options import PipelineOptions

        options = PipelineOptions([f"--{option}" for option in self.options])
        with apache_beam.Pipeline(self.runner, options) as pipeline:
            # Without a reshuffle, all items would stay on the worker that created them.
            items = pipeline | apache_beam.Create(list(items)) | apache_beam.Reshuffle()
            _ = items | apache_beam.Map(work)
