"""Outliers of a series: Hampel, The Influence Curve and Its Role in Robust
Estimation, 1974; as a moving window, Pearson, 2002."""

from typing import Union

import numpy as np

# Of a normal distribution: standard deviation / median absolute deviation.
MAD_TO_SIGMA = 1.4826


def hampel_outliers(
    values: np.ndarray,
    half_window: int,
    num_sigmas: float = 3.0,
    least: Union[float, np.ndarray] = 0.0,
) -> np.ndarray:
    """Where a value is too far from the median of its surroundings.

    ``|x - median| > max(num_sigmas 1.4826 MAD, least)`` over the window; at the
    ends the window is cut off. NaN is neither used nor an outlier.

    Args:
        values: (T, ...), one series a column.
        half_window: samples before and after.
        num_sigmas: 3 leaves 99.7 % of normal noise alone.
        least: deviations up to it are never outliers; broadcast to values.

    Returns:
        (T, ...) bool.

    Raises:
        ValueError: the window holds fewer than three samples.
    """
    if half_window < 1:
        raise ValueError(
            f'half_window should be 1 or more samples, but is {half_window}'
        )
    values = np.asarray(values, dtype=np.float64)
    if not len(values):
        return np.zeros(values.shape, dtype=bool)
    edge = [(half_window, half_window)] + [(0, 0)] * (values.ndim - 1)
    padded = np.pad(values, edge, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(
        padded, 2 * half_window + 1, axis=0
    )  # T, ..., W
    median = _median(windows)
    spread = MAD_TO_SIGMA * _median(np.abs(windows - median[..., None]))
    # A comparison with NaN is false.
    return np.abs(values - median) > np.maximum(num_sigmas * spread, least)


def _median(windows: np.ndarray) -> np.ndarray:
    """Over the last axis; NaN without a value. nanmedian is many times slower
    where a whole series has no gap."""
    ordered = np.sort(windows, axis=-1)  # NaN last
    count = np.isfinite(ordered).sum(axis=-1, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=-1)
    high = np.take_along_axis(
        ordered,
        np.minimum(count // 2, ordered.shape[-1] - 1),
        axis=-1,
    )
    return ((low + high) / 2)[..., 0]
