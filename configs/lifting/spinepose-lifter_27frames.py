# 27 frames, the middle one lifted.
_base_ = ['../_base_/lifter.py']

stem_channels = 192
model = dict(
    backbone=dict(stem_channels=stem_channels, kernel_sizes=(3, 3, 3)),
    head=dict(in_channels=stem_channels),
)
sequence = dict(seq_len=27, pad_video_seq=True)
train_dataloader = dict(dataset=sequence)
val_dataloader = dict(dataset=sequence)
test_dataloader = dict(dataset=sequence)
