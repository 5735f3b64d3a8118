# COCO people as further training data for SpineTrack.
coco_root = '{{$COCO_ROOT:data/coco}}/'
coco_sets = [
    dict(
        type='CocoDataset',
        data_root=coco_root,
        data_mode='topdown',
        ann_file='annotations/person_keypoints_train2017.json',
        data_prefix=dict(img='train2017/'),
        # What is not mapped has no label and takes no part in any loss.
        pipeline=[
            dict(
                type='KeypointConverter',
                num_keypoints=37,
                mapping=[(i, i) for i in range(17)],
            )
        ],
    )
]
