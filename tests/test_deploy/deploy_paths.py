from pathlib import Path

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs' / 'deploy'
ONNXRUNTIME = CONFIGS / 'pose-detection_simcc_onnxruntime_dynamic.py'
