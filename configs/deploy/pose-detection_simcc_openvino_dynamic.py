_base_ = ['./_base_/pose-detection_simcc.py']

# -1: of any size; the input size is that of the ONNX file.
backend_config = dict(
    type='openvino',
    model_inputs=[dict(opt_shapes=dict(input=[-1, 3, -1, -1]))],
)
