"""Made-up ground truth and results with everything that goes wrong."""

import numpy as np


def random_people(seed, num_keypoints, num_images=12, categories=(1,)):
    """COCO annotation dictionary and result list.

    Crowds, unlabelled and partly labelled people, people found never, once
    or several times, images with nobody or without predictions, keypoints on
    the border, keypoint scores of 0, equal scores, more than 20 predictions.
    """
    rng = np.random.default_rng(seed)
    images = [
        dict(id=int(i), width=640, height=480)
        for i in rng.permutation(num_images) + 7
    ]
    annotations, results = [], []
    for n, image in enumerate(images):
        num_people = 0 if n == 0 else int(rng.integers(1, 5))
        for _ in range(num_people):
            size = rng.uniform(20, 250, 2)
            corner = rng.uniform(0, 300, 2)
            points = corner + size * rng.random((num_keypoints, 2))
            points[rng.random(num_keypoints) < 0.1] = 0  # on the border
            seen = rng.choice([0, 1, 2], num_keypoints, p=(0.2, 0.2, 0.6))
            if rng.random() < 0.3:
                seen[rng.integers(num_keypoints) :] = 0
            if rng.random() < 0.1:
                seen[:] = 0
            keypoints = np.concatenate([points, seen[:, None]], 1)
            annotations.append(
                dict(
                    id=len(annotations) + 1,
                    image_id=image['id'],
                    category_id=int(rng.choice(categories)),
                    bbox=[*corner.tolist(), *size.tolist()],
                    area=float(size.prod() * rng.uniform(0.3, 1)),
                    iscrowd=int(rng.random() < 0.1),
                    num_keypoints=int((seen > 0).sum()),
                    keypoints=keypoints.reshape(-1).tolist(),
                )
            )
            copies = rng.integers(0, 3) if n != 1 else 0
            if n == 2:
                copies = 12
            for _ in range(copies):
                error = rng.gamma(1, 0.04) * size.mean()
                found = points + rng.normal(0, error, points.shape)
                scores = rng.random(num_keypoints)
                scores[rng.random(num_keypoints) < 0.2] = 0
                if rng.random() < 0.2:
                    scores[: num_keypoints // 2] = 0
                results.append(
                    dict(
                        image_id=image['id'],
                        category_id=annotations[-1]['category_id'],
                        keypoints=np.concatenate([found, scores[:, None]], 1)
                        .reshape(-1)
                        .tolist(),
                        score=round(float(rng.random()), 1),
                    )
                )
    categories = [dict(id=c, name=f'category {c}') for c in categories]
    return dict(
        images=images, annotations=annotations, categories=categories
    ), results
