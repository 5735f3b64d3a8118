"""A person's build: bone lengths, resting spinal curve and girths."""

from dataclasses import dataclass

import numpy as np

from . import anatomy


@dataclass(frozen=True)
class Body:
    """One build. It is symmetric, and poses never change it.

    Attributes:
        scale: Stature over the reference stature.
        spine: (8, 3) offsets from a station to the next in standing, metres.
        head_scale: Head size relative to that of the scaled body.
        leg, arm: Limb length factors.
        shoulders, hips: Width factors.
        girth: Thickness factor of trunk and limbs.
        belly, bust: Extra forward depth in metres.
    """

    scale: float
    spine: np.ndarray
    head_scale: float = 1.0
    leg: float = 1.0
    arm: float = 1.0
    shoulders: float = 1.0
    hips: float = 1.0
    girth: float = 1.0
    belly: float = 0.0
    bust: float = 0.0


def spine_offsets(scale=1.0, lordosis=1.0, kyphosis=1.0):
    """(8, 3) standing offsets; the factors deepen or flatten the curves."""
    rows = np.array(anatomy.SPINE_SEGMENTS)
    lean = rows[:, 1].copy()
    # The differences between neighbouring leans are the curvature.
    middle = lean[3]
    lean[:3] = middle + (lean[:3] - middle) * lordosis
    lean[4:6] = middle + (lean[4:6] - middle) * kyphosis
    lean[6:] += lean[5] - rows[5, 1]
    lean -= (lean[:5] - rows[:5, 1]).mean()
    lean = np.radians(lean)
    offsets = np.stack([np.zeros(8), np.cos(lean), np.sin(lean)], 1)
    return offsets * rows[:, :1] * scale


def average_body():
    return Body(scale=1.0, spine=spine_offsets())


def sample_body(rng):
    """Adults from slight to heavy and, one time in twelve, a child."""
    child = rng.random() < 1 / 12
    female = rng.random() < 0.5
    if child:
        stature = rng.uniform(1.1, 1.4)
    else:
        stature = np.clip(
            rng.normal(1.64 if female else 1.76, 0.07), 1.45, 2.02
        )
    scale = float(stature / anatomy.REFERENCE_STATURE)
    heavy = rng.beta(1.6, 3.2)
    return Body(
        scale=scale,
        spine=spine_offsets(
            scale, rng.uniform(0.75, 1.25), rng.uniform(0.75, 1.35)
        ),
        head_scale=1.22 if child else float(rng.uniform(0.97, 1.05)),
        leg=float(rng.uniform(0.96, 1.04)) - 0.06 * child,
        arm=float(rng.uniform(0.96, 1.04)),
        shoulders=float(
            rng.uniform(0.90, 0.97)
            if female or child
            else rng.uniform(0.98, 1.08)
        ),
        hips=float(
            rng.uniform(1.02, 1.12) if female else rng.uniform(0.94, 1.02)
        ),
        girth=float((0.86 if female else 0.92) + 0.42 * heavy),
        belly=float(0.07 * heavy**1.5 * scale),
        bust=float(rng.uniform(0.02, 0.05) if female and not child else 0.0),
    )
