import json

from spinepose_mmpose.inference.results import Person
from spinepose_mmpose.inference.track import Tracker

import numpy as np
import pytest
from moving_people import figure, person

# isort: split
import tracking as benchmark  # moving_people adds the folder
from clip_scenes import make_clip

FPS = 30.0


def run(tracker, frames, start=0.0, fps=FPS):
    """Ids of each frame; frames are lists of people."""
    return [
        [p.track_id for p in tracker.update(people, start + t / fps)]
        for t, people in enumerate(frames)
    ]


def walking(seed, start, velocity, frames, height=200.0):
    """People moving by pixels a frame."""
    pose = figure(seed, height)
    return [
        person(pose + np.add(start, np.multiply(velocity, t)))
        for t in range(frames)
    ]


def test_ids_count_from_one_in_order():
    people = [person(figure(i) + (300 * i, 0)) for i in range(3)]
    tracker = Tracker()
    assert run(tracker, [people, people[::-1]]) == [[1, 2, 3], [3, 2, 1]]


@pytest.mark.parametrize('scale', [0.2, 1.0, 12.0])
def test_crossing_behind_one_another(scale):
    # They meet at frame 30; the far one is hidden for half a second.
    b = walking(2, (600 * scale, 10 * scale), (-10 * scale, 0), 60, 200 * scale)
    a = walking(1, (0, 0), (10 * scale, 0), 60, 200 * scale)
    frames = [[a[t]] if 22 < t < 38 else [a[t], b[t]] for t in range(60)]
    ids = run(Tracker(), frames)
    assert ids[:23] == [[1, 2]] * 23
    assert ids[23:38] == [[1]] * 15
    assert ids[38:] == [[1, 2]] * 22


def test_a_person_out_of_sight_moves_with_the_camera():
    # Three stand still; the camera turns while the third is hidden.
    frames = []
    for t in range(80):
        pan = -12.0 * min(max(t - 20, 0), 40)
        people = [
            person(figure(i) + (300 * i + pan, 0))
            for i in range(3)
            if i < 2 or not 15 < t < 65
        ]
        frames.append(people)
    ids = run(Tracker(), frames)
    assert ids[65:] == [[1, 2, 3]] * 15


def test_a_gap_keeps_the_identity_and_a_longer_one_ends_it():
    moving = walking(1, (0, 0), (6, 0), 120)
    frames = [[p] if t < 20 or t >= 60 else [] for t, p in enumerate(moving)]
    assert run(Tracker(max_gap=2.0), frames)[60:] == [[1]] * 60
    assert run(Tracker(max_gap=1.0), frames)[60:] == [[2]] * 60


def test_somebody_else_elsewhere_is_a_new_person():
    first = walking(1, (0, 0), (0, 0), 10)
    other = walking(2, (500, 0), (0, 0), 10)
    ids = run(Tracker(), [[p] for p in first] + [[p] for p in other])
    assert ids == [[1]] * 10 + [[2]] * 10


def test_ids_are_never_used_again():
    seen = set()
    tracker = Tracker(max_gap=0.2)
    for visit in range(5):
        people = walking(visit, (0, 0), (0, 0), 5)
        ids = run(tracker, [[p] for p in people], start=10.0 * visit)
        assert len({i for row in ids for i in row}) == 1
        seen.add(ids[0][0])
    assert seen == {1, 2, 3, 4, 5}


def test_doubles_are_left_out():
    pose = figure(1)
    tracker = Tracker()
    double = person(pose + 1.0, score=0.6, box=(-60, -120, 70, 110))
    result = tracker.update([double, person(pose)], 0.0)
    assert [p.track_id for p in result] == [1]
    assert result[0].bbox_score == 0.9


def test_weak_detections_continue_but_do_not_start_at_once():
    strong, weak = person(figure(1)), person(figure(1), score=0.2)
    tracker = Tracker()
    assert run(tracker, [[strong], [weak], [weak]]) == [[1]] * 3
    # On its own it becomes somebody in the third frame in a row.
    tracker = Tracker()
    ids = run(tracker, [[weak], [], [weak], [weak], [weak]])
    assert ids == [[None], [], [None], [None], [1]]


def test_slow_frames():
    people = walking(1, (0, 0), (40, 0), 12)  # 200 pixels a second at 5 fps
    assert run(Tracker(), [[p] for p in people], fps=5.0) == [[1]] * 12


@pytest.mark.parametrize('step', [1.0, 2.0, 60.0])
def test_a_slow_clip_of_people_at_rest(step):
    """Frames further apart than max_gap; the detector misses now and then."""
    rng = np.random.default_rng(0)
    tracker = Tracker(max_gap=1.5)
    for t in range(12):
        people = [
            person(figure(i) + (300 * i, 0) + rng.normal(0, 2, (37, 2)))
            for i in range(2)
            if (t + 3 * i) % 6
        ]
        boxes, _ = tracker.predict(t * step)
        assert len(boxes) == (2 if t > 1 else t)
        tracker.update(people, t * step)
    assert tracker.state()['next_id'] == 3
    # Frames without a detector: for so long nobody is believed to be there.
    for t in range(12, 20):
        boxes, _ = tracker.predict(t * step)
        assert len(boxes) == (
            2 if (t - 11) * step <= max(1.5, 2.5 * step) else 0
        )
        tracker.update(people[: len(boxes)], t * step, detected=False)


def test_a_pause_is_no_slow_clip():
    still = [person(figure(1))]
    tracker = Tracker(max_gap=1.5)
    assert run(tracker, [still] * 10) == [[1]] * 10
    assert run(tracker, [still] * 10, start=5.0) == [[2]] * 10
    # Two frames in ten seconds may be a slow clip; then frames come quickly.
    tracker = Tracker(max_gap=1.5)
    assert run(tracker, [still] * 2, fps=0.1) == [[1]] * 2
    assert run(tracker, [still] * 10, start=10.1) == [[1]] * 10
    assert len(tracker.predict(13.0)[0]) == 0


def test_predicted_boxes_hold_the_person():
    moving = walking(1, (0, 0), (8, -3), 12)
    tracker = Tracker()
    run(tracker, [[p] for p in moving[:10]])
    for ahead in (10, 11):
        (box,) = tracker.predict(ahead / FPS)[0]
        points = moving[ahead].keypoints
        low, high = points.min(0), points.max(0)
        # 10 % of its size on each side.
        pad = 0.1 * (high - low)
        np.testing.assert_allclose(
            box, [*(low - pad), *(high + pad)], atol=0.05
        )
    assert tracker.predict(0.5)[0].dtype == np.float32
    assert Tracker().predict(0.0)[0].shape == (0, 4)


def test_between_detections_the_detector_is_believed_without_a_pose():
    # The network is not sure of a single keypoint; the person drifts.
    def seen(t, score=0.8):
        box = np.float32([100, 50, 180, 250]) + [4 * t, 0, 4 * t, 0]
        return person(figure(t) + 200, scores=0.05, score=score, box=box)

    tracker = Tracker()
    for t in (0, 1, 2):
        tracker.update([seen(t)], t / FPS)
    for t in (3, 4, 5):
        boxes, scores = tracker.predict(t / FPS)
        np.testing.assert_allclose(boxes, [seen(t).bbox], atol=0.01)
        np.testing.assert_allclose(scores, [0.8])
        unsure = person(figure(t), scores=0.05, score=0.8, box=boxes[0])
        (found,) = tracker.update([unsure], t / FPS, detected=False)
        assert found.track_id == 1
    # The next detection has the last word.
    assert tracker.update([], 6 / FPS) == ()
    assert len(tracker.predict(7 / FPS)[0]) == 0


def test_somebody_without_a_pose_whom_the_detector_missed_is_gone():
    unsure = person(figure(1), scores=0.05)
    elsewhere = person(figure(2) + (600, 0), scores=0.05)
    tracker = Tracker()
    tracker.update([unsure], 0.0)
    tracker.update([elsewhere], 1 / FPS)
    found = tracker.update([unsure, elsewhere], 2 / FPS, detected=False)
    assert [p.track_id for p in found] == [2]


@pytest.mark.parametrize('seen', ['a third', 'the upper third'])
def test_a_half_seen_pose_does_not_shrink_the_box(seen):
    pose, scores = figure(1) + (300, 200), np.full(37, 0.05)
    box = np.concatenate([pose.min(0), pose.max(0)])
    if seen == 'a third':
        scores[:12] = 0.9
    else:  # most of the points, such as face, arms and spine
        scores[:30] = 0.9
        pose[:30] = box[:2] + (pose[:30] - box[:2]) * (0.8, 0.3)
    tracker = Tracker()
    tracker.update([person(pose, scores=scores, box=box)], 0.0)
    (predicted,) = tracker.predict(1 / FPS)[0]
    assert (predicted[:2] <= box[:2] + 0.01).all()
    assert (predicted[2:] >= box[2:] - 0.01).all()


def test_whom_the_detector_misses_the_tracker_finds():
    moving = walking(1, (0, 0), (3, 0), 8)
    still, unsure = figure(2) + (600, 0), figure(3) + (1200, 0)
    tracker = Tracker()
    for t in range(3):
        people = [moving[t], person(still), person(unsure, scores=0.05)]
        tracker.update(people, t / FPS)
    boxes, _ = tracker.predict(3 / FPS, np.float32([person(still).bbox]))
    assert len(boxes) == 1  # nor the one without a sure pose
    low, high = moving[3].keypoints.min(0), moving[3].keypoints.max(0)
    assert (boxes[0, :2] < low).all() and (boxes[0, 2:] > high).all()
    found = tracker.update([person(still), moving[3]], 3 / FPS, predicted=1)
    assert [p.track_id for p in found] == [2, 1]
    # A box of the tracker makes nobody new, and no doubles.
    elsewhere, double = person(figure(4) + (0, 900)), person(still, score=1.0)
    found = tracker.update(
        [person(still), elsewhere, double], 4 / FPS, predicted=2
    )
    assert [p.track_id for p in found] == [2]
    # Only a detector's sightings count for max_gap.
    for t in range(5, 70):
        people = [person(still), walking(1, (3 * t, 0), (0, 0), 1)[0]]
        tracker.update(people, t / FPS, predicted=1)
    assert len(tracker.predict(70 / FPS)[0]) == 1


def test_the_detectors_people_come_before_predicted_ones():
    pose = figure(1) + (300, 200)
    tracker = Tracker()
    run(tracker, [[person(pose)]] * 5)
    # Somewhat beside the prediction, which finds itself exactly.
    found = tracker.update(
        [person(pose + 10), person(pose)], 5 / FPS, predicted=1
    )
    assert [p.track_id for p in found] == [1]
    np.testing.assert_array_equal(found[0].keypoints, np.float32(pose + 10))
    # Of the same pose twice the detector's counts, even if it is less sure.
    for t in range(6, 80):
        people = [person(pose), person(pose, score=1.0)]
        tracker.update(people, t / FPS, predicted=1)
    assert len(tracker.predict(80 / FPS)[0]) == 1


def test_whom_nobody_is_sure_of_the_tracker_does_not_look_for():
    nobody, tracker = np.zeros((0, 4), np.float32), Tracker()
    tracker.update([person(figure(1), score=0.3)], 0.0)
    assert len(tracker.predict(1 / FPS)[0]) == 1
    assert len(tracker.predict(1 / FPS, nobody)[0]) == 0
    # A predicted box proves nothing of somebody without a pose.
    unsure = person(figure(1), scores=0.05)
    elsewhere = person(figure(2) + (600, 0))
    tracker = Tracker()
    run(tracker, [[unsure, elsewhere]] * 2)
    found = tracker.update([elsewhere, unsure], 2 / FPS, predicted=1)
    assert [p.track_id for p in found] == [2]


def test_somebody_missed_gets_one_more_chance():
    moving = walking(1, (0, 0), (3, 0), 6)
    tracker = Tracker()
    run(tracker, [[p] for p in moving[:3]])
    tracker.update([], 3 / FPS)  # the detector misses
    assert len(tracker.predict(4 / FPS)[0]) == 1
    found = tracker.update([moving[4]], 4 / FPS, detected=False)
    assert [p.track_id for p in found] == [1]
    tracker.update([], 5 / FPS, detected=False)
    tracker.update([], 6 / FPS, detected=False)
    # Kept in mind, but no more looked for.
    assert len(tracker.predict(7 / FPS)[0]) == 0
    assert run(tracker, [[moving[5]]], start=8 / FPS) == [[1]]


def test_a_weak_detection_does_not_become_sure_by_itself():
    weak = person(figure(1), score=0.3, scores=0.05)
    tracker = Tracker()
    assert run(tracker, [[weak]]) == [[None]]
    for t in range(1, 5):
        boxes, scores = tracker.predict(t / FPS)
        again = person(figure(t), score=scores[0], scores=0.05, box=boxes[0])
        (found,) = tracker.update([again], t / FPS, detected=False)
        assert found.track_id is None


def test_without_a_detector_nobody_new_appears_and_nobody_stays_for_ever():
    tracker = Tracker(max_gap=1.0)
    known = walking(1, (0, 0), (0, 0), 1)[0]
    new = person(figure(2) + (500, 0))
    nothing = person(figure(3), scores=0.05)
    tracker.update([known], 0.0)
    result = tracker.update([known, new], 0.1, detected=False)
    assert [p.track_id for p in result] == [1]
    # A pose without a sure keypoint in a box of our own proves nothing.
    assert tracker.update([nothing], 0.2, detected=False) == ()
    for t in np.arange(0.3, 1.5, 0.1):
        tracker.update([known], t, detected=False)
        assert len(tracker.predict(t)[0]) == (t <= 1.0)


def test_state_continues_exactly():
    clip = make_clip('pan and shake', 3)

    def people(frame):
        boxes, scores = clip.detections[frame]
        poses = zip(*clip.poses(frame, boxes))
        return [
            Person(k, s, np.float32(b), float(c))
            for (k, s), b, c in zip(poses, boxes, scores)
        ]

    whole = Tracker()
    for t in range(20, 60):
        whole.update(people(t), t / 30)
    other = Tracker()
    other.load_state(json.loads(json.dumps(whole.state(), allow_nan=False)))
    for t in range(60, 90):
        np.testing.assert_array_equal(
            whole.predict(t / 30)[0], other.predict(t / 30)[0]
        )
        a, b = whole.update(people(t), t / 30), other.update(people(t), t / 30)
        assert [p.track_id for p in a] == [p.track_id for p in b]
    assert whole.state() == other.state()


def test_times():
    still = person(figure(1))
    tracker = Tracker(max_gap=1.0)
    assert run(tracker, [[still]] * 3, start=5.0) == [[1]] * 3
    # The same time again, and a little back.
    assert tracker.update([still], 5.0)[0].track_id == 1
    # A new recording.
    assert tracker.update([still], 0.0)[0].track_id == 2
    for wrong in (None, float('nan'), float('inf')):
        with pytest.raises(ValueError, match='number of seconds'):
            tracker.update([still], wrong)


def test_poor_people_do_not_break_it():
    bad = figure(1)
    bad[5:30] = np.nan
    nobody = person(np.full((37, 2), np.nan), box=(np.nan,) * 4)
    empty = person(figure(2) + (400, 0), scores=0.0, box=(300, 0, 300, 0))
    tracker = Tracker()
    for t in range(3):
        result = tracker.update(
            [nobody, person(bad, box=(-40, -100, 40, 100)), empty], t / FPS
        )
        assert [p.track_id for p in result] == [1]
        assert np.isfinite(tracker.predict(t / FPS)[0]).all()
    json.dumps(tracker.state(), allow_nan=False)


def test_wrong_settings_and_input():
    with pytest.raises(ValueError, match='max_gap: -1 is not between 0 and'):
        Tracker(max_gap=-1)
    whole = person(figure(1))
    tracker = Tracker()
    tracker.update([whole], 0.0)
    with pytest.raises(ValueError, match='stay the same 37.*now 1: nose'):
        tracker.update([whole.select(['nose'])], 0.1)
    with pytest.raises(ValueError, match='same keypoints'):
        Tracker().update([whole, whole.select(['nose'])], 0.1)


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    'name, seed, least, most_switches',
    [
        ('crossing', 0, 0.97, 0),
        ('pillar', 0, 0.96, 0),
        slow('leave and enter', 0, 0.97, 0),
        slow('turning back', 0, 0.97, 0),
        slow('doubled boxes', 0, 0.92, 0),
        slow('pan and shake', 1, 0.95, 0),
        slow('crowd of 8', 2, 0.9, 4),
    ],
)
def test_identities_on_clips(name, seed, least, most_switches):
    counts = benchmark.count(
        [make_clip(name, seed)], lambda clip: benchmark.run_ours(clip, 1)
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
