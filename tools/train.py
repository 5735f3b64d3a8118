"""Train a model: mmpose's tools/train.py with SpineTrack registered."""

from spinepose_mmpose.run import run_mmpose_tool

if __name__ == '__main__':
    run_mmpose_tool('train.py')
