"""Identities on made-up clips with known truth."""

import moving_people  # noqa: F401  the tools' folder

# isort: split
import benchmark_tracking as benchmark
import pytest
from _clip_scenes import make_clip


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    'name, least, most_switches',
    [
        ('crossing', 0.97, 0),
        ('pillar', 0.96, 0),
        slow('leave and enter', 0.97, 0),
        slow('turning back', 0.97, 0),
        slow('doubled boxes', 0.92, 0),
        slow('pan and shake', 0.95, 0),
        slow('crowd of 8', 0.9, 4),
    ],
)
def test_identities_on_clips(name, least, most_switches):
    counts = benchmark.count(
        [make_clip(name, 0)], lambda clip: benchmark.run_ours(clip, 1)
    )
    idf1, switches = benchmark.summary(counts)
    assert idf1 >= least
    assert switches <= most_switches


def test_identities_between_detections():
    counts = benchmark.count(
        [make_clip('crossing', 1)], lambda clip: benchmark.run_ours(clip, 5)
    )
    idf1, switches = benchmark.summary(counts)
    assert idf1 >= 0.95 and switches == 0
