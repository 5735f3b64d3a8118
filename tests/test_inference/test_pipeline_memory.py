import sys

import pytest
from memory_check import ALLOWED, growth, measure


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
def test_memory_is_flat(tmp_path, monkeypatch):
    """300 pictures of 0.23 MB each; memory_check.py does 18,000."""
    from spinepose_mmpose.inference import estimator

    from block_clips import BlockEstimator

    monkeypatch.setattr(estimator, 'SpinePoseEstimator', BlockEstimator)
    samples = measure(300, str(tmp_path), period=0.05)
    assert len(samples) > 10
    assert growth(samples) < ALLOWED
