"""COCO keypoint evaluation written out person by person, for comparison."""

import math

THRESHOLDS = [0.5 + 0.05 * i for i in range(10)]
AREAS = [(0, 1e10), (1024, 9216), (9216, 1e10)]
NAMES = ('AP', 'AP .5', 'AP .75', 'AP (M)', 'AP (L)')


def oks(dt, gt, ids, sigmas):
    """One detection, one person; both COCO dictionaries."""
    total, count = 0.0, 0
    labelled = [k for k in ids if gt['keypoints'][3 * k + 2] > 0]
    x, y, w, h = gt['bbox']
    for k in labelled or ids:
        dx, dy = (dt['keypoints'][3 * k + i] for i in range(2))
        if labelled:
            dx -= gt['keypoints'][3 * k]
            dy -= gt['keypoints'][3 * k + 1]
        else:
            dx = max(0, x - w - dx, dx - x - 2 * w)
            dy = max(0, y - h - dy, dy - y - 2 * h)
        e = (dx * dx + dy * dy) / (2 * sigmas[k]) ** 2 / 2
        total += math.exp(-e / (gt['area'] + 2.0**-52))
        count += 1
    return total / count


def extent(dt, ids):
    xs = [dt['keypoints'][3 * k] for k in ids]
    ys = [dt['keypoints'][3 * k + 1] for k in ids]
    return (max(xs) - min(xs)) * (max(ys) - min(ys))


def match(gts, dts, ids, sigmas, threshold, area):
    """(score, hit, miss) of each detection and the people to be found."""

    def out_of(value):
        return value < area[0] or value > area[1]

    ignored = [
        bool(gt['iscrowd'])
        or out_of(gt['area'])
        or not any(gt['keypoints'][3 * k + 2] > 0 for k in ids)
        for gt in gts
    ]
    used, verdicts = set(), []
    for dt in dts:
        best = None
        for g, gt in enumerate(gts):
            similarity = oks(dt, gt, ids, sigmas)
            if similarity < threshold or (g in used and not gt['iscrowd']):
                continue
            rank = (not ignored[g], similarity, g)
            best = rank if best is None else max(best, rank)
        if best:
            used.add(best[2])
            verdicts.append((dt['score'], best[0], False))
        else:
            verdicts.append((dt['score'], False, not out_of(extent(dt, ids))))
    return verdicts, ignored.count(False)


def average(dataset, results, ids, sigmas, threshold, area, category):
    """(AP, AR) at one threshold; None where nobody is to be found."""
    verdicts, num_people = [], 0
    for image in sorted(image['id'] for image in dataset['images']):
        gts = [
            gt
            for gt in dataset['annotations']
            if gt['image_id'] == image and gt['category_id'] == category
        ]
        dts = [
            dt
            for dt in results
            if dt['image_id'] == image
            and dt['category_id'] == category
            and any(dt['keypoints'][3 * k + 2] > 0 for k in ids)
        ]
        dts = sorted(dts, key=lambda dt: -dt['score'])[:20]
        found, people = match(gts, dts, ids, sigmas, threshold, area)
        verdicts += found
        num_people += people
    if not num_people:
        return None
    hits = misses = 0
    curve = []
    for _, hit, miss in sorted(verdicts, key=lambda verdict: -verdict[0]):
        hits += hit
        misses += miss
        curve.append((hits / num_people, hits / max(hits + misses, 1)))
    precisions = []
    for i in range(101):
        # i * 0.01 and not i / 100: COCO's recalls, to the last bit.
        reachable = [p for r, p in curve if r >= i * 0.01]
        precisions.append(max(reachable, default=0))
    return sum(precisions) / 101, hits / num_people


def evaluate(dataset, results, ids, sigmas):
    """The ten numbers."""
    categories = {gt['category_id'] for gt in dataset['annotations']}
    cells = {
        (t, a): [
            average(dataset, results, ids, sigmas, threshold, area, category)
            for category in categories
        ]
        for t, threshold in enumerate(THRESHOLDS)
        for a, area in enumerate(AREAS)
    }

    def mean(ts, a, which):
        values = [c[which] for t in ts for c in cells[t, a] if c]
        return sum(values) / len(values) if values else -1

    every = range(10)
    stats = {}
    for which, kind in enumerate(('AP', 'AR')):
        for name, ts, a in zip(
            NAMES, (every, [0], [5], every, every), (0, 0, 0, 1, 2)
        ):
            stats[name.replace('AP', kind)] = mean(ts, a, which)
    return stats
