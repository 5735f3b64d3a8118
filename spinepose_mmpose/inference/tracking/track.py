"""One person over time."""

from dataclasses import dataclass
from typing import Any, Dict, Optional

import numpy as np

from .assignment import LEAST_COMMON_POINTS
from .motion import Motion


@dataclass
class Track:
    """Attributes:
    id: identity; None until it is sure that there is somebody.
    motion: where and how fast.
    seen: (K,) bool, keypoints to rely on in the last measurement.
    hits: detections and sure poses so far.
    detected: time at which a detector saw the person last, in seconds.
    score: of the box then.
    misses: frames since the last measurement.
    """

    id: Optional[int]
    motion: Motion
    seen: np.ndarray
    hits: int
    detected: float
    score: float
    misses: int = 0

    @property
    def current(self) -> bool:
        """Measured in the last frame."""
        return self.misses == 0

    @property
    def has_pose(self) -> bool:
        return self.seen.sum() >= LEAST_COMMON_POINTS

    def state(self) -> Dict[str, Any]:
        return dict(
            id=self.id,
            motion=self.motion.state(),
            seen=self.seen.tolist(),
            hits=self.hits,
            detected=self.detected,
            score=self.score,
            misses=self.misses,
        )

    @classmethod
    def from_state(cls, state: Dict[str, Any]) -> 'Track':
        return cls(
            **dict(
                state,
                motion=Motion.from_state(state['motion']),
                seen=np.array(state['seen'], dtype=bool),
            )
        )
