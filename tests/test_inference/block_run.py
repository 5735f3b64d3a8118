"""``spinepose-mmpose`` with the estimator of block_clips, for tests that need
a process of their own.

BLOCK_DELAY: seconds that a frame takes.
"""

import os
import sys
import time

from spinepose_mmpose.inference import estimator
from spinepose_mmpose.inference.cli import main

from block_clips import BlockEstimator


class SlowEstimator(BlockEstimator):
    def predict_batch(self, images, boxes, scores):
        time.sleep(float(os.environ.get('BLOCK_DELAY', 0)) * len(images))
        return super().predict_batch(images, boxes, scores)


if __name__ == '__main__':
    estimator.SpinePoseEstimator = SlowEstimator
    main(sys.argv[1:])
