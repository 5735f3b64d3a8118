_base_ = ['./pose-detection_simcc_onnxruntime_dynamic.py']

# All of the graph in FP16, but its inputs and outputs.
backend_config = dict(
    precision='fp16',
    common_config=dict(keep_io_types=True, max_finite_val=6e4),
)
