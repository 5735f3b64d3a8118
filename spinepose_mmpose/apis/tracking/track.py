"""One person over time."""

from dataclasses import dataclass
from typing import Any, Dict, Optional

import numpy as np

from .motion import Motion


@dataclass
class Track:
    """Attributes:
    id: identity; None until it is sure that there is somebody.
    motion: where and how fast.
    seen: (K,) bool, keypoints to rely on in the last measurement.
    hits: measurements so far.
    detected: time at which a detector saw the person last, in seconds.
    current: measured in the last frame.
    """

    id: Optional[int]
    motion: Motion
    seen: np.ndarray
    hits: int
    detected: float
    current: bool

    def state(self) -> Dict[str, Any]:
        return dict(
            id=self.id,
            motion=self.motion.state(),
            seen=self.seen.tolist(),
            hits=self.hits,
            detected=self.detected,
            current=self.current,
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
