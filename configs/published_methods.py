# The methods of the published results table on its test sets, one at a time:
# SPINEPOSE_METHOD names one of them, or the path of another config.
# docs/evaluation.md explains the settings.
_base_ = [
    {
        'spinepose-s': './spinepose-s.py',
        'spinepose-m': './spinepose-m.py',
        'spinepose-l': './spinepose-l.py',
        'spinepose-x': './spinepose-x.py',
        'rtmpose-t-halpe26': 'mmpose::body_2d_keypoint/rtmpose/body8/'
        'rtmpose-t_8xb1024-700e_body8-halpe26-256x192.py',
        'rtmpose-s-halpe26': 'mmpose::body_2d_keypoint/rtmpose/body8/'
        'rtmpose-s_8xb1024-700e_body8-halpe26-256x192.py',
        'rtmpose-m-halpe26': 'mmpose::body_2d_keypoint/rtmpose/body8/'
        'rtmpose-m_8xb512-700e_body8-halpe26-256x192.py',
        'rtmpose-l-halpe26': 'mmpose::body_2d_keypoint/rtmpose/body8/'
        'rtmpose-l_8xb512-700e_body8-halpe26-256x192.py',
        'rtmpose-x-halpe26': 'mmpose::body_2d_keypoint/rtmpose/body8/'
        'rtmpose-x_8xb256-700e_body8-halpe26-384x288.py',
        'rtmw-m': 'mmpose::wholebody_2d_keypoint/rtmpose/cocktail14/'
        'rtmw-m_8xb1024-270e_cocktail14-256x192.py',
        'rtmw-l': 'mmpose::wholebody_2d_keypoint/rtmpose/cocktail14/'
        'rtmw-l_8xb1024-270e_cocktail14-256x192.py',
        'rtmw-l-384x288': 'mmpose::wholebody_2d_keypoint/rtmpose/cocktail14/'
        'rtmw-l_8xb320-270e_cocktail14-384x288.py',
        'simcc-mbv2': 'mmpose::body_2d_keypoint/simcc/coco/'
        'simcc_mobilenetv2_wo-deconv-8xb64-210e_coco-256x192.py',
        'simcc-vipnas': 'mmpose::body_2d_keypoint/simcc/coco/'
        'simcc_vipnas-mbv3_8xb64-210e_coco-256x192.py',
        'simcc-res50': 'mmpose::body_2d_keypoint/simcc/coco/'
        'simcc_res50_8xb64-210e_coco-256x192.py',
        'simcc-res50-384x288': 'mmpose::body_2d_keypoint/simcc/coco/'
        'simcc_res50_8xb32-140e_coco-384x288.py',
    }.get(
        '{{$SPINEPOSE_METHOD:spinepose-m}}', '{{$SPINEPOSE_METHOD:spinepose-m}}'
    ),
    './_base_/datasets/test_sets.py',
]

custom_imports = dict(imports=['spinepose_mmpose'], allow_failed_imports=False)
# The metainfo of the keypoints that a method predicts, by their number.
keypoints = {
    17: 'configs/_base_/datasets/coco.py',
    26: 'configs/_base_/datasets/halpe26.py',
    37: 'configs/_base_/datasets/spinetrack.py',
    133: 'configs/_base_/datasets/coco_wholebody.py',
}[_base_.model.head.out_channels]

test_dataloader = dict(_delete_=True, **_base_.benchmark_dataloader)
test_dataloader['dataset'].update(
    metainfo=dict(from_file=keypoints),
    pipeline=_base_.test_dataloader.dataset.pipeline,
)
test_evaluator = dict(
    _delete_=True, predicts=keypoints, **_base_.benchmark_evaluator
)
