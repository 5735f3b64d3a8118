# Halpe people as further training data for SpineTrack.
halpe_root = '{{$HALPE_ROOT:data/halpe}}/'
halpe_sets = [
    dict(
        type='HalpeDataset',
        data_root=halpe_root,
        data_mode='topdown',
        ann_file='annotations/halpe_train_v1.json',
        data_prefix=dict(img='hico_20160224_det/images/train2015/'),
        # Halpe's neck (18) and hip (19) are other points than SpineTrack's,
        # and the face and hands (26 and on) are not in it.
        pipeline=[
            dict(
                type='KeypointConverter',
                num_keypoints=37,
                mapping=[(i, i) for i in range(26) if i not in (18, 19)],
            )
        ],
    )
]
