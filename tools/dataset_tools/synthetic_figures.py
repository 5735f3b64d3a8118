"""Draw the figures in docs/tutorials/synthetic.md: 24 examples with labels, and
one person seen by four cameras with the spine in 3D."""

import argparse
import os

from spinepose_mmpose.metainfo import KEYPOINT_IDS, SKELETON, SPINE_CHAIN
from spinepose_mmpose.utils import one_sentence, replaced

import cv2
import numpy as np

SPINE = [KEYPOINT_IDS[name] for name in SPINE_CHAIN]
LINKS = [[KEYPOINT_IDS[end] for end in link] for link, _ in SKELETON]
SPINE_COLOUR, BODY_COLOUR, LINK_COLOUR = (0, 0, 255), (255, 110, 0), (0, 210, 0)
TILE = 320  # pixels


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out', required=True, help='output folder')
    parser.add_argument('--seed', type=int, default=3, help='default: 3')
    return parser.parse_args()


def with_labels(image, keypoints, flags):
    """Filled circles are visible, open ones hidden; the spine is red."""
    points = np.round(keypoints[:, :2] * 4).astype(int)
    image = cv2.resize(image, None, fx=4, fy=4)
    for a, b in LINKS:
        if flags[a] and flags[b]:
            cv2.line(image, points[a], points[b], LINK_COLOUR, 3, cv2.LINE_AA)
    for i in np.flatnonzero(flags):
        colour = SPINE_COLOUR if i in SPINE else BODY_COLOUR
        thickness = -1 if flags[i] == 2 else 3
        cv2.circle(image, points[i], 9, colour, thickness, cv2.LINE_AA)
    return cv2.resize(
        image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA
    )


def examples(seed):
    from spinepose_mmpose.datasets.synthetic.writer import generate

    splits = ('train-real-coco', 'train-real-yoga', 'train-unreal')
    tiles = []
    for i in range(24):
        ((_, _, image, people),) = generate(
            seed, splits[i % 3], i, size=(TILE, TILE)
        )
        if i % 2:
            for annotation, _ in people:
                table = np.reshape(annotation['keypoints'], (-1, 3))
                image = with_labels(image, table, table[:, 2].astype(int))
        tiles.append(image)
    rows = [np.hstack(tiles[i : i + 6]) for i in range(0, 24, 6)]
    return np.vstack(rows)


def four_cameras(seed):
    """One frame of a clip from four cameras, and the spine from two sides."""
    import matplotlib

    matplotlib.use('Agg')
    from spinepose_mmpose.datasets.synthetic.writer import generate

    from matplotlib import pyplot

    shots = list(generate(seed, 'train-real-yoga', 2, (TILE, TILE), cameras=4))
    tiles = []
    for _, _, image, people in shots:
        for _, row in people:
            flags = row['visibility']
            image = with_labels(image, row['part'], flags)
        tiles.append(image)
    world = shots[0][3][0][1]['S_world']
    figure, axes = pyplot.subplots(
        1, 2, figsize=(2 * TILE / 100, TILE / 100), dpi=100
    )
    for axis, column, title in zip(
        axes, (0, 1), ('from the front', 'from the side')
    ):
        for a, b in LINKS:
            axis.plot(world[[a, b], column], world[[a, b], 2], color='0.7')
        axis.plot(world[SPINE, column], world[SPINE, 2], 'r.-')
        # As wide as high: the labels of a narrow axis would overlap.
        middle = np.mean([world[:, column].min(), world[:, column].max()])
        axis.set(title=title, aspect='equal', ylabel='z (m)',
                 xlim=(middle - 0.9, middle + 0.9))  # fmt: skip
    figure.tight_layout()
    figure.canvas.draw()
    plot = np.asarray(figure.canvas.buffer_rgba())[..., 2::-1]
    pyplot.close(figure)
    plot = cv2.resize(plot, (2 * TILE, TILE))
    return np.hstack([*tiles, plot])


def main():
    args = parse_args()
    with one_sentence():
        os.makedirs(args.out, exist_ok=True)
        for name, draw in (
            ('synthetic.jpg', examples),
            ('synthetic_cameras.jpg', four_cameras),
        ):
            path = os.path.join(args.out, name)
            with replaced(path) as temporary:
                cv2.imwrite(
                    temporary, draw(args.seed), [cv2.IMWRITE_JPEG_QUALITY, 85]
                )
            print(path)


if __name__ == '__main__':
    main()
