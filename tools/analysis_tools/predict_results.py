"""Predict keypoints in annotated boxes with an exported model, as COCO results.

Use it with evaluate_results.py to measure the effect of a model file, a backend
or half precision on AP, without PyTorch. People without a box are left out.
"""

import argparse
import json
from pathlib import Path

from spinepose_mmpose.inference import SpinePoseEstimator
from spinepose_mmpose.inference.formats import score_value, table_of
from spinepose_mmpose.utils import one_sentence, read_json, write_text

from tqdm import tqdm


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('annotations', help='COCO file with 37 keypoints')
    parser.add_argument('images', help='folder with its images')
    parser.add_argument('--model', required=True, help='a name or a file')
    parser.add_argument('--backend', default='auto')
    parser.add_argument('--device', default='auto')
    parser.add_argument('--half', action='store_true')
    parser.add_argument('--flip-test', action='store_true')
    parser.add_argument('--out', required=True, help='output JSON file')
    return parser.parse_args()


def labelled_boxes(content) -> dict:
    """Image id -> (N, 4) [x1, y1, x2, y2] of its annotations with a box."""
    boxes = {}
    for annotation in content['annotations']:
        x, y, w, h = annotation['bbox']
        if min(w, h) > 0:
            boxes.setdefault(annotation['image_id'], []).append(
                [x, y, x + w, y + h]
            )
    return boxes


def result_of(person, image_id) -> dict:
    return dict(
        image_id=image_id,
        category_id=1,
        keypoints=[value for point in table_of(person) for value in point],
        score=score_value(person.scores.mean()),
    )


def main():
    args = parse_args()
    with one_sentence():
        content = read_json(args.annotations)
        estimator = SpinePoseEstimator(
            model=args.model,
            backend=args.backend,
            device=args.device,
            half=args.half,
            flip_test=args.flip_test,
            detector=None,
        )
        boxes = labelled_boxes(content)
        results = []
        images = [i for i in content['images'] if i['id'] in boxes]
        for image in tqdm(images):
            path = Path(args.images) / image['file_name']
            results += [
                result_of(person, image['id'])
                for person in estimator.predict(path, boxes[image['id']])
            ]
        write_text(args.out, json.dumps(results))
        print(
            f'{args.out}: {len(results)} people, {estimator.files.backend} on '
            f'{estimator.device}'
        )


if __name__ == '__main__':
    main()
