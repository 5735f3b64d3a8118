"""How far two SimCC outputs differ, in numbers that mean something.

N people, K keypoints, W bins an axis. A keypoint is the highest of W bins; of
two bins that are equally high, rounding decides. Such a keypoint says nothing
about an export, however far the two bins are apart, so it is counted as a tie
and left out of the distances. What counts as equally high is fixed and small:
a wrong export does not make ties.
"""

from dataclasses import dataclass
from typing import Dict, Sequence

import numpy as np

# Of the height of a distribution.
TIE = dict(FP32=1e-4, FP16=1e-2, INT8=5e-2)
# Of the largest output: beyond it something else than rounding is at work.
OUTPUT_LIMIT = dict(FP32=1e-3, FP16=5e-2, INT8=1.0)
# Pixels of the network's input, and AP (0 to 1).
PIXEL_LIMIT = dict(FP32=0.05, FP16=0.5, INT8=4.0)
AP_LIMIT = dict(FP32=0.0005, FP16=0.002, INT8=0.01)


@dataclass
class Differences:
    """Sums over batches; read :meth:`summary`."""

    precision: str
    keypoints: int = 0
    ties: int = 0
    total: float = 0.0
    largest: float = 0.0
    output_total: float = 0.0
    output_count: int = 0
    output_largest: float = 0.0
    output_scale: float = 0.0

    def add_outputs(
        self, expected: Sequence[np.ndarray], actual: Sequence[np.ndarray]
    ) -> None:
        """Outputs of the two, of the same shapes."""
        for one, other in zip(expected, actual):
            difference = np.abs(one - other)
            # NaN is no difference to anything, but no agreement either.
            difference[~np.isfinite(difference)] = np.inf
            self.output_total += float(difference.sum())
            self.output_count += difference.size
            self.output_largest = max(
                self.output_largest, float(difference.max())
            )
            self.output_scale = max(self.output_scale, float(np.abs(one).max()))

    def add_keypoints(
        self,
        simcc: Sequence[np.ndarray],
        expected: np.ndarray,
        actual: np.ndarray,
        ratio: float,
    ) -> None:
        """
        Args:
            simcc: Of PyTorch: (N, K, Wx) and (N, K, Wy).
            expected: PyTorch's keypoints, (N, K, 2) input pixels.
            actual: The backend's.
            ratio: Bins in a pixel.
        """
        tied = np.zeros(expected.shape[:2], dtype=bool)
        moved = np.zeros(expected.shape[:2])
        for axis, heights in enumerate(simcc):
            step = np.abs(expected[..., axis] - actual[..., axis])
            step[~np.isfinite(step)] = np.inf
            tied |= (step > 0) & is_tie(
                heights, actual[..., axis] * ratio, TIE[self.precision]
            )
            moved = np.hypot(moved, step)
        self.keypoints += tied.size
        self.ties += int(tied.sum())
        self.total += float(moved[~tied].sum())
        self.largest = max([self.largest, *moved[~tied]])

    def summary(self) -> Dict[str, float]:
        return dict(
            output_max=self.output_largest,
            output_mean=self.output_total / max(self.output_count, 1),
            output_max_of_largest=self.output_largest
            / max(self.output_scale, 1e-12),
            keypoint_max_px=float(self.largest),
            keypoint_mean_px=self.total / max(self.keypoints - self.ties, 1),
            keypoints=self.keypoints,
            ties=self.ties,
        )


def is_tie(heights: np.ndarray, bins: np.ndarray, limit: float) -> np.ndarray:
    """(N, K) bool: ``bins`` (N, K) are as high as the highest of ``heights``
    (N, K, W), up to ``limit`` of the distribution's height."""
    top, bottom = heights.max(-1), heights.min(-1)
    valid = np.isfinite(bins) & (bins >= 0) & (bins < heights.shape[-1])
    index = np.where(valid, bins, 0).round().astype(int)
    chosen = np.take_along_axis(heights, index[..., None], -1)[..., 0]
    return valid & (top - chosen <= limit * (top - bottom))


def failures(
    summary: Dict[str, float],
    ap: Dict[str, Sequence[float]],
    precision: str,
    pixel_limit: float,
    ap_limit: float,
) -> list:
    """A sentence for each limit that is exceeded.

    Args:
        summary: Of :class:`Differences`.
        ap: (PyTorch, backend) by subset, 0 to 1.
        precision: Key of the limits of the outputs.
        pixel_limit: Input pixels.
        ap_limit: 0 to 1.
    """
    found = []
    share, limit = summary['output_max_of_largest'], OUTPUT_LIMIT[precision]
    if not share <= limit:
        found.append(
            f'outputs differ by {share:.2g} of the largest, limit {limit:g}'
        )
    pixels = summary['keypoint_max_px']
    if not pixels <= pixel_limit:
        found.append(
            f'a keypoint differs by {pixels:.3g} input pixels, limit '
            f'{pixel_limit:g}'
        )
    for subset, (expected, actual) in ap.items():
        if not abs(expected - actual) <= ap_limit:
            found.append(
                f'AP of {subset} is {actual:.4f} instead of {expected:.4f}, '
                f'limit {ap_limit:g}'
            )
    return found
