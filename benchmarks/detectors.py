"""Measure how many labelled people each detector finds, and how fast it is.

    python benchmarks/detectors.py ANN.json IMAGES person-demo rtmdet.onnx hog

For the precision, a box that matches no labelled person counts as wrong, so it
is only meaningful if everybody is labelled. ``hog`` is OpenCV's detector, which
serves as a lower bound. Times are per image on one core.
"""

import argparse
import json
import time
from pathlib import Path

from spinepose_mmpose.inference.detectors import create_detector
from spinepose_mmpose.inference.matching import box_iou

import cv2
import numpy as np
from tqdm import tqdm


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('annotations', type=Path, help='COCO annotations')
    parser.add_argument('images', type=Path, help='folder of images')
    parser.add_argument('detectors', nargs='+', help='names, files, or hog')
    parser.add_argument(
        '--score', type=float, default=0.3, help='lowest score that counts'
    )
    parser.add_argument(
        '--iou', type=float, default=0.5, help='lowest IoU of a found person'
    )
    parser.add_argument('--limit', type=int, help='maximum number of images')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    content = json.loads(args.annotations.read_text('utf-8'))
    people = {}
    for person in content['annotations']:
        people.setdefault(person['image_id'], []).append(person['bbox'])
    images = content['images'][: args.limit]
    print('| detector | recall | precision | mean IoU | CPU time, ms |')
    print('|---|---|---|---|---|')
    for name in args.detectors:
        print(row(name, find(name, args.score), images, people, args))


def find(name: str, score: float):
    """A function from an image to boxes (N, 4), x1, y1, x2, y2."""
    if name != 'hog':
        detector = create_detector(
            name, 'cpu', threads=1, score_threshold=score
        )
        return lambda image: detector(image)[0]
    hog = cv2.HOGDescriptor()
    hog.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())

    def boxes_of(image):
        # Its window is 64x128: smaller images are enlarged.
        factor = max(1.0, 96 / image.shape[1], 192 / image.shape[0])
        image = cv2.resize(image, None, fx=factor, fy=factor)
        boxes = np.reshape(hog.detectMultiScale(image)[0], (-1, 4)) / factor
        return np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])

    return boxes_of


def row(name, detect, images, people, args) -> str:
    labelled = found = boxes_seen = 0
    overlaps, seconds = [], 0.0
    for image in tqdm(images, name, leave=False):
        path = args.images / image['file_name']
        pixels = cv2.imread(str(path))
        if pixels is None:
            raise FileNotFoundError(f'no image {path}')
        start = time.process_time()
        boxes = np.reshape(detect(pixels), (-1, 4))
        seconds += time.process_time() - start
        truth = np.reshape(people.get(image['id'], ()), (-1, 4))
        truth = np.hstack([truth[:, :2], truth[:, :2] + truth[:, 2:]])
        labelled, boxes_seen = labelled + len(truth), boxes_seen + len(boxes)
        iou = box_iou(truth, boxes)
        while iou.size and iou.max() >= args.iou:
            i, j = np.unravel_index(iou.argmax(), iou.shape)
            overlaps.append(iou[i, j])
            found += 1
            iou[i], iou[:, j] = 0, 0
    return (
        f'| {Path(name).stem} | {found / max(labelled, 1):.3f} | '
        f'{found / max(boxes_seen, 1):.3f} | {np.mean(overlaps or [0]):.3f} | '
        f'{1e3 * seconds / max(len(images), 1):.0f} |'
    )


if __name__ == '__main__':
    main()
