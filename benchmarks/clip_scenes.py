"""Scenes in which identities are easily lost; each varies with the seed."""

import numpy as np
from clips import Actor, Clip, build


def walk(start, end, duration, begin=0.0):
    """A straight path [x, z] in metres, away before and after."""
    start, end = np.asarray(start, float), np.asarray(end, float)

    def path(t):
        share = (t - begin) / duration
        if not 0 <= share <= 1:
            return None
        return start + (end - start) * share

    return path


def _crossing(seed):
    rng = np.random.default_rng(seed)
    near, far = rng.uniform(4.5, 5), rng.uniform(5.6, 6.5)
    return [
        Actor(walk((-3, near), (3, near), 4.5)),
        Actor(walk((3, far), (-3, far), rng.uniform(3.8, 4.5))),
    ], {}


def _overtaking(seed):
    rng = np.random.default_rng(seed)
    return [
        Actor(walk((-2.4, 5.0), (1.8, 5.0), 5)),
        Actor(walk((-3.2, 6.0), (3.2, 6.0), rng.uniform(4, 4.8))),
    ], {}


def _crowd(seed):
    rng = np.random.default_rng(seed)
    actors = []
    for _ in range(8):
        z = rng.uniform(4.5, 9)
        side = rng.choice([-1, 1])
        reach = 0.6 * z
        actors.append(
            Actor(
                walk(
                    (-side * reach, z),
                    (side * reach, z + rng.uniform(-1, 1)),
                    2 * reach / rng.uniform(0.9, 1.6),
                    rng.uniform(0, 3),
                )
            )
        )
    return actors, dict(seconds=9)


def _pillar(seed):
    rng = np.random.default_rng(seed)
    speed = rng.uniform(1.0, 1.5)
    return [
        Actor(walk((-3, 6), (3, 6), 6 / speed)),
        Actor(walk((3, 7), (-3, 7), 6 / speed, 0.8)),
    ], dict(pillars=[(-0.45, 0.45, 3.5)], seconds=6)


def _leave_and_enter(seed):
    rng = np.random.default_rng(seed)
    wait = rng.uniform(0.3, 1.0)
    return [
        Actor(walk((0, 5), (4.5, 5), 3)),
        # Somebody else comes where the first one went, or soon after.
        Actor(walk((4.3, 5.3), (-1, 5.3), 4, 2.4 + wait)),
        Actor(walk((-4, 6.5), (4, 6.5), 6, rng.uniform(0, 1))),
    ], dict(seconds=7)


def _pan(seed):
    rng = np.random.default_rng(seed)
    rate, start = rng.uniform(12, 20), rng.uniform(0.5, 1.5)
    shake = rng.normal(0, 0.25, 400)

    def pan(t):
        return min(max(t - start, 0), 1.5) * rate - 12 + shake[int(t * 30)]

    return [
        Actor(walk((-2, 5), (2.5, 5), 4.5)),
        Actor(walk((2, 6.5), (-1.5, 6.5), 4.5)),
        Actor(walk((0.5, 8), (2.0, 7), 4.5)),
    ], dict(pan=pan)


def _turning_back(seed):
    """Two meet, stand together and go back: motion alone misleads here."""
    rng = np.random.default_rng(seed)
    half = rng.uniform(2.0, 2.4)

    def path(sign, z):
        return lambda t: (
            np.array([sign * (0.22 + 1.1 * abs(t - half)), z])
            if t < 2 * half
            else None
        )

    return [Actor(path(-1, 5.0)), Actor(path(1, 5.4))], {}


def _doubles(seed):
    actors, _ = _crossing(seed)
    return actors, dict(doubles=0.4, misses=0.1, inventions=0.05)


def _slow(seed):
    actors, _ = _crowd(seed)
    return actors, dict(fps=6.0, seconds=9)


CLIPS = {
    'crossing': _crossing,
    'overtaking': _overtaking,
    'crowd of 8': _crowd,
    'pillar': _pillar,
    'leave and enter': _leave_and_enter,
    'pan and shake': _pan,
    'turning back': _turning_back,
    'doubled boxes': _doubles,
    '6 frames per second': _slow,
}


def make_clip(name: str, seed: int = 0) -> Clip:
    """One of :data:`CLIPS`; the seed varies it."""
    actors, settings = CLIPS[name](seed)
    return build(name, actors, **dict(dict(seconds=4.5, seed=seed), **settings))
