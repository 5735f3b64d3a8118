# Base of every deployment config: SpinePose (and any other SimCC model) to
# ONNX, batch of any size, both SimCC distributions as outputs. Without
# input_shape the input size is that of the model's codec.
onnx_config = dict(
    type='onnx',
    export_params=True,
    keep_initializers_as_inputs=False,
    # The newest that TensorRT 8.6 reads; mmdeploy_runtime 1.3.1 carries ONNX
    # Runtime 1.15, which reads 19.
    opset_version=17,
    save_file='end2end.onnx',
    input_shape=None,
    input_names=['input'],
    output_names=['simcc_x', 'simcc_y'],
    dynamic_axes=dict(
        input={0: 'batch'}, simcc_x={0: 'batch'}, simcc_y={0: 'batch'}
    ),
    # mmdeploy's own passes need an extension that its wheel lacks.
    optimize=False,
)
codebase_config = dict(
    type='mmpose',
    task='PoseDetection',
    # The argmax inside the graph; its outputs are keypoints and scores.
    export_postprocess=False,
    # Operations of the head that leave FP16's range are rewritten.
    fp16_safe=True,
    # 'bgr': for clients that normalise BGR images with the RGB figures.
    channel_order='rgb',
)
