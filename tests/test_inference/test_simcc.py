from spinepose_mmpose.inference.preprocess import (
    Points,
    Simcc,
    decode,
    merge_flipped,
)

import numpy as np


def random_simcc(seed: int = 0) -> Simcc:
    """5 people, 37 keypoints; some maxima are not positive."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(-1, 0.4, (5, 37, 384)), rng.normal(-1, 0.3, (5, 37, 512))
    return Simcc(x.astype(np.float32), y.astype(np.float32))


def test_decode_by_hand():
    x = np.float32([[[0, 1, 0.5], [0, 0, -1], [7, 7, 0]]])
    y = np.float32([[[0, 0.2, 0.6, 0], [-1, 1, 1, 0], [1, 0, 0, 0]]])
    points = decode(Simcc(x, y), split_ratio=2.0)
    assert isinstance(points, Points)
    # The second has no positive maximum in x, the third one two of them.
    expected = [[[0.5, 1], [-0.5, -0.5], [0, 0]]]
    np.testing.assert_array_equal(points.xy, expected)
    np.testing.assert_array_equal(points.scores, np.float32([[0.6, 0, 1]]))


def test_decode_is_mmposes():
    from mmpose.codecs import SimCCLabel

    codec = SimCCLabel(
        input_size=(192, 256), sigma=(4.9, 5.66), simcc_split_ratio=2.0
    )
    simcc = random_simcc()
    keypoints, scores = codec.decode(*(axis.copy() for axis in simcc))
    points = decode(simcc, 2.0)
    assert (points.scores <= 0).any() and (points.scores > 0).any()
    assert points.xy.dtype == points.scores.dtype == np.float32
    np.testing.assert_array_equal(points.xy, keypoints)
    np.testing.assert_array_equal(points.scores, scores)


def test_decode_leaves_its_input():
    simcc = random_simcc()
    copies = [axis.copy() for axis in simcc]
    decode(simcc, 2.0)
    for axis, copy in zip(simcc, copies):
        np.testing.assert_array_equal(axis, copy)


def test_merge_is_mmposes():
    from spinepose_mmpose.metainfo import FLIP_INDICES

    import torch
    from mmpose.models.utils.tta import flip_vectors

    simcc, flipped = random_simcc(0), random_simcc(1)
    back = flip_vectors(
        *(torch.from_numpy(axis) for axis in flipped),
        flip_indices=list(FLIP_INDICES),
    )
    merged = merge_flipped(simcc, flipped, FLIP_INDICES)
    for got, axis, other in zip(merged, simcc, back):
        np.testing.assert_array_equal(got, (axis + other.numpy()) * 0.5)
