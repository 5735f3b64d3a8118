from spinepose_mmpose.evaluation.figures import (
    EMPTY,
    LABEL_COLOR,
    PREDICTION_COLOR,
    PROFILE,
    STANDING,
    contact_sheet,
)
from spinepose_mmpose.evaluation.report import write_report
from spinepose_mmpose.metainfo import (
    KEYPOINT_IDS,
    KEYPOINT_NAMES,
    SPINE_CHAIN,
)

import cv2
import numpy as np
from made_people import make_report, standing
from matplotlib.colors import to_rgb


def test_files(tmp_path, caplog):
    person = standing()
    files = write_report(str(tmp_path), make_report([person], [person]))
    for name in ('body_map.png', 'precision_recall.png', 'worst_cases.jpg'):
        assert name in files
        image = cv2.imread(str(tmp_path / name))
        assert min(image.shape[:2]) > 300 and np.ptp(image) > 200
        assert f']({name})' in (tmp_path / 'report.md').read_text()
    assert not caplog.records  # matplotlib warns through its logger
    # A later report without figures takes the older ones away.
    write_report(str(tmp_path), make_report([person], [person], draw=False))
    assert not list(tmp_path.glob('*.png'))


def test_every_keypoint_has_its_place():
    assert set(STANDING) == set(KEYPOINT_NAMES)
    assert tuple(PROFILE) == SPINE_CHAIN


def test_contact_sheet_draws_at_the_right_place(tmp_path):
    person = standing()
    wrong = person.copy()
    knee = KEYPOINT_IDS['left_knee']
    wrong[knee, 0] += 40
    image = np.full((230, 260, 3), (20, 60, 100), np.uint8)
    cv2.imwrite(str(tmp_path / 'image.png'), image)
    report = make_report([person, person], [wrong, person])
    figure = contact_sheet(report, {0: str(tmp_path / 'image.png')})
    figure.savefig(tmp_path / 'sheet.png')
    sheet = cv2.imread(str(tmp_path / 'sheet.png'))[..., ::-1]
    worst, other = figure.axes[:2]

    def pixel(axes, *xy):
        x, y = axes.transData.transform(xy)
        return sheet[len(sheet) - 1 - int(y), int(x)]

    def rgb(color):
        return np.round(255 * np.array(to_rgb(color)))

    # The worst comes first: person 0, whose prediction is off at the knee.
    assert worst.get_title().startswith('#1  OKS 0.9')
    place = dict(atol=8)
    np.testing.assert_allclose(
        pixel(worst, *person[knee, :2]), rgb(LABEL_COLOR), **place
    )
    np.testing.assert_allclose(
        pixel(worst, *wrong[knee, :2]), rgb(PREDICTION_COLOR), **place
    )
    # The labelled box is (50, 10, 100, 200); the image is darker, and RGB.
    assert pixel(worst, 50, 180).min() > 180
    np.testing.assert_allclose(pixel(worst, 60, 30), [75, 45, 15], **place)
    # No image is at hand for the other.
    np.testing.assert_allclose(pixel(other, 60, 30), rgb(EMPTY), **place)
