"""Test a checkpoint: mmpose's tools/test.py with SpineTrack registered."""

from spinepose_mmpose.run import run_mmpose_tool

if __name__ == '__main__':
    run_mmpose_tool('test.py')
