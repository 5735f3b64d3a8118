_base_ = ['./pose-detection_simcc_tensorrt-fp16_dynamic-256x192.py']

codebase_config = dict(export_postprocess=True)
onnx_config = dict(
    output_names=['keypoints', 'scores'],
    dynamic_axes=dict(
        _delete_=True,
        input={0: 'batch'},
        keypoints={0: 'batch'},
        scores={0: 'batch'},
    ),
)
