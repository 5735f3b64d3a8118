"""What an ONNX file says of crops: keypoints in photo pixels, and their AP."""

from dataclasses import dataclass
from typing import Callable, List, Optional, Union

from spinepose_mmpose.evaluation.coco import evaluate_subsets
from spinepose_mmpose.evaluation.people import make_detections
from spinepose_mmpose.evaluation.predictions import (
    PredictedPeople,
    ground_truth_of_samples,
    person_scores,
    sample_annotations,
    suppress_people,
)
from spinepose_mmpose.metainfo import NUM_KEYPOINTS, SIGMAS

import numpy as np
import onnx
import onnxruntime
from mmpose.codecs.utils import get_simcc_maximum

from .samples import Crops

SPLIT_RATIO = 2.0
# Images (B, 3, H, W) to the list of the network's outputs.
Run = Callable[[np.ndarray], List[np.ndarray]]


@dataclass(frozen=True)
class Predicted:
    """Keypoints of N people.

    Attributes:
        inputs: (N, K, 2), [x, y] in pixels of the network input.
        photos: (N, K, 2), [x, y] in pixels of the photo.
        scores: (N, K).
    """

    inputs: np.ndarray
    photos: np.ndarray
    scores: np.ndarray


def open_session(
    model: Union[str, onnx.ModelProto], threads: int = 0
) -> onnxruntime.InferenceSession:
    """ONNX Runtime on the CPU; 0 threads are its own choice."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    content = model if isinstance(model, str) else model.SerializeToString()
    return onnxruntime.InferenceSession(
        content, options, providers=['CPUExecutionProvider']
    )


def runner(session: onnxruntime.InferenceSession) -> Run:
    (name,) = [value.name for value in session.get_inputs()]
    return lambda images: session.run(None, {name: images})


def predict(run: Run, crops: Crops, order: str = 'rgb') -> Predicted:
    """Keypoints of all crops, one at a time."""
    decoded = [decode(run(image)) for image in crops.inputs(order=order)]
    inputs, scores = (np.concatenate(parts) for parts in zip(*decoded))
    size = np.array(crops.pixels.shape[:1:-1])  # w, h
    scale, center = crops.scales[:, None], crops.centers[:, None]
    return Predicted(inputs, inputs / size * scale + center - scale / 2, scores)


def decode(outputs: List[np.ndarray]):
    """Keypoints (B, K, 2) in pixels of the input and scores (B, K).

    Args:
        outputs: SimCC logits (B, K, Wx), (B, K, Wy); or keypoints and scores
            of a file that decodes by itself.
    """
    first, second = (output.astype(np.float32) for output in outputs[:2])
    if second.ndim == 2:
        return first, second
    places, scores = get_simcc_maximum(first, second)
    return places / SPLIT_RATIO, scores


def mean_shift(a: Predicted, b: Predicted) -> float:
    """Mean distance of the keypoints, in pixels of the network input."""
    return float(np.linalg.norm(a.inputs - b.inputs, axis=-1).mean())


def average_precision(predicted: Predicted, crops: Crops) -> Optional[float]:
    """AP over all keypoints, 0 to 1, of these people alone; None where they
    have no labels for these keypoints."""
    if not crops.labelled or predicted.scores.shape[1] != NUM_KEYPOINTS:
        return None
    keypoints = np.concatenate(
        [predicted.photos, predicted.scores[..., None]], axis=-1
    )
    people = PredictedPeople(
        [record['img_id'] for record in crops.records],
        keypoints.astype(np.float64),
        np.ones(len(crops)),
        crops.scales.prod(axis=1).astype(np.float64),
        np.ones(len(crops), dtype=int),
    )
    sigmas = np.asarray(SIGMAS, np.float64)
    scores = person_scores(people.keypoints[..., 2], people.box_scores)
    rows = suppress_people(people, scores, sigmas, 'oks_nms', 0.9)
    people, scores = people.take(rows), scores[rows]
    truth = ground_truth_of_samples(
        [sample_annotations(record) for record in crops.records]
    )
    detections = make_detections(
        people.image_ids,
        people.keypoints,
        scores,
        people.category_ids,
        truth,
    )
    every = dict(all=range(NUM_KEYPOINTS))
    return evaluate_subsets(truth, detections, every, sigmas)['all']['AP']
