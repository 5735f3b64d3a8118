from spinepose_mmpose.inference.network import MEAN, STD
from spinepose_mmpose.inference.preprocess import (
    Normalizer,
    Points,
    Simcc,
    check_boxes,
    crop_people,
    decode,
    merge_flipped,
    regions_of,
    to_image,
    warp_matrix,
)
from spinepose_mmpose.metainfo import FLIP_INDICES

import numpy as np
import pytest

SIZE = (192, 256)


def test_region_of_a_box_by_hand():
    # 100 x 200 padded by 1.25 is 125 x 250, and 3:4 makes it 187.5 x 250.
    boxes = np.float32([[10, 20, 110, 220], [0, 0, 192, 0.5]])
    regions = regions_of(boxes, SIZE)
    np.testing.assert_array_equal(regions.centers[0], [60, 120])
    np.testing.assert_array_equal(regions.scales[0], [187.5, 250])
    # A wide one keeps its width.
    np.testing.assert_array_equal(regions.scales[1], [240, 320])


def test_points_return_to_the_image():
    regions = regions_of(np.float32([[10, 20, 110, 220]]), SIZE)
    matrix = warp_matrix(regions.centers[0], regions.scales[0], SIZE)
    points = np.float64([[60, 120], [10, 20], [110, 220]])
    inside = points @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(inside[0], [96, 128], atol=1e-4)
    back = to_image(inside[None], regions, SIZE)
    assert back.dtype == np.float32
    np.testing.assert_allclose(back[0], points, atol=1e-4)


def random_boxes(count: int) -> np.ndarray:
    """Boxes of all sizes, some of them partly or wholly off the image."""
    rng = np.random.default_rng(1)
    corner = rng.uniform(-100, 640, (count, 2))
    size = np.exp(rng.uniform(np.log(2), np.log(900), (count, 2)))
    return np.concatenate([corner, corner + size], 1).astype(np.float32)


@pytest.mark.parametrize('size', [(192, 256), (288, 384)])
def test_crops_are_mmposes_to_the_bit(people_image, size):
    from mmpose.datasets.transforms import GetBBoxCenterScale, TopdownAffine

    boxes = random_boxes(40)
    regions = regions_of(boxes, size)
    crops = crop_people(people_image, regions, size)
    for i, box in enumerate(boxes):
        results = dict(img=people_image, bbox=box[None])
        results = GetBBoxCenterScale()(results)
        results = TopdownAffine(input_size=size)(results)
        np.testing.assert_array_equal(crops[i], results['img'])
        np.testing.assert_array_equal(regions.scales[i], results['input_scale'])
        np.testing.assert_array_equal(
            regions.centers[i], results['input_center']
        )


def test_crops_are_written_where_asked(people_image, people_boxes):
    regions = regions_of(people_boxes, SIZE)
    out = np.zeros((5, 256, 192, 3), np.uint8)
    crop_people(people_image, regions, SIZE, out=out[1:4])
    np.testing.assert_array_equal(
        out[1:4], crop_people(people_image, regions, SIZE)
    )
    assert not out[0].any() and not out[4].any()


@pytest.mark.parametrize('to_rgb', [True, False])
def test_normalizer_equals_the_plain_formula(to_rgb):
    crops = np.random.default_rng(0).integers(0, 256, (3, 8, 6, 3))
    crops = crops.astype(np.uint8)
    got = Normalizer(MEAN, STD, to_rgb)(crops)
    images = crops[..., ::-1] if to_rgb else crops
    expected = (images - np.float32(MEAN)) / np.float32(STD)
    assert got.dtype == np.float32 and got.flags.c_contiguous
    np.testing.assert_array_equal(got, expected.transpose(0, 3, 1, 2))


def test_red_is_the_first_channel_of_the_network():
    red = np.zeros((1, 4, 4, 3), np.uint8)
    red[..., 2] = 255  # BGR
    planes = Normalizer((0, 0, 0), (255, 255, 255))(red)[0]
    assert planes.mean(axis=(1, 2)).tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    'boxes, sentence',
    [
        ([1, 2, 3, 4], r'\(4,\), expected \(N, 4\).*one box is'),
        ([[1, 2, 3, 4, 0.5]], r'\(1, 5\), expected \(N, 4\)'),
        ([[0, 0, 9, 9], [5, 5, 5, 9]], 'box 1 has no area'),
        ([[9, 9, 0, 0]], 'box 0 has no area'),
        ([[0, 0, float('nan'), 9]], 'box 0 is not finite'),
        ([[0, 0, float('inf'), 9]], 'box 0 is not finite'),
        ([[0, 0, 1], [2]], 'rows of numbers'),
        ('person', 'rows of numbers'),
    ],
)
def test_boxes_that_are_none(boxes, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        check_boxes(boxes)
    assert '\n' not in str(error.value)


def test_nobody_is_no_error():
    for boxes in ([], np.zeros((0, 4)), np.zeros(0)):
        assert check_boxes(boxes)[0].shape == (0, 4)


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
