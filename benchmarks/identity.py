"""Metrics of how well identities are kept over time.

IDF1 matches whole trajectories one to one, so every frame after a switch
counts: Ristani et al., Performance Measures and a Data Set for Multi-Target,
Multi-Camera Tracking, 2016 (arXiv 1609.01775), section 3. Switches count how
often an identity changes: Bernardin and Stiefelhagen, Evaluating Multiple
Object Tracking Performance: The CLEAR MOT Metrics, 2008.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Hashable, List, Sequence, Tuple

import numpy as np
from scipy.optimize import linear_sum_assignment


@dataclass(frozen=True)
class IdentityScores:
    """Counts are people in frames; ratios are 0 to 1.

    Attributes:
        idf1: ``2 idtp / (2 idtp + idfp + idfn)``; 1 where nobody is.
        idp, idr: ``idtp / predicted`` and ``idtp / truth``.
        switches: A person's identity differs from the one it had last.
        idtp, idfp, idfn: By the best pairing of whole trajectories.
        missed, false: People and predictions without a match in their frame.
    """

    idf1: float
    idp: float
    idr: float
    switches: int
    idtp: int
    idfp: int
    idfn: int
    missed: int
    false: int


def identity_scores(
    truth: Sequence[Sequence[Hashable]],
    predicted: Sequence[Sequence[Hashable]],
    similarities: Sequence[np.ndarray],
    threshold: float = 0.5,
) -> IdentityScores:
    """Compare predicted identities with true ones over T frames.

    Args:
        truth (sequence): T lists of the identities of G people in the frame.
        predicted (sequence): T lists of the identities of P predictions in
            the frame.
        similarities (sequence): T arrays (G, P), for example OKS or box IoU.
        threshold (float): A pair from here on may be the same person.

    Returns:
        IdentityScores: Over all frames.

    Raises:
        ValueError: The lengths disagree or an identity comes twice in a frame.
    """
    frames = _checked(truth, predicted, similarities)
    num_truth = sum(len(g) for g, _, _ in frames)
    num_predicted = sum(len(p) for _, p, _ in frames)
    idtp = _identity_matches(frames, threshold)
    switches, matched = _switches(frames, threshold)
    return IdentityScores(
        idf1=_ratio(2 * idtp, num_truth + num_predicted),
        idp=_ratio(idtp, num_predicted),
        idr=_ratio(idtp, num_truth),
        switches=switches,
        idtp=idtp,
        idfp=num_predicted - idtp,
        idfn=num_truth - idtp,
        missed=num_truth - matched,
        false=num_predicted - matched,
    )


def _checked(truth, predicted, similarities) -> List[Tuple]:
    lengths = (len(truth), len(predicted), len(similarities))
    if len(set(lengths)) > 1:
        raise ValueError(
            'truth, predictions and similarities should have as many frames, '
            f'but have {lengths}.'
        )
    frames = []
    for t, (g, p, s) in enumerate(zip(truth, predicted, similarities)):
        s = np.asarray(s, dtype=np.float64).reshape(len(g), len(p))
        for name, ids in (('true', g), ('predicted', p)):
            if len(set(ids)) < len(ids):
                raise ValueError(
                    f'frame {t} should have each {name} identity once, but '
                    f'has {list(ids)}.'
                )
        frames.append((list(g), list(p), s))
    return frames


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _identity_matches(frames, threshold: float) -> int:
    """IDTP: frames in which paired trajectories meet, at best.

    A pair leaves ``truth + predicted - 2 meetings`` errors, so the cheapest
    pairing of the paper is the one with the most meetings.
    """
    meetings = Counter(
        (g[i], p[j])
        for g, p, s in frames
        for i, j in zip(*np.nonzero(s >= threshold))
    )
    rows = {person: i for i, person in enumerate({g for g, _ in meetings})}
    columns = {ident: j for j, ident in enumerate({p for _, p in meetings})}
    table = np.zeros((len(rows), len(columns)), dtype=np.int64)
    for (person, identity), count in meetings.items():
        table[rows[person], columns[identity]] = count
    return int(table[linear_sum_assignment(table, maximize=True)].sum())


def _switches(frames, threshold: float) -> Tuple[int, int]:
    """(switches, matched people) of the frame-by-frame matching.

    A pair of the frame before is kept as long as it is similar enough; the
    rest is matched for the greatest sum of similarities. A frame without
    people or without predictions changes nothing.
    """
    last, before = {}, {}  # person -> identity: ever, in the frame before
    switches = matched = 0
    for g, p, s in frames:
        if not s.size:
            continue
        value = np.where(s >= threshold, s, 0.0)
        for i, person in enumerate(g):
            if person in before and before[person] in p:
                j = p.index(before[person])
                if s[i, j] >= threshold:
                    # Outweighs the similarities of all other pairs.
                    value[i, j] += 1 + value.size * np.abs(s).max()
        pairs = linear_sum_assignment(value, maximize=True)
        before = {g[i]: p[j] for i, j in zip(*pairs) if s[i, j] >= threshold}
        switches += sum(
            person in last and last[person] != identity
            for person, identity in before.items()
        )
        matched += len(before)
        last.update(before)
    return switches, matched
