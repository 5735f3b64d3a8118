"""Faults of a SpineTrack-format data set: found, shown, mended in a copy.

numpy; Pillow for images, OpenCV for the pictures of the report.
"""

from .check import CheckOptions, CheckResult, check_dataset
from .findings import KINDS, Finding
from .sets import DataSet, find_sets

__all__ = [
    'KINDS',
    'CheckOptions',
    'CheckResult',
    'DataSet',
    'Finding',
    'check_dataset',
    'find_sets',
]
