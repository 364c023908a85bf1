"""The writer of TensorBoard's event file.

It imports TensorFlow, which takes 3 s: `summaries` imports this module at the first write.
"""

import os
from collections.abc import Mapping

import numpy as np
from clu.metric_writers import AsyncWriter, MetricWriter, MultiWriter, SummaryWriter
from tensorboard.plugins.image.metadata import create_summary_metadata

from fevgan_jax.run import media

VIDEO_SCALE = 2
"""Factor by which videos are enlarged: frames of 64 pixels are too small to inspect."""


def open_writer(workdir: str | os.PathLike, is_writer: bool) -> MetricWriter:
    """Opens a new event file in `workdir`; a process that does not write gets a no-op writer."""
    return AsyncWriter(_AnimatedWriter(os.fspath(workdir))) if is_writer else MultiWriter([])


class _AnimatedWriter(SummaryWriter):
    """Writes videos as animated GIFs.

    Forced: clu's writer drops videos silently, and TensorBoard has no video panel. Its image panel
    passes the stored bytes to the browser unchanged, so a GIF there plays.
    """

    def write_videos(self, step: int, videos: Mapping[str, np.ndarray]) -> None:
        metadata = create_summary_metadata(display_name=None, description=None)
        for name, frames in videos.items():
            height, width = (VIDEO_SCALE * pixels for pixels in frames.shape[1:3])
            # An image summary holds its width, its height and its encoded pictures.
            value = [
                str(width).encode(),
                str(height).encode(),
                media.gif(frames, scale=VIDEO_SCALE),
            ]
            self.write_summaries(step, {name: np.array(value, object)}, {name: metadata})
