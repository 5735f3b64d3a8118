"""Keypoints of an exported model in annotated boxes, as COCO results.

For evaluate_results.py: what a model file, a backend or half precision does to
AP, without PyTorch. People without a box are left out.
"""

import argparse
import json
import sys
from pathlib import Path

from spinepose_mmpose.apis import SpinePoseEstimator
from spinepose_mmpose.utils.cli import one_sentence
from spinepose_mmpose.utils.files import write_text

import numpy as np
from tqdm import tqdm


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('annotations', help='COCO file with 37 keypoints')
    parser.add_argument('images', help='folder of its images')
    parser.add_argument('--model', required=True, help='a name or a file')
    parser.add_argument('--backend', default='auto')
    parser.add_argument('--device', default='auto')
    parser.add_argument('--half', action='store_true')
    parser.add_argument('--flip-test', action='store_true')
    parser.add_argument('--out', required=True, help='JSON file')
    return parser.parse_args()


def predict(estimator, path, boxes):
    """(N, K * 3) x, y, score and (N,) mean scores for COCO boxes."""
    boxes = np.float32(boxes)
    boxes[:, 2:] += boxes[:, :2]
    keypoints, scores = estimator(path, boxes)
    flat = np.concatenate([keypoints, scores[..., None]], axis=-1)
    return flat.reshape(len(boxes), -1), scores.mean(axis=1)


def main():
    args = parse_args()
    with one_sentence():
        estimator = SpinePoseEstimator(
            model=args.model,
            backend=args.backend,
            device=args.device,
            half=args.half,
            flip_test=args.flip_test,
            detector=None,
        )
        content = json.loads(Path(args.annotations).read_text('utf-8'))
        boxes = {}
        for annotation in content['annotations']:
            if min(annotation['bbox'][2:]) > 0:
                boxes.setdefault(annotation['image_id'], []).append(
                    annotation['bbox']
                )
        results = []
        images = [i for i in content['images'] if i['id'] in boxes]
        for image in tqdm(images, file=sys.stderr):
            path = Path(args.images) / image['file_name']
            for points, score in zip(
                *predict(estimator, path, boxes[image['id']])
            ):
                results.append(
                    dict(
                        image_id=image['id'],
                        category_id=1,
                        keypoints=np.round(points, 4).tolist(),
                        score=round(float(score), 6),
                    )
                )
        write_text(args.out, json.dumps(results))
        print(
            f'{args.out}: {len(results)} people, {estimator.backend.name} on '
            f'{estimator.device}'
        )


if __name__ == '__main__':
    main()
