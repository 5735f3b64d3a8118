"""Show how close the operations of an exported ONNX file come to FP16's limit.

FP16 overflows above 65504. The file is run in FP32 on the images, and the
largest output and the largest internal sum of each operation are listed.
"""

import argparse
import sys

from spinepose_mmpose.utils import one_sentence


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('onnx', help='FP32 file written by tools/deploy.py')
    parser.add_argument('images', nargs='+', help='of one person each')
    parser.add_argument('--top', type=int, default=12, help='rows to show')
    return parser.parse_args()


def main():
    args = parse_args()
    with one_sentence():
        print(table(args))
    return 0


def table(args) -> str:
    from spinepose_mmpose.deploy.onnx_files import (
        LARGEST,
        load_onnx,
        node_ranges,
        read_facts,
    )

    import numpy as np

    model = load_onnx(args.onnx)
    facts = read_facts(model)
    if 'mean' not in facts:
        raise ValueError(
            f'{args.onnx} does not say how it wants its images: export it '
            'with tools/deploy.py'
        )
    inputs = np.concatenate([_read(path, facts) for path in args.images])
    rows = node_ranges(model, inputs)
    rows.sort(key=lambda row: -row.inner)
    lines = [f'{"largest sum":>12} {"output":>12}  operation']
    lines += [
        f'{row.inner:12.4g} {row.output:12.4g}  {row.op} {row.name}'
        f'{"  OVERFLOW" if row.overflows else ""}'
        for row in rows[: args.top]
    ]
    count = sum(row.overflows for row in rows)
    lines.append(f'{count} of {len(rows)} operations exceed {LARGEST:.0f}')
    return '\n'.join(lines)


def _read(path: str, facts: dict):
    """The whole image as (1, 3, H, W)."""
    from spinepose_mmpose.inference.preprocess import Normalizer

    import cv2

    image = cv2.imread(path)
    if image is None:
        raise ValueError(f'{path} is not an image that OpenCV can read')
    image = cv2.resize(image, tuple(facts['input_size']))
    normalise = Normalizer(facts['mean'], facts['std'], facts['bgr_to_rgb'])
    return normalise(image[None])


if __name__ == '__main__':
    sys.exit(main())
