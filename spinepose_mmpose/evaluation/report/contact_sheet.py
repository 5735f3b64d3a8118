"""The worst people of an evaluation, label and prediction side by side."""

from typing import Dict, Hashable, Optional

import cv2
import numpy as np

from .content import Case, Report

# Pixels.
TILE_WIDTH, TILE_HEIGHT, CAPTION, GAP, HEADER = 300, 340, 40, 8, 64
COLUMNS = 5
# Around the labelled box, in box sizes; the prediction may lie outside.
MARGIN = 0.3
# BGR
LABEL_COLOR, PREDICTION_COLOR = (80, 220, 60), (230, 60, 230)
INK, PAPER, EMPTY = (40, 40, 40), (255, 255, 255), (200, 200, 200)
FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_contact_sheet(
    path: str, report: Report, image_paths: Dict[Hashable, str]
) -> None:
    """Tiles of :attr:`Report.cases`, the worst first.

    Args:
        path (str): Image to write.
        report (Report): What to show.
        image_paths (dict): File by image id; a tile without one is grey.
    """
    tiles = [
        _tile(i, case, report, image_paths)
        for i, case in enumerate(report.cases, 1)
    ]
    columns = min(COLUMNS, max(len(tiles), 3))
    rows = -(-len(tiles) // columns)
    height = TILE_HEIGHT + CAPTION + GAP
    sheet = np.full(
        (HEADER + rows * height + GAP, columns * (TILE_WIDTH + GAP) + GAP, 3),
        PAPER,
        np.uint8,
    )
    _draw_header(sheet, len(tiles))
    for i, tile in enumerate(tiles):
        y = HEADER + i // columns * height
        x = GAP + i % columns * (TILE_WIDTH + GAP)
        sheet[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    if not cv2.imwrite(path, sheet):
        raise OSError(f'cannot write the image {path}')


def _draw_header(sheet, count) -> None:
    _write(
        sheet, f'The {count} worst people, lowest OKS first', (GAP, 24), 0.62
    )
    x = GAP
    for color, text in (
        (LABEL_COLOR, 'labelled'),
        (PREDICTION_COLOR, 'predicted'),
    ):
        cv2.line(sheet, (x, 46), (x + 30, 46), color, 3, cv2.LINE_AA)
        cv2.circle(sheet, (x + 15, 46), 5, color, -1, cv2.LINE_AA)
        _write(sheet, text, (x + 38, 51), 0.5)
        x += 140
    _write(
        sheet,
        'grey line: a keypoint to its label; white box: labelled box',
        (x, 51),
        0.5,
    )


def _tile(rank: int, case: Case, report: Report, image_paths) -> np.ndarray:
    gts = report.ground_truth
    image_id = gts.image_ids[gts.image_index[case.person]]
    crop = _crop(image_paths.get(image_id), gts.boxes[case.person])
    tile = np.full((TILE_HEIGHT + CAPTION, TILE_WIDTH, 3), PAPER, np.uint8)
    place = _placement(gts.boxes[case.person])
    tile[:TILE_HEIGHT] = crop
    view = tile[:TILE_HEIGHT]

    person = gts.keypoints[case.person]
    labelled = person[:, 2] > 0
    label = person[:, :2] @ place[:, :2].T + place[:, 2]
    x, y, w, h = gts.boxes[case.person]
    corners = np.array([[x, y], [x + w, y + h]]) @ place[:, :2].T + place[:, 2]
    cv2.rectangle(view, *(_point(c) for c in corners), (255, 255, 255), 1)
    if case.prediction is not None:
        predicted = report.detections.keypoints[case.prediction]
        shown = predicted[:, 2] > 0
        points = predicted[:, :2] @ place[:, :2].T + place[:, 2]
        for k in np.flatnonzero(shown & labelled):
            cv2.line(
                view,
                _point(points[k]),
                _point(label[k]),
                (190, 190, 190),
                1,
                cv2.LINE_AA,
            )
        _draw_person(view, points, shown, report.links, PREDICTION_COLOR)
    _draw_person(view, label, labelled, report.links, LABEL_COLOR)

    verdict = f'OKS {case.oks:.3f}'
    if case.prediction is None:
        verdict = 'nothing predicted'
    elif not case.found:
        verdict += ', not found'
    _write(tile, f'#{rank}  {verdict}', (2, TILE_HEIGHT + 16), 0.48)
    _write(tile, f'image {image_id}', (2, TILE_HEIGHT + 34), 0.42)
    return tile


def _placement(box) -> np.ndarray:
    """(2, 3) affine from image to tile pixels."""
    x, y, w, h = box
    scale = min(TILE_WIDTH / max(w, 1), TILE_HEIGHT / max(h, 1))
    scale /= 1 + 2 * MARGIN
    centre = np.array([x + w / 2, y + h / 2])
    offset = np.array([TILE_WIDTH, TILE_HEIGHT]) / 2 - scale * centre
    return np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])


def _crop(path: Optional[str], box) -> np.ndarray:
    """The person's surroundings, (TILE_HEIGHT, TILE_WIDTH, 3)."""
    image = None if path is None else cv2.imread(path)
    if image is None:
        blank = np.full((TILE_HEIGHT, TILE_WIDTH, 3), EMPTY, np.uint8)
        _write(blank, 'image not at hand', (10, 20), 0.45)
        return blank
    crop = cv2.warpAffine(
        image,
        _placement(box),
        (TILE_WIDTH, TILE_HEIGHT),
        flags=cv2.INTER_AREA
        if max(box[2:]) > TILE_HEIGHT
        else cv2.INTER_LINEAR,
        borderValue=EMPTY,
    )
    # Darker, so that the lines stand out.
    return (crop * 0.75).astype(np.uint8)


def _draw_person(view, points, shown, links, color) -> None:
    for a, b in links:
        if shown[a] and shown[b]:
            cv2.line(
                view,
                _point(points[a]),
                _point(points[b]),
                color,
                1,
                cv2.LINE_AA,
            )
    for k in np.flatnonzero(shown):
        cv2.circle(view, _point(points[k]), 3, color, -1, cv2.LINE_AA)


def _point(xy):
    # Far outside, OpenCV's fixed-point coordinates would wrap around.
    return tuple(int(v) for v in np.clip(np.round(xy), -30000, 30000))


def _write(image, text, place, size) -> None:
    cv2.putText(image, text, place, FONT, size, INK, 1, cv2.LINE_AA)
