from .average_precision import RECALLS
from .coco_format import detections_from_coco, ground_truth_from_coco, read_json
from .identity import IdentityScores, identity_scores
from .keypoint_mapping import map_keypoints, map_sigmas, name_mapping
from .keypoint_report import (
    chain_errors,
    keypoint_report,
    match_people,
    mean_with_confidence,
    side_confusion,
)
from .nms import oks_nms, soft_oks_nms
from .oks import keypoint_similarity, oks_matrix, subset_oks
from .people import Detections, GroundTruth, make_detections
from .person_scores import SCORE_MODES, person_scores
from .predicted_people import (
    NMS_MODES,
    PredictedPeople,
    gather_people,
    suppress_people,
)
from .samples import (
    ground_truth_of_samples,
    sample_annotations,
    sample_predictions,
)
from .subset_evaluation import (
    COCO_AREA_RANGES,
    COCO_OKS_THRESHOLDS,
    STAT_NAMES,
    Curves,
    evaluate_subsets,
    subset_curves,
    summarize_curves,
)
from .summary_table import summary_table

__all__ = [
    'COCO_AREA_RANGES',
    'COCO_OKS_THRESHOLDS',
    'Curves',
    'Detections',
    'GroundTruth',
    'IdentityScores',
    'NMS_MODES',
    'PredictedPeople',
    'RECALLS',
    'SCORE_MODES',
    'STAT_NAMES',
    'chain_errors',
    'detections_from_coco',
    'evaluate_subsets',
    'gather_people',
    'ground_truth_from_coco',
    'ground_truth_of_samples',
    'identity_scores',
    'keypoint_report',
    'keypoint_similarity',
    'make_detections',
    'map_keypoints',
    'map_sigmas',
    'match_people',
    'mean_with_confidence',
    'name_mapping',
    'oks_matrix',
    'oks_nms',
    'person_scores',
    'read_json',
    'sample_annotations',
    'sample_predictions',
    'side_confusion',
    'soft_oks_nms',
    'subset_curves',
    'subset_oks',
    'summarize_curves',
    'summary_table',
    'suppress_people',
]
