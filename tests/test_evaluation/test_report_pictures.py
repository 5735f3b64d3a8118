from spinepose_mmpose.evaluation.report import write_report
from spinepose_mmpose.evaluation.report.body_map import spread
from spinepose_mmpose.evaluation.report.contact_sheet import (
    EMPTY,
    GAP,
    HEADER,
    LABEL_COLOR,
    PREDICTION_COLOR,
    TILE_HEIGHT,
    TILE_WIDTH,
    _placement,
    draw_contact_sheet,
)
from spinepose_mmpose.metainfo import KEYPOINT_IDS

import cv2
import numpy as np
import pytest
from report_people import make_report, standing

BOX = (50, 10, 100, 200)


def test_files(tmp_path):
    person = standing()
    files = write_report(str(tmp_path), make_report([person], [person]))
    for name in ('body_map.png', 'precision_recall.png', 'worst_cases.jpg'):
        assert name in files
        image = cv2.imread(str(tmp_path / name))
        assert min(image.shape[:2]) > 300 and np.ptp(image) > 200
        assert f']({name})' in (tmp_path / 'report.md').read_text()
    # A later report without pictures takes the older ones away.
    write_report(str(tmp_path), make_report([person], [person], draw=False))
    assert not list(tmp_path.glob('*.png'))


@pytest.mark.parametrize(
    'heights, expected',
    [
        ([0, 1, 2], [0, 1, 2]),
        ([0, 0], [-0.5, 0.5]),
        ([0, 0.5, 3], [-0.25, 0.75, 3]),
        ([0, 0, 1], [-2 / 3, 1 / 3, 4 / 3]),
    ],
)
def test_labels_do_not_overlap(heights, expected):
    assert spread(heights, 1) == pytest.approx(expected)


def test_contact_sheet_draws_at_the_right_place(tmp_path):
    person = standing()
    wrong = person.copy()
    knee = KEYPOINT_IDS['left_knee']
    wrong[knee, 0] += 40
    image = np.full((230, 260, 3), 100, np.uint8)
    cv2.imwrite(str(tmp_path / 'image.png'), image)
    report = make_report([person, person], [wrong, person])
    path = str(tmp_path / 'sheet.png')
    draw_contact_sheet(path, report, {0: str(tmp_path / 'image.png')})
    sheet = cv2.imread(path)
    tile = sheet[HEADER : HEADER + TILE_HEIGHT, GAP : GAP + TILE_WIDTH]
    place = _placement(BOX)

    def pixel(xy):
        x, y = np.round(place[:, :2] @ xy + place[:, 2]).astype(int)
        return tile[y, x].tolist()

    # The box (50, 10, 100, 200) fills 1 / 1.6 of the height of 340 px and lies
    # in the middle of the tile: 340 / 1.6 / 200 = 1.0625.
    assert tile[170 - 106, 120].tolist() == [255, 255, 255]
    assert tile[250, 150 - 53].tolist() == [255, 255, 255]
    # The worst comes first: person 0, whose prediction is off at the knee.
    assert pixel(person[knee, :2]) == list(LABEL_COLOR)
    assert pixel(wrong[knee, :2]) == list(PREDICTION_COLOR)
    assert pixel((60, 30)) == [75, 75, 75]  # the image, darker
    # No image is at hand for the other.
    other = sheet[HEADER : HEADER + TILE_HEIGHT, 2 * GAP + TILE_WIDTH :]
    assert other[TILE_HEIGHT - 3, 3].tolist() == list(EMPTY)
