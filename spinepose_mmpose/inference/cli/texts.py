"""What ``--help`` says beside the options."""

DESCRIPTION = """\
Find people in pictures and videos and estimate 37 keypoints of each, 9 of
them along the spine. Writes drawings (-o) and results (-s)."""

EXAMPLES = """\
examples:
  a photograph, drawn and as OpenPose JSON
      spinepose-mmpose -i photo.jpg -o drawn.png -s photo.json
  a video: drawing, one OpenPose file a frame in the folder walk_json
      spinepose-mmpose -i walk.mp4 -o drawn.mp4 -s walk_json
  a table for pandas or R; markers for OpenSim
      spinepose-mmpose -i walk.mp4 -s walk.csv
      spinepose-mmpose -i walk.mp4 -s results/ --save-format csv,trc
  from 0:30 to 1:00, every second frame, smoothed afterwards without delay
      spinepose-mmpose -i walk.mp4 -s walk.csv --start 30 --end 1:00 \\
          --stride 2 --smooth offline
  a folder of videos, again after the power failed
      spinepose-mmpose -i clips/ -s results/ --resume
  the same folder on four GPUs
      torchrun --nproc-per-node 4 --no-python spinepose-mmpose -i clips/ \\
          -s results/ --device cuda
  a camera, shown while it runs; q or Ctrl-C ends
      spinepose-mmpose -i webcam --show
  your own network and detector, offline
      spinepose-mmpose -i walk.mp4 -s walk.jsonl --model spinepose.onnx \\
          --detector rtmdet.onnx

More: docs/inference.md"""

LIFTING = (
    '--enable-lifting',
    '--camera-field-of-view',
    '--no-metric-scale',
    '--no-camera-pose',
    '--no-ground-plane',
    '--primary-subject-height',
    '--warmup-frames',
    '--no-lifting-panel',
)
