_base_ = ['./_base_/pose-detection_simcc.py']

onnx_config = dict(input_shape=[192, 256])  # w, h
backend_config = dict(
    type='tensorrt',
    common_config=dict(fp16_mode=False, max_workspace_size=1 << 30),
    model_inputs=[
        dict(
            input_shapes=dict(
                input=dict(
                    min_shape=[1, 3, 256, 192],
                    opt_shape=[8, 3, 256, 192],
                    max_shape=[32, 3, 256, 192],
                )
            )
        )
    ],
)
