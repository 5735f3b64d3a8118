"""Draw poses with MMPoseInferencer, given a model name or a config.

    python demo/inferencer_demo.py photo.jpg --model spinepose-m --out-dir out

Writes OUT_DIR/visualizations/*.jpg and OUT_DIR/predictions/*.json.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

# Before anything of OpenMMLab: it patches what they stand on.
import spinepose_mmpose  # noqa: F401
from spinepose_mmpose.utils import counted, one_sentence


def parse_args():
    parser = argparse.ArgumentParser(
        description='Draw poses with MMPoseInferencer.'
    )
    parser.add_argument('images', nargs='+', type=Path, metavar='IMAGE')
    parser.add_argument(
        '--model', default='spinepose-m', help='model name or config'
    )
    parser.add_argument(
        '--weights',
        help='a file or spinepose://NAME; default: the published weights',
    )
    parser.add_argument(
        '--boxes',
        type=Path,
        help='COCO annotations with the boxes of people, matched by file name; '
        'an image without boxes is treated as one person',
    )
    parser.add_argument('--device', help='default: a GPU if available')
    parser.add_argument(
        '--out-dir',
        type=Path,
        default=Path('work_dirs/demo'),
        help='default: work_dirs/demo',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    missing = [str(path) for path in args.images if not path.is_file()]
    if missing:
        raise FileNotFoundError(f'no such image: {", ".join(missing)}')
    boxes = read_boxes(args.boxes) if args.boxes else {}

    from mmpose.apis import MMPoseInferencer

    inferencer = MMPoseInferencer(
        pose2d=args.model,
        pose2d_weights=args.weights,
        device=args.device,
        # With boxes given no detector is needed, nor its download.
        det_model='whole_image' if boxes else None,
    )
    for path in args.images:
        given = boxes.get(path.name)
        result = next(
            inferencer(
                str(path),
                bboxes=[given] if given else None,
                out_dir=str(args.out_dir),
            )
        )
        people = result['predictions'][0]
        print(
            f'{path.name}: {counted(len(people), "person")} -> '
            f'{args.out_dir / "visualizations" / path.name}'
        )


def read_boxes(path: Path) -> dict:
    """Boxes (x1, y1, x2, y2) in pixels, by the image's file name."""
    content = json.loads(path.read_text())
    names = {image['id']: image['file_name'] for image in content['images']}
    boxes = defaultdict(list)
    for person in content['annotations']:
        x, y, w, h = person['bbox']
        boxes[names[person['image_id']]].append([x, y, x + w, y + h])
    return boxes


if __name__ == '__main__':
    with one_sentence():
        main()
