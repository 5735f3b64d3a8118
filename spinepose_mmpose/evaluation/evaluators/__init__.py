from .named_keypoints_evaluator import NamedKeypointsEvaluator

__all__ = ['NamedKeypointsEvaluator']
