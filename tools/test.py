"""Tests a checkpoint: mmpose's tools/test.py with SpineTrack registered."""

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab
from spinepose_mmpose.utils import run_mmpose_tool

if __name__ == '__main__':
    run_mmpose_tool('test.py')
