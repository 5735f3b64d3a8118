import numpy as np
import pytest
from identity import identity_scores


def scores(truth, predicted, similarities=None, **kwargs):
    """Without similarities person i of a frame is prediction i."""
    if similarities is None:
        similarities = [
            np.eye(len(g), len(p)) for g, p in zip(truth, predicted)
        ]
    return identity_scores(truth, predicted, similarities, **kwargs)


def test_one_switch_in_the_middle():
    # Person 'a' is 1 for six frames and 2 for four: 6 of 10 under one id.
    result = scores([['a']] * 10, [[1]] * 6 + [[2]] * 4)
    assert (result.idtp, result.idfp, result.idfn) == (6, 4, 4)
    assert result.idf1 == result.idp == result.idr == pytest.approx(0.6)
    assert (result.switches, result.missed, result.false) == (1, 0, 0)


def test_exchanged_identities():
    # Two people exchange ids after 3 of 4 frames: 3 frames each are right.
    truth = [['a', 'b']] * 4
    result = scores(truth, [[1, 2]] * 3 + [[2, 1]])
    assert result.idtp == 6
    assert result.idf1 == pytest.approx(12 / 16)
    assert result.switches == 2


def test_misses_and_false_alarms_are_no_switches():
    truth = [['a'], ['a'], ['a'], []]
    predicted = [[7], [], [7], [9]]
    result = scores(truth, predicted)
    # 3 true, 3 predicted, 2 under the right identity.
    assert (result.idtp, result.idfp, result.idfn) == (2, 1, 1)
    assert result.idf1 == pytest.approx(4 / 6)
    assert (result.switches, result.missed, result.false) == (0, 1, 1)


def test_switch_is_seen_across_a_gap():
    result = scores([['a']] * 3, [[1], [], [2]])
    assert (result.switches, result.missed) == (1, 1)


def test_pairing_is_global_and_not_greedy():
    # 1 meets 'a' 3 times and 'b' twice, 2 meets 'a' twice: greedy takes
    # (a, 1) with 3 and leaves b and 2 alone; the best is (a, 2), (b, 1): 4.
    truth = [['a']] * 5 + [['b']] * 2
    predicted = [[1]] * 3 + [[2]] * 2 + [[1]] * 2
    result = scores(truth, predicted)
    assert result.idtp == 4
    assert result.switches == 1


def test_a_pair_is_kept_although_another_is_more_similar():
    truth, predicted = [['a']] * 2, [[1, 2], [1, 2]]
    similarities = [np.array([[0.9, 0.0]]), np.array([[0.6, 0.9]])]
    result = scores(truth, predicted, similarities)
    assert result.switches == 0
    # Below the threshold it is not kept.
    assert scores(truth, predicted, similarities, threshold=0.7).switches == 1


def test_greatest_sum_of_similarities():
    # (a, 2) and (b, 1) give 1.1, (a, 1) alone 0.9 as (b, 2) is too far.
    similarities = [np.array([[0.9, 0.6], [0.5, 0.0]])]
    result = scores([['a', 'b']], [[1, 2]], similarities)
    assert (result.missed, result.false) == (0, 0)


def test_kept_pairs_go_before_more_pairs():
    truth = [['a'], ['a', 'b']]
    predicted = [[1], [1, 2]]
    similarities = [np.array([[0.9]]), np.array([[0.9, 0.5], [0.5, 0.0]])]
    result = scores(truth, predicted, similarities)
    assert (result.switches, result.missed) == (0, 1)


def test_nobody():
    result = scores([[], []], [[], []])
    assert (result.idf1, result.switches) == (1.0, 0)
    result = scores([['a']], [[]])
    assert (result.idf1, result.idr, result.missed) == (0.0, 0.0, 1)


def test_wrong_input():
    with pytest.raises(ValueError, match=r'\(1, 2, 1\)'):
        identity_scores([['a']], [[1], [1]], [np.eye(1)])
    with pytest.raises(ValueError, match='frame 0.*predicted identity once'):
        identity_scores([['a']], [[1, 1]], [np.ones((1, 2))])
