_base_ = ['./pose-detection_simcc_tensorrt_dynamic-256x192.py']

onnx_config = dict(input_shape=[288, 384])  # w, h
backend_config = dict(
    model_inputs=[
        dict(
            input_shapes=dict(
                input=dict(
                    min_shape=[1, 3, 384, 288],
                    opt_shape=[8, 3, 384, 288],
                    max_shape=[32, 3, 384, 288],
                )
            )
        )
    ],
)
