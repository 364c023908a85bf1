"""Work on many machines, by Apache Beam, which the extra `[beam]` brings."""

import dataclasses
from collections.abc import Callable, Iterable

from fevgan_jax.runtime.errors import UserError


@dataclasses.dataclass(frozen=True)
class Run:
    """How Beam runs.

    Attributes:
      runner: a runner's name, as DirectRunner or DataflowRunner.
      options: of its pipeline, as `region=europe-west1`.

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
                '`pip install "fevgan_jax[beam]"` in an environment of its own.'
            ) from error
        try:
            create_runner(self.runner)
        except (ValueError, AttributeError, ImportError) as error:
            raise UserError(
                f"Beam has no runner {self.runner!r}: give --beam_runner=DirectRunner, or another "
                "that is installed."
            ) from error

    def each(self, work: Callable, items: Iterable) -> None:
        """Does `work(item)` for each item, somewhere, and returns when all are done.

        Args:
          work: a function that its module's name and its own lead to, or a partial of one; what it
            returns is dropped.
          items: what it is given.
        """
        import apache_beam
        from apache_beam.options.pipeline_options import PipelineOptions

        options = PipelineOptions([f"--{option}" for option in self.options])
        with apache_beam.Pipeline(self.runner, options) as pipeline:
            # Without a shuffle, what was made in one place would stay in one place.
            items = pipeline | apache_beam.Create(list(items)) | apache_beam.Reshuffle()
            _ = items | apache_beam.Map(work)
