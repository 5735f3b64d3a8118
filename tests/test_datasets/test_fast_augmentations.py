"""The same random numbers, pixels and labels as MMPose's, sooner."""

from spinepose_mmpose.datasets.transforms import (
    FastGenerateTarget,
    FastPhotometricDistortion,
    FastRandomBBoxTransform,
    FastRandomFlip,
)

import numpy as np
import pytest
from mmpose.codecs import SimCCLabel
from mmpose.datasets.transforms import (
    GenerateTarget,
    PhotometricDistortion,
    RandomBBoxTransform,
    RandomFlip,
)


def both(ours, theirs, make, seed):
    """What each makes of the same sample from the same random state; and
    whether they leave the same one behind."""
    found = []
    for transform in (ours, theirs):
        np.random.seed(seed)
        found.append((transform(make()), np.random.rand()))
    (a, after_a), (b, after_b) = found
    assert after_a == after_b
    return a, b


def test_photometric_distortion():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (32, 24, 3), dtype=np.uint8)
    image[:8] = np.arange(24, dtype=np.uint8)[None, :, None] * 11  # greys
    ours, theirs = FastPhotometricDistortion(), PhotometricDistortion()
    changed = 0
    for seed in range(200):
        a, b = both(ours, theirs, lambda: dict(img=image.copy()), seed)
        np.testing.assert_array_equal(a['img'], b['img'])
        assert a['img'].dtype == np.uint8
        changed += not np.array_equal(a['img'], image)
    assert changed > 150


def test_the_image_is_not_changed_in_place():
    image = np.full((4, 4, 3), 90, np.uint8)
    for seed in range(20):
        np.random.seed(seed)
        FastPhotometricDistortion()(dict(img=image))
    assert (image == 90).all()


def test_bbox_transform():
    def make():
        return dict(
            bbox_center=np.array([[50.0, 60.0]]),
            bbox_scale=np.array([[30.0, 40.0]]),
        )

    settings = dict(scale_factor=[0.5, 1.5], rotate_factor=90)
    for seed in range(100):
        a, b = both(
            FastRandomBBoxTransform(**settings),
            RandomBBoxTransform(**settings),
            make,
            seed,
        )
        for key in ('bbox_center', 'bbox_scale', 'bbox_rotation'):
            np.testing.assert_allclose(a[key], b[key], rtol=1e-5, atol=1e-5)
            assert a[key].dtype == b[key].dtype


def test_truncated_normal():
    np.random.seed(0)
    draws = FastRandomBBoxTransform._truncnorm(size=(200_000,))
    assert draws.dtype == np.float32
    assert -1 <= draws.min() < -0.999 and 0.999 < draws.max() <= 1
    # By hand: 1 - 2 phi(1) / (2 Phi(1) - 1) = 0.2911.
    assert draws.var() == pytest.approx(0.2911, abs=0.002)
    assert draws.mean() == pytest.approx(0, abs=0.004)


@pytest.mark.parametrize(
    'settings',
    [
        dict(direction='horizontal'),
        dict(direction='vertical', prob=0.2),
        dict(prob=0.0),
        dict(prob=1.0),
        dict(prob=[0.3, 0.2], direction=['horizontal', 'vertical']),
        dict(prob=0.6, direction=['horizontal', 'diagonal']),
    ],
)
def test_flip(settings):
    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    for seed in range(50):
        a, b = both(
            FastRandomFlip(**settings),
            RandomFlip(**settings),
            lambda: dict(img=image, img_shape=(4, 5)),
            seed,
        )
        assert a['flip_direction'] == b['flip_direction']
        np.testing.assert_array_equal(a['img'], b['img'])


CODEC = dict(
    type='SimCCLabel',
    input_size=(48, 64),
    sigma=(4.9, 5.66),
    simcc_split_ratio=2.0,
    normalize=False,
    use_dark=False,
)


@pytest.mark.parametrize(
    'changes',
    [
        {},
        dict(normalize=True),
        dict(sigma=3.0, simcc_split_ratio=1.5),
        dict(input_size=(192, 256), sigma=(6.0, 6.93)),
    ],
)
def test_labels(changes):
    codec = dict(CODEC, **changes)
    rng = np.random.default_rng(0)
    w, h = codec['input_size']
    for _ in range(20):
        # Also where the curve's end alone, or nothing, is inside.
        points = rng.uniform((-15, -15), (w + 15, h + 15), (2, 37, 2))
        visible = rng.choice([0, 0.3, 0.5, 1], (2, 37)).astype(np.float32)

        def make():
            return dict(
                transformed_keypoints=points.astype(np.float32),
                keypoints_visible=visible.copy(),
            )

        a, b = both(
            FastGenerateTarget(encoder=codec),
            GenerateTarget(encoder=codec),
            make,
            0,
        )
        assert a.keys() == b.keys()
        for key in (
            'keypoint_x_labels',
            'keypoint_y_labels',
            'keypoint_weights',
            'keypoints_visible',
        ):
            np.testing.assert_array_equal(a[key], b[key])
            assert a[key].dtype == b[key].dtype
    assert (a['keypoint_weights'] != visible).any()


def test_every_bin():
    """All centres for which the parent makes a label, one by one."""
    points = np.array([[[x / 2, 20] for x in range(-32, 130)]], np.float32)
    visible = np.ones(points.shape[:2], np.float32)
    ours = FastGenerateTarget(encoder=CODEC).encoder.encode(points, visible)
    settings = {k: v for k, v in CODEC.items() if k != 'type'}
    theirs = SimCCLabel(**settings).encode(points, visible)
    for key in theirs:
        np.testing.assert_array_equal(ours[key], theirs[key])
    assert 0 < theirs['keypoint_weights'].sum() < 162


def test_other_codecs_are_mmposes():
    heatmap = dict(
        type='MSRAHeatmap', input_size=(48, 64), heatmap_size=(12, 16), sigma=2
    )
    standard = dict(CODEC, smoothing_type='standard')
    for codec in (heatmap, standard):
        ours = FastGenerateTarget(encoder=codec).encoder
        assert type(ours) is type(GenerateTarget(encoder=codec).encoder)
