# The test sets of the published results table. A config takes from here
# benchmark_dataloader and benchmark_evaluator, and states its own pipeline and
# keypoints. docs/evaluation.md explains the settings.
_base_ = []  # without it MMEngine takes the import for a config of another kind

import os

test_sets = '{{$SPINEPOSE_TEST_SETS:spinetrack}}'  # of spinetrack,coco,halpe26
spinetrack_root = '{{$SPINETRACK_ROOT:data/spinetrack}}/'
coco_root = '{{$COCO_ROOT:data/coco}}/'
halpe_root = '{{$HALPE_ROOT:data/halpe}}/'
# The detector's boxes, 56.4 AP for people; 'none' takes the labelled boxes.
person_boxes = '{{$PERSON_BOXES:COCO_val2017_detections_AP_H_56_person.json}}'
if person_boxes == 'none':
    person_boxes = None
elif '/' not in person_boxes:
    person_boxes = coco_root + 'person_detection_results/' + person_boxes

known_sets = dict(
    spinetrack=dict(
        type='SpineTrackDataset',
        data_mode='topdown',
        ann_file=spinetrack_root + 'annotations/person_keypoints_val2017.json',
        data_prefix=dict(img=spinetrack_root + 'images/val2017/'),
        test_mode=True,
    ),
    coco=dict(
        type='CocoDataset',
        data_mode='topdown',
        ann_file=coco_root + 'annotations/person_keypoints_val2017.json',
        bbox_file=person_boxes,
        data_prefix=dict(img=coco_root + 'val2017/'),
        test_mode=True,
    ),
    halpe26=dict(
        type='HalpeDataset',
        data_mode='topdown',
        ann_file=halpe_root + 'annotations/halpe_val_v1.json',
        bbox_file=person_boxes,
        data_prefix=dict(img=coco_root + 'val2017/'),
        test_mode=True,
    ),
)
known_metrics = dict(
    spinetrack=dict(
        type='SpineTrackMetric',
        prefix='spinetrack',
        ann_file=known_sets['spinetrack']['ann_file'],
    ),
    coco=dict(
        type='CocoMetric',
        prefix='coco',
        ann_file=known_sets['coco']['ann_file'],
    ),
    # The first 26 of Halpe's 136 keypoints.
    halpe26=dict(
        type='CocoMetric',
        prefix='halpe26',
        ann_file=known_sets['halpe26']['ann_file'],
        gt_converter=dict(
            type='KeypointConverter',
            num_keypoints=26,
            mapping=[(i, i) for i in range(26)],
        ),
    ),
)

chosen_sets = [name.strip() for name in test_sets.split(',')]
unknown_sets = [name for name in chosen_sets if name not in known_sets]
if unknown_sets:
    raise ValueError(
        f'SPINEPOSE_TEST_SETS={test_sets} names {unknown_sets}, '
        f'choose from {list(known_sets)}'
    )

benchmark_dataloader = dict(
    batch_size=64,
    num_workers=min(10, os.cpu_count() or 1),
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='CombinedDataset',
        datasets=[known_sets[name] for name in chosen_sets],
        test_mode=True,
    ),
)
benchmark_evaluator = dict(
    type='NamedKeypointsEvaluator',
    datasets=[known_sets[name] for name in chosen_sets],
    metrics=[known_metrics[name] for name in chosen_sets],
)
