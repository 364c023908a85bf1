"""Means of per-clip values with intervals over subjects, in numpy.

Clips of one person resemble each other, so that subjects are resampled, not clips: a resample draws
as many subjects as there are, with replacement, and takes all clips of each drawn one (the cluster
bootstrap of Davison and Hinkley 1997, section 3.8; percentile interval).
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np

RESAMPLES = 2000
SET_RESAMPLES = 200
LEVEL = 0.95

Statistic = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Scale:
    """On which scale values are averaged: the mean is `backward(mean(forward(values)))`.

    Attributes:
      forward: from values to what is averaged.
      backward: from that average to the scale of the values.
    """

    forward: Statistic
    backward: Statistic


LINEAR = Scale(np.asarray, np.asarray)
"""The arithmetic mean."""

DECIBEL = Scale(lambda db: 10.0 ** (-db / 10.0), lambda error: -10.0 * np.log10(error))
"""The decibels of the mean squared error: errors are pooled, not their logarithms."""


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A statistic of a sample of clips, and how far it may lie from the population's.

    Attributes:
      mean: the statistic of all clips; NaN when there are none.
      low: lower end of the interval; NaN with fewer than two subjects, whose spread is unknown.
      high: upper end.
      clips: how many clips it is made of.
      subjects: of how many people they are.
    """

    mean: float
    low: float
    high: float
    clips: int
    subjects: int


def mean(
    values: np.ndarray,
    subjects: Sequence[str],
    *,
    scale: Scale = LINEAR,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Estimate:
    """The mean over clips, with a percentile bootstrap interval over subjects.

    Args:
      values: `[N]`, one a clip; a NaN is undefined for its clip and left out.
      subjects: `[N]`, whose clip it is.
      scale: on which scale the values are averaged, in every resample alike.
      seed: of the resampling.
      resamples: how many are drawn.
      level: the share of resamples that lies inside the interval.

    Returns:
      The mean over the clips whose value is defined, and how many these are.
    """
    return _estimate([values], lambda means: means[:, 0], subjects, scale, seed, resamples, level)


def paired_difference(
    first: np.ndarray,
    second: np.ndarray,
    subjects: Sequence[str],
    *,
    scale: Scale = LINEAR,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Estimate:
    """How much the mean of one system lies above that of another, on the same clips.

    Both are resampled together, so that what makes a person easy or hard for both cancels.

    Args:
      first: `[N]`, one value a clip; a clip where either value is NaN is left out.
      second: `[N]`, the other system's values of the same clips.
      subjects: `[N]`, whose clip it is.
      scale: on which scale the values are averaged, in every resample alike.
      seed: of the resampling.
      resamples: how many are drawn.
      level: the share of resamples that lies inside the interval.

    Returns:
      `mean(first) - mean(second)`. The difference is significant at `1 - level` when its interval
      does not hold 0.
    """

    def difference(means: np.ndarray) -> np.ndarray:
        return means[:, 0] - means[:, 1]

    return _estimate([first, second], difference, subjects, scale, seed, resamples, level)


def paired_gain(
    first: np.ndarray,
    second: np.ndarray,
    subjects: Sequence[str],
    *,
    best: float,
    scale: Scale = LINEAR,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Estimate:
    """How much nearer to the best value the mean of one system lies than that of another.

    It is plus or minus the paired difference where both means lie on one side of the best value.

    Args:
      first: as for `paired_difference`, like all others but `best`.
      second: the other system's values of the same clips.
      subjects: `[N]`, whose clip it is.
      best: the value that counts as best.
      scale: on which scale the values are averaged, in every resample alike.
      seed: of the resampling.
      resamples: how many are drawn.
      level: the share of resamples that lies inside the interval.

    Returns:
      `|mean(second) - best| - |mean(first) - best|`.
    """

    def gain(means: np.ndarray) -> np.ndarray:
        distances = np.abs(means - best)
        return distances[:, 1] - distances[:, 0]

    return _estimate([first, second], gain, subjects, scale, seed, resamples, level)


def _estimate(columns, combine, subjects, scale, seed, resamples, level) -> Estimate:
    """The estimate of what `combine` makes of the columns' means `[R, columns]`."""
    columns = np.stack([np.asarray(column, np.float64) for column in columns], axis=1)
    defined = ~np.isnan(columns).any(axis=1)
    if not defined.any():
        return Estimate(math.nan, math.nan, math.nan, 0, 0)
    people, owner = np.unique(np.asarray(subjects)[defined], return_inverse=True)
    # What a resample needs of a subject: the sum of its clips' values, and how many they are.
    sums = np.zeros((len(people), columns.shape[1]))
    np.add.at(sums, owner, scale.forward(columns[defined]))
    counts = np.bincount(owner)

    def statistic(weights: np.ndarray) -> np.ndarray:
        return combine(scale.backward(weights @ sums / (weights @ counts)[:, None]))

    (center,) = statistic(np.ones((1, len(people))))
    low, high = interval(statistic, len(people), seed=seed, resamples=resamples, level=level)
    return Estimate(float(center), low, high, int(defined.sum()), len(people))


def interval(
    statistic: Statistic,
    subjects: int,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> tuple[float, float]:
    """The percentile interval of a statistic over resampled subjects.

    Args:
      statistic: from weights `[R, S]`, how often each subject was drawn in each resample, to the
        statistic of each resample `[R]`.
      subjects: S, how many there are.
      seed: of the resampling.
      resamples: R.
      level: the share of resamples that lies inside.

    Returns:
      Both ends; NaN with fewer than two subjects.
    """
    if subjects < 2:
        return math.nan, math.nan
    values = statistic(draws(subjects, seed, resamples))
    tail = 50.0 * (1.0 - level)
    low, high = np.percentile(values, [tail, 100.0 - tail])
    return float(low), float(high)


def of_set(
    statistic: Callable[[np.ndarray], float],
    subjects: Sequence[str],
    *,
    seed: int = 0,
    resamples: int = SET_RESAMPLES,
    level: float = LEVEL,
) -> Estimate:
    """A statistic that is no mean, with an interval over subjects.

    A distance between distributions is larger in a resample, which repeats clips, than in the
    sample itself, so that a percentile interval may not hold the estimate. The interval is the
    estimate plus and minus the resamples' standard deviation times the normal quantile.

    Args:
      statistic: of weights `[S]`, how often each subject counts, in the order of their names.
      subjects: `[N]`, whose clip it is.
      seed: of the resampling.
      resamples: how many are drawn, each for one call of `statistic`.
      level: of the interval.
    """
    people = len(set(subjects))
    center = statistic(np.ones(people))
    low = high = math.nan
    if people > 1:
        values = [statistic(weights) for weights in draws(people, seed, resamples)]
        reach = NormalDist().inv_cdf(0.5 + level / 2) * float(np.std(values, ddof=1))
        low, high = center - reach, center + reach
    return Estimate(center, low, high, len(subjects), people)


@functools.lru_cache(maxsize=16)
def draws(subjects: int, seed: int, resamples: int) -> np.ndarray:
    """How often each subject is drawn in each resample `[R, S]`."""
    random = np.random.default_rng(seed)
    return random.multinomial(subjects, np.full(subjects, 1.0 / subjects), resamples)
