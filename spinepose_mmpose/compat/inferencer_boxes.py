"""Boxes passed to MMPoseInferencer are overwritten, by the detector's or by
the whole image."""

import inspect
from importlib import import_module

VERSIONS = 'mmpose 1.3.2'
REMOVE_WHEN = 'mmpose uses the boxes that it is given'
AFTER = 'mmpose.apis.inferencers.pose2d_inferencer'


def probe() -> str | None:
    cls = import_module(AFTER).Pose2DInferencer
    if 'bboxes = []' not in inspect.getsource(cls.preprocess_single):
        return None
    return 'Pose2DInferencer.preprocess_single overwrites bboxes with []'


def apply() -> None:
    cls = import_module(AFTER).Pose2DInferencer
    preprocess = cls.preprocess_single

    def preprocess_single(
        self, input, index, bbox_thr=0.3, nms_thr=0.3, bboxes=()
    ):
        if self.cfg.data_mode != 'topdown' or len(bboxes) == 0:
            return preprocess(self, input, index, bbox_thr, nms_thr)
        return _crops(self, input, index, bboxes)

    cls.preprocess_single = preprocess_single


def _crops(inferencer, input, index: int, bboxes) -> list:
    """The pipeline's output for each given box."""
    import numpy as np

    boxes = np.asarray(bboxes, dtype=np.float32)
    if boxes.ndim != 2 or boxes.shape[1] not in (4, 5):
        raise ValueError(
            f'bboxes of image {index} have shape {boxes.shape}, '
            'expected (N, 4) or (N, 5): x1, y1, x2, y2[, score], '
            'and one such array per image'
        )
    if boxes.shape[1] == 4:  # without scores
        boxes = np.pad(boxes, ((0, 0), (0, 1)), constant_values=1)
    if isinstance(input, str):
        source = dict(img_path=input)
    else:
        source = dict(img=input, img_path=f'{index:06d}.jpg')
    source.update(inferencer.model.dataset_meta)
    return [
        inferencer.pipeline(
            dict(source, bbox=box[None, :4], bbox_score=box[4:])
        )
        for box in boxes
    ]
